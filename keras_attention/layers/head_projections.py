"""The matrices of multi-head attention, and how they are stored."""

import itertools

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer
from keras_attention.graph.matmul import linear, split_to_axis
from keras_attention.layers import heads
from keras_attention.layers.layer import Layer


def side_by_side(initializer, widths):
    """An initializer of (D, sum(widths)) whose parts are each initialised as a matrix (D, width).

    >>> side_by_side(keras.initializers.GlorotUniform(), [4, 4])((8, 8)).shape
    (8, 8)

    Args:
        initializer: `keras.initializers.Initializer`. Each part has a seed of its own, or all parts
            would be equal.
        widths: list of integers.
    """

    def initialize(shape, dtype=None):
        parts = []
        for index, width in enumerate(widths):
            config = initializer.get_config()
            if config.get("seed") is not None:
                config["seed"] = config["seed"] + index
            part = type(initializer).from_config(config)
            parts.append(part((shape[0], width), dtype=dtype))
        return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    return initialize


class HeadProjections(Layer):
    """Projections to queries, keys and values of H heads, and from the heads to the output.

    The base of `MultiHeadAttention`, not used by itself. Built with a query's shape alone, one
    kernel holds queries, keys and values side by side; built with a value's shape too, one holds
    queries, another keys and values.

    Args: those of `MultiHeadAttention` of the same name.
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        output_dim=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
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
        # Widths of queries, keys and values, all heads together.
        self._widths = [num_heads * key_dim] * 2 + [num_heads * (value_dim or key_dim)]

    def build(self, query_shape, value_shape=None, key_shape=None):
        query_width = query_shape[-1]
        if value_shape is None and key_shape is None:
            self._add_projection("query_key_value", query_width, self._widths)
        else:
            value_width = query_width if value_shape is None else value_shape[-1]
            key_width = value_width if key_shape is None else key_shape[-1]
            require(
                key_width == value_width,
                "key",
                "as wide as `value`, because one matrix projects both",
                key_shape=key_shape,
                value_shape=value_shape,
            )
            self._add_projection("query", query_width, self._widths[:1])
            self._add_projection("key_value", value_width, self._widths[1:])
        self._add_projection("output", self._widths[2], [self.output_dim or query_width])
        self.built = True

    def _add_projection(self, name, input_width, widths):
        kernel = self.add_weight(
            name=f"{name}_kernel",
            shape=(input_width, sum(widths)),
            initializer=side_by_side(self.kernel_initializer, widths),
        )
        setattr(self, f"{name}_kernel", kernel)
        bias = None
        if self.use_bias:
            bias = self.add_weight(
                name=f"{name}_bias", shape=(sum(widths),), initializer=self.bias_initializer
            )
        setattr(self, f"{name}_bias", bias)

    def project(self, value):
        """The keys and values of a source (B, S, Dv): `{"key": (B, H, S, K), "value": ...}`."""
        length = ops.shape(value)[1]
        projected = self._apply(ops.cast(value, self.compute_dtype), "key_value", 1, 3)
        key, value = ops.split(projected, self._widths[1:2], axis=-1)
        return {
            "key": split_to_axis(key, self.num_heads),
            "value": heads.split_heads(value, self.num_heads, length),
        }

    def project_query(self, query):
        """The queries (B, H, T, K) of (B, T, D), or of (B, D) where T is 1."""
        projected = self._apply(query, "query", 0, 1)
        return heads.split_heads(projected, self.num_heads, heads.query_length(query))

    def project_all(self, query, value=None, key=None):
        """Queries, keys and values (B, H, length, K); all of `query` unless the others are given.

        Args:
            query: (B, T, D), or (B, D) where T is 1.
            value: (B, S, Dv) or None.
            key: (B, S, Dv) or None.
        """
        if value is None and key is None:
            projected = self._apply(query, "query_key_value", 0, 3)
            length = heads.query_length(query)
            return heads.split_query_key_value(projected, self.num_heads, length, self._widths)
        queries = self.project_query(query)
        memory = self.project(query if value is None else value)
        if key is not None:
            memory["key"] = self.project(key)["key"]
        return queries, memory["key"], memory["value"]

    def project_output(self, context):
        """The output (..., output_dim) of what all heads found, (..., H * Kv)."""
        return linear(context, self.output_kernel, self.compute_dtype, self.output_bias)

    def _apply(self, inputs, name, first, last):
        """Parts `first` to `last` of (query, key, value) of `inputs`, however they are stored."""
        if hasattr(self, f"{name}_kernel"):
            kernel, bias = getattr(self, f"{name}_kernel"), getattr(self, f"{name}_bias")
        elif name == "query_key_value":
            kernel = ops.concatenate([self.query_kernel, self.key_value_kernel], axis=1)
            bias = None
            if self.use_bias:
                bias = ops.concatenate([self.query_bias, self.key_value_bias])
        else:
            ends = [0, *itertools.accumulate(self._widths)]
            kernel = self.query_key_value_kernel[:, ends[first] : ends[last]]
            bias = self.query_key_value_bias[ends[first] : ends[last]] if self.use_bias else None
        return linear(inputs, kernel, self.compute_dtype, bias)

    def compute_mask(self, query, mask=None):
        # Keras hands over the masks of (query, value, key) in that order, or that of query alone.
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, query_shape, value_shape=None, key_shape=None):
        return (*query_shape[:-1], self.output_dim or query_shape[-1])

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
        }
