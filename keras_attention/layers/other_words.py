"""The words that Keras and KerasHub have for arguments, where ours differ or are missing."""

from keras_attention._validation import require


def take_words(layer, arguments, renamed=None, refused=None):
    """Other words for arguments of a layer, taken out of its further keyword arguments.

    Args:
        layer: name of the layer.
        arguments: dict of the further keyword arguments; what is taken is removed from it.
        renamed: dict from another word to ours and the value that ours has.
        refused: dict from a word to the sentence that names our way.

    Returns:
        A dict from our words to their values.

    Raises:
        ValueError: if both words are given, or one is refused. A refused word may be given with a
            value that asks for nothing: None or False.
    """
    for word, way in (refused or {}).items():
        value = arguments.pop(word, None)
        if value is not None and value is not False:
            raise ValueError(f"{layer} takes no `{word}`: {way} Received: {word}={value!r}")
    taken = {}
    for word, (ours, given) in (renamed or {}).items():
        value = arguments.pop(word, None)
        require(
            value is None or given is None,
            word,
            f"left out where `{ours}` is given: it is another word for it",
            **{word: value, ours: given},
        )
        taken[ours] = given if value is None else value
    return taken
