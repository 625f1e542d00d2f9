"""What additive and multiplicative attention share: everything but the score."""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.graph.map_chunks import map_chunks
from keras_attention.graph.matmul import product
from keras_attention.layers.dropout import Dropout


class Attention(keras.layers.Layer):
    """Attention with one score for each pair of query and key: alpha = softmax(score), c = alpha h.

    A subclass implements `build` (which calls this one), `project_query`, `project_keys` and
    `score`; it may override

    - `align(scores, query, mask)`: from scores to weights,
    - `initial_state` and `attend`, where what a step attends to depends on the steps before it.

    Masking: `query_mask` and `value_mask` are per token, `attention_mask` per pair, True means
    attend, and all are ANDed with each other and with causality. A query that may attend to nothing
    yields zeros, as do its scores. Per-token masks may also arrive from a stock layer upstream.

    Args:
        dropout: rate on the attention weights, in [0, 1).
        block_size: queries scored at a time, what `score` makes on its way being computed again for
            the gradient; None scores all at once.
        seed: integer for the dropout.

    Call arguments and what is returned are those of `AdditiveAttention`.
    """

    def __init__(self, dropout=0.0, block_size=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        require_rate("dropout", dropout)
        if block_size is not None:
            require_positive_integer("block_size", block_size)
        self.dropout = dropout
        self.block_size = block_size
        self.seed = seed
        self.supports_masking = True
        self._dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape, value_shape, key_shape=None):
        self._dropout.build((None, None, None))
        self.built = True

    def project_query(self, query):
        """What `score` sees of queries (B, T, D): (B, T, U)."""
        return query

    def project_keys(self, key):
        """What `score` sees of keys (B, S, Dk): (B, S, U)."""
        return key

    def score(self, query, key):
        """How well each query fits each key, before mask and softmax.

        Args:
            query: projected queries (B, t, U); t is at most `block_size`.
            key: projected keys (B, S, U).

        Returns:
            (B, t, S).
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `score`.")

    def align(self, scores, query, mask):
        """The weights of every value: the softmax of `scores` where `mask` allows it.

        Args:
            scores: (B, T, S).
            query: (B, T, D), as it came.
            mask: boolean, broadcasts to (B, T, S), or None.

        Returns:
            (B, T, S).
        """
        return masks.masked_softmax(scores, mask)

    def call(
        self,
        query,
        value,
        key=None,
        projected_keys=None,
        query_mask=None,
        value_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
    ):
        query_mask = masks.implicit_mask(query) if query_mask is None else query_mask
        value_mask = masks.implicit_mask(value) if value_mask is None else value_mask
        if projected_keys is None:
            projected_keys = self.project_keys(value if key is None else key)
        queries = self.project_query(query)
        scores = self._score_in_blocks(queries, projected_keys, training)  # (B, T, S)

        mask = masks.attention_mask(query_mask, value_mask, None, attention_mask)
        may_be_empty = mask is not None
        if use_causal_mask:
            causal = masks.causal_mask(ops.shape(query)[1], ops.shape(value)[1])
            mask = masks.combine(mask, causal)
        weights = self.align(scores, query, mask)
        if may_be_empty:
            weights = weights * ops.cast(masks.row_may_attend(mask), weights.dtype)
        dropped = self._dropout(weights, training=training) if self.dropout else weights
        context = product(dropped, value, dropped.dtype)  # (B, T, Dv)
        return (context, weights) if return_attention_scores else context

    def _score_in_blocks(self, queries, keys, training):
        """`score` for all queries (B, T, U), `block_size` of them at a time: (B, T, S)."""
        if self.block_size is None:
            return self.score(queries, keys)
        return map_chunks(self.score, queries, keys, self.weights, self.block_size, training)

    def initial_state(self, value):
        """What `attend` remembers from step to step, before the first: here nothing.

        Args:
            value: (B, S, Dv).

        Returns:
            A structure of tensors with B rows.
        """
        return {}

    def attend(self, query, value, projected_keys, value_mask, state, training=None):
        """One step of a recurrence: attention of one query for each sentence.

        Args:
            query: (B, D).
            value: (B, S, Dv).
            projected_keys: from `project_keys`.
            value_mask: boolean (B, S).
            state: from `initial_state` or the step before.
            training: whether dropout is applied.

        Returns:
            Context (B, Dv), alignment (B, S) and the new state.
        """
        context, alignment = self(
            ops.expand_dims(query, 1),
            value,
            projected_keys=projected_keys,
            value_mask=value_mask,
            return_attention_scores=True,
            training=training,
        )
        return ops.squeeze(context, 1), ops.squeeze(alignment, 1), state

    def compute_mask(self, query, mask=None):
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        return (*query_shape[:-1], value_shape[-1])

    def compute_output_spec(self, query, value, *args, return_attention_scores=False, **kwargs):
        shape = self.compute_output_shape(query.shape, value.shape)
        context = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        shape = (*query.shape[:-1], value.shape[1])
        return context, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "block_size": self.block_size,
            "seed": self.seed,
        }
