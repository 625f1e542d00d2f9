"""How projected heads attend: what calls and steps of multi-head attention share."""

import functools

from keras import ops

from keras_attention import masks
from keras_attention._validation import (
    require_positive_integer,
    require_positive_number,
    require_rate,
)
from keras_attention.graph.matmul import matmul, scaled_dot_product
from keras_attention.layers import attention_cache, heads
from keras_attention.layers.banded_values import banded_values
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.head_projections import HeadProjections
from keras_attention.layers.weighted_values import weighted_values, weighted_values_in_chunks


class HeadAttention(HeadProjections):
    """Scores, masks and the weighted sum of values: the base of `MultiHeadAttention`, not used by
    itself.

    Args: those of `MultiHeadAttention` of the same name.
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
        scale=None,
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
        if scale is not None:
            require_positive_number("scale", scale)
        self.dropout = dropout
        self.scale = scale
        self.chunk_size = chunk_size
        self.sliding_window = sliding_window
        self.seed = seed
        self._dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape, value_shape=None, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self._dropout.build((None, self.num_heads, None, None))

    def score(self, query, key, query_positions, key_positions):
        """How well each query fits each key, before mask and softmax. A subclass may override it.

        Args:
            query: (B, H, T, K).
            key: (B, G, S, K), of all heads, G = H, unless queries share them: see
                `GroupedQueryAttention`.
            query_positions: (T,) or (B, T) int32.
            key_positions: (S,) or (B, S) int32. In a step the keys are those of the cache's slots,
                in any order; a position counts only where the mask lets a query see its slot.

        Returns:
            (B, H, T, S).
        """
        return scaled_dot_product(query, key, self.scale)

    def place(self, projected, positions):
        """Queries or keys with their positions in them. A subclass may override it.

        Of self-attention alone: what is placed once is compared, and kept in a cache, as it is.

        Args:
            projected: (B, heads, T, K).
            positions: (T,) or (B, T) int32.

        Returns:
            (B, heads, T, K); by default what it was given.
        """
        return projected

    def project_placed(self, query, positions):
        """Queries, keys and values of self-attention, of tokens at `positions` (T,) or (B, T)."""
        queries, keys, values = self.project_all(query)
        return self.place(queries, positions), self.place(keys, positions), values

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
        drop = self._drop(training)
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

    def is_banded(self, length):
        """Whether `sliding_window` hides something of `length` positions, integer or scalar."""
        if self.sliding_window is None:
            return False
        return not isinstance(length, int) or length > self.sliding_window

    def _attend_in_band(self, projected, token_masks, training):
        """As `_attend`, of causal self-attention to the last `sliding_window` keys.

        `token_masks` are the masks of queries and of keys (B, T), or None, and the `segment_ids`.
        """
        context, may_attend = banded_values(
            self.score, projected, self.sliding_window, *token_masks, self._drop(training)
        )
        output = self.project_output(context)
        return output if may_attend is None else output * ops.cast(may_attend, output.dtype)

    def _drop(self, training):
        return functools.partial(self._dropout, training=training) if self.dropout else None

    # A recurrent decoder's attention: see `BaseAttention`.

    def project_keys(self, key):
        """The keys and values of a source (B, S, Dv) for `attend`, made once."""
        return self.project(key)

    def initial_state(self, value):
        """What `attend` remembers from step to step: the position (B, 1) of the next query."""
        return {"position": ops.zeros((ops.shape(value)[0], 1), dtype="int32")}

    def attend(self, query, value, projected_keys, value_mask, state, training=None, matmul=matmul):
        """As `BaseAttention.attend`; the alignment (B, S) is the mean of all heads.

        `state` counts the steps, so `score` and the sliding window get the positions of a call.
        """
        output, scores = self.cross_step(
            query, projected_keys, value_mask, None, state["position"], 1, True, training
        )
        return output, ops.mean(scores, axis=1)[:, 0], {"position": state["position"] + 1}

    def empty_cache(self, batch_size, length):
        """A cache of `length` slots for self-attention: see `attention_cache`."""
        widths = self.key_dim, self.value_dim or self.key_dim
        return attention_cache.empty_cache(
            batch_size, self.num_key_value_heads, length, *widths, self.compute_dtype
        )

    def get_config(self):
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "sliding_window": self.sliding_window,
            "chunk_size": self.chunk_size,
            "seed": self.seed,
            "scale": self.scale,
        }
