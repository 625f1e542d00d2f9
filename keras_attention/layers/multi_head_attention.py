"""Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2)."""

import functools

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.graph.matmul import scaled_dot_product
from keras_attention.layers import attention_cache, heads
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.head_projections import HeadProjections
from keras_attention.layers.require_shapes import require_step_shapes
from keras_attention.layers.weighted_values import weighted_values, weighted_values_in_chunks


@keras.saving.register_keras_serializable(package="keras_attention")
class MultiHeadAttention(HeadProjections):
    """Multi-head attention with fused projections, explicit masks and a cache that is passed.

    `layer(x)` (or `layer(x, x)`) is self-attention: one matrix product makes queries, keys and
    values. `layer(x, memory)` is cross-attention: one product makes keys and values. The first call
    decides how the kernels are stored; both calls work on either.

    A call reads whole sequences. `step` attends to the positions in a cache and to the new ones,
    `cross_step` to a source that `project` has projected once.

    Masking: `query_mask`, `value_mask` and `key_mask` are per token, `attention_mask` per pair,
    True means attend, and all of them are ANDed with each other and with causality. A query that
    may attend to nothing yields zeros, as do its scores. Per-token masks may also arrive from a
    stock layer upstream.

    A subclass may override `score`, and `build` for the weights that its scores need. `score` sees
    positions, so it works in calls and in steps alike, those of a recurrent decoder too. It casts
    its weights to `query.dtype`, which only a call would do by itself.

    Args:
        num_heads: number of heads H.
        key_dim: width K of a head's queries and keys.
        value_dim: width Kv of a head's values; `key_dim` by default.
        output_dim: width of the output, that of `query` by default; also called `output_shape`.
        dropout: rate on the attention weights, in [0, 1).
        use_bias: whether the projections have biases.
        kernel_initializer, kernel_regularizer, kernel_constraint: of each projection matrix.
        bias_initializer, bias_regularizer, bias_constraint: of each bias.
        sliding_window: a query sees the keys fewer than this number of positions away; with
            causality, the last `sliding_window` ones, its own included. None for all.
        seed: integer for the dropout.
        chunk_size: how many queries are computed at a time. Then nothing of the shape (B, H, T, S)
            is ever made, in the gradient neither, unless scores are asked for. None for all.

    Call arguments:
        query: (B, T, D).
        value: (B, S, Dv), or None for self-attention.
        key: (B, S, Dk) if keys are not made from `value`.
        query_mask: boolean (B, T); Keras' tools pass it, and that of self-attention, as `mask`.
        value_mask, key_mask: boolean (B, S).
        attention_mask: boolean, broadcasts to (T, S), (B, T, S) or (B, H, T, S).
        use_causal_mask: whether query i sees the keys up to position i only.
        return_attention_scores: whether to return the scores too.
        training: whether dropout is applied.

    Returns:
        (B, T, output_dim); with `return_attention_scores` also (B, H, T, S).

    Raises:
        ValueError: if a size or a rate is out of range, or an input has another rank or size.

    Example:

    >>> layer = MultiHeadAttention(num_heads=2, key_dim=16)
    >>> x = keras.random.normal((3, 5, 32))
    >>> output, scores = layer(x, use_causal_mask=True, return_attention_scores=True)
    >>> output.shape, scores.shape
    ((3, 5, 32), (3, 2, 5, 5))
    >>> cache = layer.empty_cache(batch_size=3, length=5)
    >>> slots = attention_cache.cache_slots(cache, slot=0)
    >>> first, scores, cache = layer.step(x[:, 0], cache, slots)  # first is output[:, 0]

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
        sliding_window=None,
        chunk_size=None,
        **kwargs,
    ):
        super().__init__(
            num_heads,
            key_dim,
            value_dim,
            output_dim,
            use_bias,
            kernel_initializer,
            bias_initializer,
            **kwargs,
        )
        require_rate("dropout", dropout)
        for name, size in (("sliding_window", sliding_window), ("chunk_size", chunk_size)):
            if size is not None:
                require_positive_integer(name, size)
        self.dropout = dropout
        self.chunk_size = chunk_size
        self.sliding_window = sliding_window
        self.seed = seed
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
        super().build(query_shape, value_shape, key_shape)
        self._dropout.build((None, self.num_heads, None, None))

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
        training=None,
        mask=None,
    ):
        mask = masks.implicit_mask(query) if mask is None else mask
        if value_mask is None:
            value_mask = mask if value is None else masks.implicit_mask(value)
        query_mask = mask if query_mask is None else query_mask
        self.require_shapes(query, value, key, query_mask, value_mask, key_mask, attention_mask)
        projected = self.project_all(query, value, key)
        length, source_length = ops.shape(query)[1], ops.shape(projected[1])[2]
        mask = masks.attention_mask(query_mask, value_mask, key_mask, attention_mask)
        # A purely causal row, or window, sees itself: only other masks can leave it with nothing.
        no_mask = mask is None
        may_be_empty = not no_mask or (value is not None and self.sliding_window is not None)
        if use_causal_mask:
            mask = masks.combine_pairs(mask, masks.causal_mask(length, source_length))
        positions = [ops.arange(size, dtype="int32") for size in (length, source_length)]
        output, scores = self._attend(
            query, projected, positions, mask, may_be_empty, return_attention_scores, training
        )
        if value is not None and no_mask:
            output = heads.zeros_without_keys(output, source_length)
        return (output, scores) if return_attention_scores else output

    def step(self, query, cache, slots, return_attention_scores=False, training=None):
        """Self-attention of new positions to those in a cache and to themselves.

        Args:
            query: (B, T, D), or (B, D) for one position.
            cache: from `empty_cache` or the step before.
            slots: from `attention_cache.cache_slots`: which slots the new positions take, and which
                they see.
            return_attention_scores, training: as in a call.

        Returns:
            The output (B, T, output_dim), or (B, output_dim); the scores (B, H, T, S) or None; and
            the cache that holds the new positions too.
        """
        require_step_shapes(self.known_sizes(), query, cache)
        query_heads, key, value = self.project_all(query)
        cache = attention_cache.write_cache(cache, {"key": key, "value": value}, slots)
        projected = query_heads, *attention_cache.read_cache(cache, slots)
        positions = slots.query_positions, slots.key_positions
        mask, may_be_empty = slots.mask, len(slots.mask.shape) > 2
        output, scores = self._attend(
            query, projected, positions, mask, may_be_empty, return_attention_scores, training
        )
        return output, scores, cache

    def cross_step(
        self,
        query,
        memory,
        value_mask=None,
        attention_mask=None,
        query_positions=None,
        queries_per_source=1,
        return_attention_scores=False,
        training=None,
    ):
        """Attention to the keys and values of a source, projected once for many steps.

        Args:
            query: (B, T, D), or (B, D) for one position.
            memory: from `project`, of B / `queries_per_source` rows.
            value_mask: boolean (B / `queries_per_source`, S).
            attention_mask: boolean, broadcasts to (B / G, G * T, S), where G is
                `queries_per_source`, or to (B / G, H, G * T, S).
            query_positions: (T,) or (B, T) int32 for `score`; 0, 1, ... if not given.
            queries_per_source: how many rows of `query`, one after the other, attend to the same
                row of the source, as the hypotheses of a beam do.
            return_attention_scores, training: as in a call.

        Returns:
            The output (B, T, output_dim), or (B, output_dim); and the scores (B, H, T, S) or None.
        """
        require_step_shapes(
            self.known_sizes(), query, None, memory, value_mask, attention_mask, queries_per_source
        )
        grouped, length = query, heads.query_length(query)
        if query_positions is None:
            query_positions = ops.arange(length, dtype="int32")
        if queries_per_source != 1:
            grouped = heads.group_queries(query, queries_per_source)
            query_positions = heads.group_positions(query_positions, queries_per_source)
        key_positions = ops.arange(ops.shape(memory["key"])[2], dtype="int32")
        mask = masks.attention_mask(None, value_mask, None, attention_mask)
        output, scores = self._attend(
            grouped,
            (self.project_query(grouped), memory["key"], memory["value"]),
            (query_positions, key_positions),
            mask,
            mask is not None or self.sliding_window is not None,
            return_attention_scores,
            training,
        )
        if mask is None:
            output = heads.zeros_without_keys(output, ops.shape(memory["key"])[2])
        if queries_per_source != 1:
            output = ops.reshape(output, (*ops.shape(query)[:-1], output.shape[-1]))
            if scores is not None:
                scores = heads.ungroup_scores(scores, queries_per_source, length)
        return output, scores

    def score(self, query, key, query_positions, key_positions):
        """How well each query fits each key, before mask and softmax. A subclass may override it.

        Args:
            query: (B, H, T, K).
            key: (B, H, S, K).
            query_positions: (T,) or (B, T) int32.
            key_positions: (S,) or (B, S) int32. In a step the keys are those of the cache's slots,
                in any order; a position counts only where the mask lets a query see its slot.

        Returns:
            (B, H, T, S).
        """
        return scaled_dot_product(query, key)

    def _attend(
        self, query, projected, positions, mask, may_be_empty, return_attention_scores, training
    ):
        """The output, shaped as `query`, and the scores (B, H, T, S) or None.

        `projected` are queries, keys and values, `positions` those of queries and keys. If
        `may_be_empty`, the mask may leave a query with nothing to attend to.
        """
        if self.sliding_window is not None:
            mask = masks.combine_pairs(mask, masks.window_mask(*positions, self.sliding_window))
        in_chunks = self.chunk_size is not None and not return_attention_scores
        if mask is not None and (may_be_empty or in_chunks or len(mask.shape) == 3):
            mask = heads.expand_mask(mask)
        # Zeroing the output is cheaper than zeroing the weights, unless each head has its own mask.
        zero_empty = may_be_empty and (return_attention_scores or mask.shape[1] != 1)
        drop = functools.partial(self._dropout, training=training) if self.dropout else None
        arguments, weights = [self.score, projected, positions, mask, zero_empty, drop], None
        if in_chunks:
            arguments += [self.chunk_size, self.variables, training]
            context = weighted_values_in_chunks(*arguments)
        else:
            context, weights = weighted_values(*arguments)
        output = self.project_output(heads.merge_heads(context, query))
        if may_be_empty:
            may_attend = ops.any(masks.row_may_attend(mask), axis=1)  # (B, T or 1, 1)
            if len(query.shape) == 2:
                may_attend = ops.squeeze(may_attend, 1)
            output = output * ops.cast(may_attend, output.dtype)
        return output, weights if return_attention_scores else None

    def get_config(self):
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "sliding_window": self.sliding_window,
            "chunk_size": self.chunk_size,
            "seed": self.seed,
        }
