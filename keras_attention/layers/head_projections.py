"""The matrices of multi-head attention, and how they are stored."""

import inspect

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer, take_words
from keras_attention.graph.matmul import linear, split_to_axis
from keras_attention.layers import heads
from keras_attention.layers.adapted_layer import AdaptedLayer
from keras_attention.layers.require_shapes import require_head_shapes

REFUSED = {
    "attention_axes": "it attends over the second of three axes; move others into the batch with "
    "`keras.ops.reshape` before the call.",
    "use_gate": "multiply its output by that of a `keras.layers.Dense` with a sigmoid.",
    "flash_attention": "it has one way to compute attention, in every format; "
    "`keras.layers.MultiHeadAttention` has more.",
}
# How projections may be stored: which of queries (0), keys (1) and values (2) a kernel holds.
PARTS = (
    ("query_key_value", 0, 3),
    ("query", 0, 1),
    ("key_value", 1, 3),
    ("key", 1, 2),
    ("value", 2, 3),
)


class HeadProjections(AdaptedLayer):
    """Projections to queries, keys and values of H heads, and from the heads to the output.

    The base of `MultiHeadAttention` and `BlockSparseAttention`, not used by itself. Built with a
    query's shape alone, one kernel holds queries, keys and values side by side; built with a
    value's shape too, one holds queries, another keys and values. Where keys and values are made
    from inputs of different widths, each of the three has its own.

    Args: those of `MultiHeadAttention` of the same name.
    """

    stock_layer = "keras.layers.MultiHeadAttention"
    weight_kinds = ("kernel", "bias")

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        output_dim=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        use_output_bias=None,
        output_initializer=None,
        **kwargs,
    ):
        shape = kwargs.get("output_shape")
        if isinstance(shape, (list, tuple)) and len(shape) == 1:  # as Keras keeps an integer
            kwargs["output_shape"] = shape = shape[0]
        require(
            not isinstance(shape, (list, tuple)),
            "output_shape",
            "a positive integer: the output has one axis of width; `keras.ops.reshape` splits it",
            output_shape=shape,
        )
        if shape is not None:
            require_positive_integer("output_shape", shape)
        words = take_words(
            type(self).__name__, kwargs, {"output_shape": ("output_dim", output_dim)}, REFUSED
        )
        output_dim = words["output_dim"]
        super().__init__(**kwargs)
        require_positive_integer("num_heads", num_heads)
        require_positive_integer("key_dim", key_dim)
        if value_dim is not None:
            require_positive_integer("value_dim", value_dim)
        if output_dim is not None:
            require_positive_integer("output_dim", output_dim)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim
        self.output_dim = output_dim
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self.use_output_bias = use_output_bias
        self.output_initializer = keras.initializers.get(output_initializer)
        self.num_key_value_heads = num_heads  # a subclass may have fewer, and sets this

    @property
    def _counts(self):
        """The heads of queries, keys and values."""
        return [self.num_heads, self.num_key_value_heads, self.num_key_value_heads]

    @property
    def _widths(self):
        """The widths of queries, keys and values, all heads together."""
        of_a_head = self.key_dim, self.key_dim, self.value_dim or self.key_dim
        return [count * width for count, width in zip(self._counts, of_a_head, strict=True)]

    def build(self, query_shape, value_shape=None, key_shape=None):
        query_width = query_shape[-1]
        if value_shape is None and key_shape is None:
            self._add_projection("query_key_value", query_width, self._widths)
        else:
            value_width = query_width if value_shape is None else value_shape[-1]
            key_width = value_width if key_shape is None else key_shape[-1]
            self._add_projection("query", query_width, self._widths[:1])
            if key_width == value_width:
                self._add_projection("key_value", value_width, self._widths[1:])
            else:
                self._add_projection("key", key_width, self._widths[1:2])
                self._add_projection("value", value_width, self._widths[2:])
        context_width = self.num_heads * (self.value_dim or self.key_dim)
        self._add_projection("output", context_width, [self.output_dim or query_width])
        self.built = True

    def _add_projection(self, name, input_width, widths):
        initializer, use_bias = self.kernel_initializer, self.use_bias
        if name == "output":
            initializer = self.output_initializer or initializer
            use_bias = use_bias if self.use_output_bias is None else self.use_output_bias
        kernel = self.add_weight(
            name=f"{name}_kernel",
            shape=(input_width, sum(widths)),
            initializer=heads.side_by_side(initializer, widths),
            **heads.rules_side_by_side(**self.weight_rules("kernel"), widths=widths),
        )
        setattr(self, f"{name}_kernel", kernel)
        bias = None
        if use_bias:
            bias = self.add_weight(
                name=f"{name}_bias",
                shape=(sum(widths),),
                initializer=self.bias_initializer,
                **self.weight_rules("bias"),
            )
        setattr(self, f"{name}_bias", bias)

    def lora_kernels(self):
        stored = [(n, self._widths[i:j]) for n, i, j in PARTS if hasattr(self, f"{n}_kernel")]
        stored.append(("output", [self.output_kernel.shape[1]]))
        return {name: (getattr(self, f"{name}_kernel"), widths) for name, widths in stored}

    def project(self, value):
        """The keys and values of a source (B, S, Dv): `{"key": (B, G, S, K), "value": ...}`."""
        value = ops.cast(value, self.compute_dtype)
        projected = self._apply(value, "key_value", 1, 3)
        keys, values = ops.split(projected, self._widths[1:2], axis=-1)
        return {
            "key": split_to_axis(keys, self.num_key_value_heads),
            "value": heads.split_heads(values, self.num_key_value_heads, value),
        }

    def project_query(self, query):
        """The queries (B, H, T, K) of (B, T, D), or of (B, D) where T is 1."""
        projected = self._apply(query, "query", 0, 1)
        return heads.split_heads(projected, self.num_heads, query)

    def project_all(self, query, value=None, key=None):
        """Queries, keys and values (B, H, length, K); all of `query` unless the others are given.

        Args:
            query: (B, T, D), or (B, D) where T is 1.
            value: (B, S, Dv) or None.
            key: (B, S, Dv) or None.
        """
        if value is None and key is None:
            projected = self._apply(query, "query_key_value", 0, 3)
            return heads.split_query_key_value(projected, self._counts, query, self._widths)
        queries = self.project_query(query)
        value = query if value is None else value
        if key is None:
            memory = self.project(value)
            return queries, memory["key"], memory["value"]
        count = self.num_key_value_heads
        keys = split_to_axis(self._apply(key, "key", 1, 2), count)
        values = heads.split_heads(self._apply(value, "value", 2, 3), count, value)
        return queries, keys, values

    def project_output(self, context):
        """The output (..., output_dim) of what all heads found, (..., H * Kv)."""
        return self.times(context, "output", self.output_bias)

    def _apply(self, inputs, name, first, last):
        """Parts `first` to `last` of (query, key, value) of `inputs`, however they are stored."""
        if hasattr(self, f"{name}_kernel"):
            return self.times(inputs, name, getattr(self, f"{name}_bias"))
        kernel, bias = self._stored(name, first, last)
        return linear(inputs, kernel, self.compute_dtype, bias)

    def projection(self, name):
        """The kernel (D, H * K) and the bias, or None, of "query", "key" or "value" alone."""
        first = ("query", "key", "value").index(name)
        return self._stored(name, first, first + 1)

    def _stored(self, name, first, last):
        if hasattr(self, f"{name}_kernel"):
            return self.adapted_kernel(name), getattr(self, f"{name}_bias")
        stored = [(n, i, j) for n, i, j in PARTS if hasattr(self, f"{n}_kernel")]
        stored = [(n, i, j) for n, i, j in stored if i < last and j > first]
        kernels = [self.adapted_kernel(name) for name, _, _ in stored]
        require(
            len({kernel.shape[0] for kernel in kernels}) == 1,
            "key",
            "given: the layer was built for keys and values of different widths",
            widths=[kernel.shape[0] for kernel in kernels],
        )
        biases = [getattr(self, f"{name}_bias") for name, _, _ in stored]
        start = sum(self._widths[: stored[0][1]])
        ends = [sum(self._widths[:end]) - start for end in (first, last)]
        kernel = ops.concatenate(kernels, axis=1) if len(kernels) > 1 else kernels[0]
        bias = None
        if self.use_bias:
            bias = ops.concatenate(biases) if len(biases) > 1 else biases[0]
        if ends != [0, kernel.shape[1]]:
            kernel = kernel[:, ends[0] : ends[1]]
            bias = None if bias is None else bias[ends[0] : ends[1]]
        return kernel, bias

    def compute_mask(self, query, mask=None):
        # Keras hands over the masks of (query, value, key) in that order, or that of query alone.
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, query_shape, value_shape=None, key_shape=None):
        shapes = query_shape, value_shape, key_shape
        query, value, key = (shape and tuple(shape) for shape in shapes)
        self.require_shapes(query, value, key)
        return (*query[:-1], self.output_dim or query[-1])

    def compute_output_spec(self, *args, **kwargs):
        given = inspect.signature(self.call).bind(*args, **kwargs).arguments
        self.require_shapes(**given)
        query, value = given["query"], given.get("value")
        shape = (*query.shape[:-1], self.output_dim or query.shape[-1])
        output = keras.KerasTensor(shape, self.compute_dtype)
        if not given.get("return_attention_scores"):
            return output
        source_length = (query if value is None else value).shape[1]
        shape = (query.shape[0], self.num_heads, query.shape[1], source_length)
        return output, keras.KerasTensor(shape, self.compute_dtype)

    def known_sizes(self):
        # What was not given to `build` is made from what comes before it.
        widths = {"query": None, **self.built_widths()}
        widths = {"value": widths["query"], **widths}
        widths = {"key": widths["value"], **widths}
        letters = {"query": "D", "value": "V", "key": "K"}
        return {"H": self.num_heads, **{letters[name]: size for name, size in widths.items()}}

    def require_shapes(self, *arguments, **named):
        """Raises `ValueError` unless the arguments of a call have the shapes that it takes.

        Returns the first of them: see `require_shapes`.
        """
        return require_head_shapes(self.known_sizes(), *arguments, **named)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_dim": self.output_dim,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "use_output_bias": self.use_output_bias,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }
