"""Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2)."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.graph.matmul import linear
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.heads import (
    cache_offsets,
    merge_heads,
    query_length,
    scaled_dot_product,
    split_heads,
    write_cache,
)


@keras.saving.register_keras_serializable(package="keras_attention")
class MultiHeadAttention(keras.layers.Layer):
    """Multi-head attention with fused projections, explicit masks and a cache that is passed.

    `layer(x)` (or `layer(x, x)`) is self-attention: queries, keys and values come from one fused
    matrix product. `layer(x, memory)` is cross-attention: keys and values come from one. How the
    layer is first called decides how its kernels are stored; both calls work on either.

    Masking: `query_mask`, `value_mask` and `key_mask` are per token, `attention_mask` per pair,
    True means attend, and all of them are ANDed with each other and with causality. A query that
    may attend to nothing yields zeros, as do its scores. Per-token masks may also arrive from a
    stock layer upstream.

    Hook for subclasses: `score(query, key, start)` returns the logits before mask and softmax.

    Args:
        num_heads: number of heads H.
        key_dim: width K of a head's queries and keys.
        value_dim: width of a head's values; `key_dim` by default.
        output_dim: width of the output; that of `query` by default.
        dropout: rate on the attention weights, in [0, 1).
        use_bias: whether the projections have biases.
        kernel_initializer: of each projection matrix.
        bias_initializer: of each bias.
        seed: integer for the dropout.

    Call arguments:
        query: (B, T, D); with a `cache` also (B, D), one position without its axis, and so is the
            output then: a runtime has fewer copies to make.
        value: (B, S, Dv), or None for self-attention.
        key: (B, S, Dv) if keys are not made from `value`.
        query_mask: boolean (B, T).
        value_mask: boolean (B, S).
        key_mask: boolean (B, S).
        attention_mask: boolean, broadcasts to (B, T, S); (B, H, T, S) for one mask a head.
        use_causal_mask: whether query i sees the keys up to position i only.
        return_attention_scores: whether to return the scores too.
        cache: `{"key": (B, H, S, K), "value": (B, H, S, Kv)}` from `empty_cache` (self-attention;
            give `cache_index`) or from `project` (cross-attention; no `value` is needed).
        cache_index: scalar int32, the position of the first query: its keys and values are written
            there, where the cache must hold zeros, and each query sees the positions up to its
            own.
        offsets: `heads.cache_offsets` of the cache, if several layers share it.
        training: whether dropout is applied.

    Returns:
        `output` (B, T, output_dim); with `return_attention_scores` then (B, H, T, S); with
        `cache_index` then the new cache.

    Raises:
        ValueError: if a size or a rate is out of range, or `cache_index` comes without `cache`.

    Example:

    >>> layer = MultiHeadAttention(num_heads=2, key_dim=16)
    >>> x = keras.random.normal((3, 5, 32))
    >>> output, scores = layer(x, return_attention_scores=True)
    >>> output.shape, scores.shape
    ((3, 5, 32), (3, 2, 5, 5))

    Reference: Vaswani et al. 2017, "Attention Is All You Need", section 3.2,
    https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        output_dim=None,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_positive_integer("num_heads", num_heads)
        require_positive_integer("key_dim", key_dim)
        if value_dim is not None:
            require_positive_integer("value_dim", value_dim)
        if output_dim is not None:
            require_positive_integer("output_dim", output_dim)
        require_rate("dropout", dropout)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim
        self.output_dim = output_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed = seed
        self.supports_masking = True
        # Widths of the three parts of the projections, all heads together.
        self._key_width = num_heads * key_dim
        self._value_width = num_heads * (value_dim or key_dim)
        self._dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def __call__(self, query, value=None, *args, **kwargs):
        # `layer(x, x)` is self-attention too. Only here are the two still the same object: casting
        # to the compute dtype makes two.
        if value is query and not args and kwargs.get("key") is None:
            value = None
        if value is None and not args:
            return super().__call__(query, **kwargs)
        return super().__call__(query, value, *args, **kwargs)

    def build(self, query_shape, value_shape=None, key_shape=None):
        query_width = query_shape[-1]
        widths = [self._key_width, self._key_width, self._value_width]
        if value_shape is None and key_shape is None:
            self._add_projection("query_key_value", query_width, widths)
        else:
            value_width = query_width if value_shape is None else value_shape[-1]
            key_width = value_width if key_shape is None else key_shape[-1]
            require(
                key_width == value_width,
                "key",
                "as wide as `value`, for one matrix projects both",
                key_shape=key_shape,
                value_shape=value_shape,
            )
            self._add_projection("query", query_width, widths[:1])
            self._add_projection("key_value", value_width, widths[1:])
        self._add_projection("output", self._value_width, [self.output_dim or query_width])
        self._dropout.build((None, self.num_heads, None, None))
        self.built = True

    def _add_projection(self, name, input_width, widths):
        """One kernel whose parts are each initialised as a matrix of their own."""

        def initialize(shape, dtype=None):
            parts = []
            for index, width in enumerate(widths):
                config = self.kernel_initializer.get_config()
                if config.get("seed") is not None:  # else all parts would be equal
                    config["seed"] = config["seed"] + index
                initializer = type(self.kernel_initializer).from_config(config)
                parts.append(initializer((input_width, width), dtype=dtype))
            return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

        kernel = self.add_weight(
            name=f"{name}_kernel", shape=(input_width, sum(widths)), initializer=initialize
        )
        setattr(self, f"{name}_kernel", kernel)
        bias = None
        if self.use_bias:
            bias = self.add_weight(
                name=f"{name}_bias", shape=(sum(widths),), initializer=self.bias_initializer
            )
        setattr(self, f"{name}_bias", bias)

    def call(
        self,
        query,
        value=None,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        cache=None,
        cache_index=None,
        offsets=None,
        training=None,
    ):
        require(
            cache is not None or cache_index is None,
            "cache_index",
            "given together with `cache`",
            cache=cache,
        )
        length = query_length(query)
        if query_mask is None:
            query_mask = masks.implicit_mask(query)
        if value_mask is None and cache is None:
            value_mask = masks.implicit_mask(query if value is None else value)
        if cache is None:
            query_heads, key_heads, value_heads = self._project(query, value, key)
        elif cache_index is None:
            query_heads = split_heads(self._apply(query, "query", 0, 1), self.num_heads, length)
            key_heads, value_heads = cache["key"], cache["value"]
        else:
            query_heads, new_key, new_value = self._project(query, None, None)
            if offsets is None:
                offsets = cache_offsets(cache["key"], cache_index)
            key_heads = write_cache(cache["key"], new_key, offsets)
            value_heads = write_cache(cache["value"], new_value, offsets)
            cache = {"key": key_heads, "value": value_heads}

        mask = masks.attention_mask(query_mask, value_mask, key_mask, attention_mask)
        # A purely causal row always sees itself: only other masks can leave a row with nothing.
        may_be_empty = mask is not None
        if cache_index is not None:
            rows = ops.arange(length, dtype="int32")
            mask = masks.combine(mask, ops.expand_dims(rows, 1) >= ops.expand_dims(offsets, 0))
        elif use_causal_mask:
            mask = masks.combine(mask, masks.causal_mask(length, ops.shape(key_heads)[2]))
        if mask is not None and len(mask.shape) == 3:
            mask = ops.expand_dims(mask, 1)  # (B, 1, T, S)

        logits = self.score(query_heads, key_heads, 0 if cache_index is None else cache_index)
        weights = masks.masked_softmax(logits, mask)  # (B, H, T, S)
        # Zeroing the output is cheaper than zeroing the weights, unless each head has its own mask.
        if may_be_empty and (return_attention_scores or mask.shape[1] != 1):
            weights = weights * ops.cast(masks.row_may_attend(mask), weights.dtype)
        dropped = self._dropout(weights, training=training) if self.dropout else weights
        context = merge_heads(ops.matmul(dropped, value_heads), query)  # (B, T, H * Kv)
        output = linear(context, self.output_kernel, self.compute_dtype, self.output_bias)
        if may_be_empty:
            may_attend = ops.any(masks.row_may_attend(mask), axis=1)  # (B, T or 1, 1)
            if len(query.shape) == 2:
                may_attend = ops.squeeze(may_attend, 1)
            output = output * ops.cast(may_attend, output.dtype)
        results = [output]
        if return_attention_scores:
            results.append(weights)
        if cache_index is not None:
            results.append(cache)
        return results[0] if len(results) == 1 else tuple(results)

    def score(self, query, key, start):
        """How well each query fits each key, before mask and softmax. A subclass may override it.

        Args:
            query: (B, H, T, K).
            key: (B, H, S, K).
            start: scalar, the position of the first query; other than 0 only while decoding.

        Returns:
            (B, H, T, S).
        """
        return scaled_dot_product(query, key)

    def empty_cache(self, batch_size, length):
        """A cache for `length` positions of self-attention: zeros (B, H, length, K)."""
        shape = (batch_size, self.num_heads, length)
        return {
            "key": ops.zeros((*shape, self.key_dim), dtype=self.compute_dtype),
            "value": ops.zeros((*shape, self.value_dim or self.key_dim), dtype=self.compute_dtype),
        }

    def extend_cache(self, cache, count):
        """`cache` with room for `count` more positions."""
        more = self.empty_cache(ops.shape(cache["key"])[0], count)
        return {name: ops.concatenate([cache[name], more[name]], axis=2) for name in more}

    def project(self, value):
        """The keys and values of `value` (B, S, Dv) as a cache, made once for many queries."""
        length = ops.shape(value)[1]
        projected = self._apply(ops.cast(value, self.compute_dtype), "key_value", 1, 3)
        return self._split_key_value(projected, length)

    def project_keys(self, key):
        """What `attend` needs of the source (B, S, Dv), computed once: keys and values."""
        return self.project(key)

    def initial_state(self, value):
        """What `attend` remembers from step to step: nothing."""
        return {}

    def attend(self, query, value, projected_keys, value_mask, state, training=None):
        """One step of a recurrence, as `AdditiveAttention.attend`; the alignment (B, S) is the mean
        of all heads."""
        output, scores = self(
            query,
            value_mask=value_mask,
            cache=projected_keys,
            return_attention_scores=True,
            training=training,
        )
        return output, ops.mean(scores, axis=1)[:, 0], state

    def _split_key_value(self, projected, length):
        key, value = ops.split(projected, [self._key_width], axis=-1)
        return {
            # Put together from its heads, for a converter would join a transposition with that of
            # `score`, and make both of them anew at every step of a loop.
            "key": ops.stack(ops.split(key, self.num_heads, axis=-1), axis=1),
            "value": split_heads(value, self.num_heads, length),
        }

    def _project(self, query, value, key):
        """Queries, keys and values, each (B, H, length, K)."""
        length = query_length(query)
        if value is None and key is None:
            projected = self._apply(query, "query_key_value", 0, 3)
            if isinstance(length, int) and length == 1 and self._value_width == self._key_width:
                # One position has nothing to transpose, and LiteRT is fast at equal parts.
                heads = ops.reshape(projected, (-1, 3 * self.num_heads, 1, self.key_dim))
                return ops.split(heads, 3, axis=1)
            parts = ops.split(projected, [self._key_width, 2 * self._key_width], axis=-1)
            return [split_heads(part, self.num_heads, length) for part in parts]
        value = query if value is None else value
        query = split_heads(self._apply(query, "query", 0, 1), self.num_heads, length)
        cache = self.project(value)
        if key is not None:
            cache["key"] = self.project(key)["key"]
        return query, cache["key"], cache["value"]

    def _apply(self, inputs, name, first, last):
        """Parts `first` to `last` of (query, key, value) of `inputs`, however they are stored."""
        if hasattr(self, f"{name}_kernel"):
            kernel, bias = getattr(self, f"{name}_kernel"), getattr(self, f"{name}_bias")
        elif name == "query_key_value":
            kernel = ops.concatenate([self.query_kernel, self.key_value_kernel], axis=1)
            bias = (
                ops.concatenate([self.query_bias, self.key_value_bias]) if self.use_bias else None
            )
        else:
            ends = [
                0,
                self._key_width,
                2 * self._key_width,
                2 * self._key_width + self._value_width,
            ]
            kernel = self.query_key_value_kernel[:, ends[first] : ends[last]]
            bias = self.query_key_value_bias[ends[first] : ends[last]] if self.use_bias else None
        return linear(inputs, kernel, self.compute_dtype, bias)

    def compute_mask(self, query, mask=None):
        # Keras hands over the masks of (query, value, key) in that order, or that of query alone.
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, query_shape, value_shape=None, key_shape=None):
        return (*query_shape[:-1], self.output_dim or query_shape[-1])

    def compute_output_spec(
        self,
        query,
        value=None,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        cache=None,
        cache_index=None,
        offsets=None,
        training=None,
    ):
        results = [keras.KerasTensor(self.compute_output_shape(query.shape), self.compute_dtype)]
        batch_size = query.shape[0]
        length = 1 if len(query.shape) == 2 else query.shape[1]
        if cache is not None:
            source_length = cache["key"].shape[2]
        else:
            source_length = (query if value is None else value).shape[1]
        if return_attention_scores:
            shape = (batch_size, self.num_heads, length, source_length)
            results.append(keras.KerasTensor(shape, self.compute_dtype))
        if cache_index is not None:
            results.append(
                {k: keras.KerasTensor(v.shape, self.compute_dtype) for k, v in cache.items()}
            )
        return results[0] if len(results) == 1 else tuple(results)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_dim": self.output_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "seed": self.seed,
        }
