"""The call form of Keras' attention layers, `layer([query, value])`."""

from keras_attention._validation import require


class ListOfInputs:
    """A mixin of layers called with (query, value, key), which may also come as one list.

    `keras.layers.Attention` takes `[query, value]` or `[query, value, key]`, and their masks as
    `mask=[query_mask, value_mask]`; the list may be named `inputs`. The mixin stands before the
    layer among the bases.
    """

    # No default for the query: `tf.function` could not give a signature to what follows.
    def __call__(self, *args, mask=None, **kwargs):
        if not args:
            name = "inputs" if "inputs" in kwargs else "query"
            args = (kwargs.pop(name, None),)
        query, *args = args
        if not isinstance(query, (list, tuple)):
            if mask is not None:
                kwargs["mask"] = mask
            return super().__call__(query, *args, **kwargs)
        require(
            len(query) in (2, 3),
            "query",
            "a tensor, [query, value] or [query, value, key]",
            length=len(query),
        )
        require(
            not args and not {"value", "key"} & set(kwargs),
            "value",
            "in the list or after it, not both",
            arguments=[*kwargs],
        )
        if mask is not None:
            masks = [*mask, None][:2]
            for name, given in zip(("query_mask", "value_mask"), masks, strict=True):
                if given is not None:
                    kwargs[name] = given
        return super().__call__(*query, *args, **kwargs)
