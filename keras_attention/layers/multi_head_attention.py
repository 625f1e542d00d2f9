"""Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2)."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention.layers import attention_cache, heads
from keras_attention.layers.head_attention import HeadAttention
from keras_attention.layers.require_shapes import require_step_shapes


@keras.saving.register_keras_serializable(package="keras_attention")
class MultiHeadAttention(HeadAttention):
    """Multi-head attention with fused projections, explicit masks and a cache that is passed.

    `layer(x)` (or `layer(x, x)`) is self-attention: one matrix product makes queries, keys and
    values. `layer(x, memory)` is cross-attention: one product makes keys and values. The first call
    decides how the kernels are stored; both calls work on either.

    A call reads whole sequences, and `read` the beginning of a sequence, of which it makes a cache.
    `step` attends to the positions in a cache and to the new ones, `cross_step` to a source that
    `project` has projected once.

    Masking: `query_mask`, `value_mask` and `key_mask` are per token, `attention_mask` per pair,
    True means attend, and all of them are ANDed with each other and with causality. A query that
    may attend to nothing yields zeros, as do its scores. Per-token masks may also arrive from a
    stock layer upstream.

    A subclass may override `score`, and `build` for the weights that its scores need. `score` sees
    positions, so it works in calls and in steps alike, those of a recurrent decoder too. It casts
    its weights to `query.dtype`, which only a call would do by itself. `place` changes queries and
    keys of self-attention by their positions, before keys are cached.

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
            causality, the last `sliding_window` ones, its own included. None for all. Causal
            self-attention then takes time and memory as T * `sliding_window`, unless scores are
            asked for or an `attention_mask` is given.
        seed: integer for the dropout.
        chunk_size: how many queries are computed at a time. Then nothing of the shape (B, H, T, S)
            is ever made, in the gradient neither, unless scores are asked for. None for all.
        scale: number that products of queries and keys are multiplied by; 1 / sqrt(K) by default.
        use_output_bias: whether the output projection has a bias; `use_bias` by default.
        output_initializer: of the output projection's matrix; `kernel_initializer` by default.

    Call arguments:
        query: (B, T, D).
        value: (B, S, Dv), or None for self-attention.
        key: (B, S, Dk) if keys are not made from `value`.
        query_mask: boolean (B, T); Keras' tools pass it, and that of self-attention, as `mask`.
        value_mask, key_mask: boolean (B, S).
        attention_mask: boolean, broadcasts to (T, S), (B, T, S) or (B, H, T, S).
        use_causal_mask: whether query i sees the keys up to position i only.
        segment_ids: integer (B, T), of self-attention: a query sees keys of its own segment alone.
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

    def __call__(self, query, value=None, *args, **kwargs):
        # `layer(x, x)` is self-attention too. Only here are the two still the same object: casting
        # to the compute dtype makes two.
        if value is query and not args and kwargs.get("key") is None:
            value = None
        if value is None and not args:
            return super().__call__(query, **kwargs)
        return super().__call__(query, value, *args, **kwargs)

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
        segment_ids=None,
    ):
        mask = masks.implicit_mask(query) if mask is None else mask
        if value_mask is None:
            value_mask = mask if value is None else masks.implicit_mask(value)
        query_mask = mask if query_mask is None else query_mask
        given = query, value, key, query_mask, value_mask, key_mask, attention_mask, segment_ids
        query = self.require_shapes(*given)
        length = ops.shape(query)[1]
        of_queries = ops.arange(length, dtype="int32")
        is_own = value is None and key is None
        if is_own:
            projected = self.project_placed(query, of_queries)
        else:
            projected = self.project_all(query, value, key)
        scored = attention_mask is not None or return_attention_scores
        if is_own and use_causal_mask and not scored and self.is_banded(length):
            key_mask = masks.combine(value_mask, key_mask)
            token_masks = query_mask, key_mask, segment_ids
            return self._attend_in_band(projected, token_masks, training)
        source_length = ops.shape(projected[1])[2]
        mask = masks.attention_mask(query_mask, value_mask, key_mask, attention_mask)
        # A purely causal row, or window, sees itself: only other masks can leave it with nothing.
        no_mask = mask is None
        may_be_empty = not no_mask or (value is not None and self.sliding_window is not None)
        if segment_ids is not None:
            mask = masks.combine_pairs(mask, masks.segment_mask(segment_ids, segment_ids))
        if use_causal_mask:
            mask = masks.combine_pairs(mask, masks.causal_mask(length, source_length))
        positions = of_queries, ops.arange(source_length, dtype="int32")
        output, scores = self._attend(
            query, projected, positions, mask, may_be_empty, return_attention_scores, training
        )
        if value is not None and no_mask:
            output = heads.zeros_without_keys(output, source_length)
        return (output, scores) if return_attention_scores else output

    def read(self, query, training=None):
        """Causal self-attention of the first positions of sequences, and a cache that holds them.

        Args:
            query: (B, T, D). What stands after a sequence's end changes nothing before it; in the
                cache it is to be hidden or overwritten.
            training: as in a call.

        Returns:
            The output (B, T, output_dim), and a cache of T slots: see `attention_cache`.
        """
        self.require_shapes(query)
        length = ops.shape(query)[1]
        positions = ops.arange(length, dtype="int32")
        projected = self.project_placed(query, positions)
        cache = {"key": projected[1], "value": projected[2]}
        if self.is_banded(length):
            return self._attend_in_band(projected, (None, None, None), training), cache
        mask, positions = masks.causal_mask(length), (positions, positions)
        return self._attend(query, projected, positions, mask, False, False, training)[0], cache

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
        query_heads, key, value = self.project_placed(query, slots.query_positions)
        cache = attention_cache.write_cache(cache, {"key": key, "value": value}, slots)
        projected = query_heads, *attention_cache.read_cache(cache, slots)
        positions = slots.query_positions, slots.key_positions
        mask, may_be_empty = slots.mask, len(slots.mask.shape) > 2 and not slots.sees_itself
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
