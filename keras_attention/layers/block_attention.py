"""Attention by blocks, on projected heads: what `BlockSparseAttention` computes.

B batch, H heads, N blocks, b tokens in a block, R random blocks.
"""

from keras import ops

from keras_attention import masks
from keras_attention.graph.gathered_matmul import gathered_matmul
from keras_attention.layers.block_pattern import (
    attended_blocks,
    end_blocks,
    merged_rows,
    own_blocks,
    table_rows,
)


def block_attention(
    query,
    key,
    value,
    tokens,
    plan,
    block_size,
    window,
    ends,
    dropout=None,
    with_scores=False,
    training=False,
):
    """The context of every query, which sees the blocks of `attended_blocks`.

    Args:
        query, key: (B, H, N * b, K); the query scaled already.
        value: (B, H, N * b, Kv).
        tokens: boolean (B, N * b), True at tokens.
        plan: (H, N, R) int32, the random blocks; None for none.
        block_size: b.
        window: number of blocks in the window.
        ends: number of blocks at either end of a row that see all and are seen by all.
        dropout: layer for the weights, or None.
        with_scores: whether to return the scores too.
        training: whether the result will be differentiated, and dropout is applied.

    Returns:
        The context (B, H, N * b, Kv), and the scores (B, H, N * b, N * b) or None. Those of queries
        that are no tokens mean nothing.
    """
    batch_size, num_heads, length, _ = ops.shape(query)
    blocks = length // block_size
    own = own_blocks(tokens, block_size)

    def drop(weights):
        return weights if dropout is None else dropout(weights, training=training)

    def in_blocks(tensor):
        return ops.reshape(tensor, (-1, block_size, tensor.shape[3]))

    # All blocks, as if none were at an end.
    index, counts = attended_blocks(own, num_heads, blocks, window, ends, plan)
    seen = index.shape[3]
    rows = ops.reshape(table_rows(index, num_heads, blocks), (-1, seen))
    scores = gathered_matmul(in_blocks(query), in_blocks(key), rows, True, training)
    mask = _token_mask(tokens, index, counts, block_size)
    weights = masks.masked_softmax(scores, mask)  # (B * H * N, b, L * b)
    context = gathered_matmul(drop(weights), in_blocks(value), rows, training=training)

    # The blocks at the ends, which see everything.
    end_rows = table_rows(ops.expand_dims(end_blocks(own, blocks, ends), 1), num_heads, blocks)
    width = block_size * query.shape[3]
    end_query = ops.take(ops.reshape(query, (-1, width)), ops.reshape(end_rows, (-1,)), axis=0)
    end_query = ops.reshape(end_query, (batch_size, num_heads, -1, query.shape[3]))
    end_weights = masks.masked_softmax(
        ops.matmul(end_query, ops.swapaxes(key, 2, 3)),
        ops.expand_dims(ops.expand_dims(tokens, 1), 1),
    )  # (B, H, 2 * ends * b, N * b)
    end_context = ops.matmul(drop(end_weights), value)

    places = ops.reshape(merged_rows(own, num_heads, blocks, ends), (-1,))

    def merge(middle, end, width):
        """Both in order: (B, H, N * b, width)."""
        flat = [ops.reshape(part, (-1, block_size * width)) for part in (middle, end)]
        merged = ops.take(ops.concatenate(flat, axis=0), places, axis=0)
        return ops.reshape(merged, (batch_size, num_heads, length, width))

    scores = None
    if with_scores:
        spread = _spread(weights, ops.reshape(index, (-1, seen)), blocks, block_size)
        scores = merge(spread, end_weights, length)
    return merge(context, end_context, value.shape[3]), scores


def _token_mask(tokens, index, counts, block_size):
    """Which keys count (B * H * N, 1, L * b), of the blocks `index` (B, H, N, L)."""
    blocks, seen = ops.shape(tokens)[1] // block_size, index.shape[3]
    rows = ops.reshape(table_rows(ops.expand_dims(index, 1), 1, blocks), (-1,))
    found = ops.take(ops.reshape(tokens, (-1, block_size)), rows, axis=0)
    mask = ops.logical_and(
        ops.reshape(found, (-1, seen, block_size)), ops.reshape(counts, (-1, seen, 1))
    )
    return ops.reshape(mask, (-1, 1, seen * block_size))


def _spread(weights, index, blocks, block_size):
    """Weights (M, b, L * b) of the blocks `index` (M, L) among all N: (M, b, N * b)."""
    split = ops.reshape(weights, (-1, block_size, index.shape[1], block_size))
    where = ops.one_hot(index, blocks, dtype=weights.dtype)  # (M, L, N)
    spread = ops.einsum("mqlk,mln->mqnk", split, where)
    return ops.reshape(spread, (-1, block_size, blocks * block_size))
