"""Pure functions on attention heads (B, H, T, K): B batch, H heads, T positions, K width."""

import math

from keras import ops


def split_heads(projected, num_heads, length):
    """(B, T, H * K) -> (B, H, T, K)."""
    width = projected.shape[-1] // num_heads
    if isinstance(length, int) and length == 1:  # there is nothing to transpose
        return ops.reshape(projected, (-1, num_heads, 1, width))
    return ops.transpose(ops.reshape(projected, (-1, length, num_heads, width)), (0, 2, 1, 3))


def query_length(query):
    """How many positions a query (B, T, D), or (B, D) of one position, has."""
    return 1 if len(query.shape) == 2 else ops.shape(query)[1]


def merge_heads(context, query):
    """(B, H, T, K) -> (B, T, H * K), or (B, H * K) if `query` has no axis T either."""
    width, length = context.shape[1] * context.shape[3], query_length(query)
    if len(query.shape) == 2:
        return ops.reshape(context, (-1, width))
    if isinstance(length, int) and length == 1:
        return ops.reshape(context, (-1, 1, width))
    return ops.reshape(ops.transpose(context, (0, 2, 1, 3)), (-1, length, width))


def scaled_dot_product(query, key):
    """Q K^T / sqrt(d_k) (Vaswani et al. 2017, equation 1).

    Args:
        query: (B, H, T, K).
        key: (B, H, S, K).

    Returns:
        (B, H, T, S).
    """
    # The scale goes to the query: after the product TensorFlow fuses scale and mask into one CPU
    # kernel that takes ten times as long as the three separate ones.
    query = query * (1.0 / math.sqrt(query.shape[-1]))
    if query.shape[2] == 1:
        # One query: the many small products with vectors take longer than this.
        return ops.expand_dims(ops.sum(query * key, axis=-1), 2)
    return ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))


def cache_offsets(cache, index):
    """How far each position of `cache` (B, H, S, K) lies behind the position `index`: (S,) int32.

    Every layer that decodes the same step has the same: made once, it is computed once.
    """
    return ops.arange(ops.shape(cache)[2], dtype="int32") - index


def write_cache(cache, update, offsets):
    """`cache` (B, H, S, K) with `update` (B, H, T, K) at its T positions from offset 0 on.

    These must hold zeros, as they do until they are written: to add costs runtimes less than to
    select, and trains and converts everywhere, unlike `slice_update`.
    """
    length = ops.shape(update)[2]
    if update.shape[2] == 1:  # a single position broadcasts by itself
        inside = offsets == 0
    else:
        inside = ops.logical_and(offsets >= 0, offsets < length)
        update = ops.take(update, ops.clip(offsets, 0, length - 1), axis=2)
    return cache + update * ops.cast(ops.reshape(inside, (1, 1, -1, 1)), cache.dtype)
