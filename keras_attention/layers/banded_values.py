"""Causal attention to the last w keys, computed by blocks: O(T w) in time and memory.

B batch, H heads, G heads of keys and values, T positions, K and Kv widths of a head's keys and
values, N blocks of b positions.
"""

from keras import ops

from keras_attention import masks
from keras_attention.graph.matmul import reshape_rows
from keras_attention.layers.weighted_values import weighted_values


def banded_values(
    score, projected, window, query_mask=None, key_mask=None, segment_ids=None, drop=None
):
    """The context of every query, which sees the last `window` keys, its own included.

    Blocks are as long as the window, or as the row where that is shorter: a query sees keys of its
    own block and of the one before it, and no others.

    Args:
        score: function of queries, keys and the positions of both, as `MultiHeadAttention.score`.
        projected: queries (B, H, T, K), keys (B, G, T, K) and values (B, G, T, Kv).
        window: w.
        query_mask, key_mask: boolean (B, T), or None.
        segment_ids: integer (B, T), or None: a query sees keys of its own segment alone.
        drop: function of the weights, the dropout, or None.

    Returns:
        The context, merged: (B, T, H * Kv). And, with a mask of queries or keys, which queries may
        attend to anything: boolean (B, T, 1); else None, as each sees itself.
    """
    query, key, value = projected
    batch_size, num_heads, length, _ = ops.shape(query)
    if isinstance(length, int):
        size = max(1, min(window, length))
    else:
        size = ops.maximum(1, ops.minimum(window, length))
    count = (length + size - 1) // size

    blocks = [
        _in_blocks(query, size, count),
        _with_the_one_before(_in_blocks(key, size, count)),
        _with_the_one_before(_in_blocks(value, size, count)),
    ]
    first = size * ops.expand_dims(ops.arange(count, dtype="int32"), 1)  # (N, 1)
    positions = [
        first + ops.expand_dims(ops.arange(size, dtype="int32"), 0),  # (N, b)
        first + ops.expand_dims(ops.arange(2 * size, dtype="int32"), 0) - size,  # (N, 2 b)
    ]
    mask = ops.logical_and(
        masks.window_mask(*positions, window),
        ops.expand_dims(positions[0], 2) >= ops.expand_dims(positions[1], 1),
    )
    # Before the first block there is nothing.
    mask = ops.logical_and(mask, ops.expand_dims(positions[1] >= 0, 1))
    positions = [ops.tile(each, (batch_size, 1)) for each in positions]
    mask = ops.tile(mask, (batch_size, 1, 1))  # (B * N, b, 2 b)

    def of_tokens(tensor, before):
        """What is known of tokens (B, T), in the blocks: (B * N, b) or (B * N, 2 b)."""
        wide = ops.reshape(tensor, (batch_size, 1, length, 1))
        split = _in_blocks(wide, size, count)
        split = _with_the_one_before(split) if before else split
        return ops.squeeze(ops.squeeze(_rows(split), 3), 1)

    if query_mask is not None:
        seen = of_tokens(ops.cast(query_mask, "int32"), before=False) > 0
        mask = ops.logical_and(mask, ops.expand_dims(seen, 2))
    if key_mask is not None:
        seen = of_tokens(ops.cast(key_mask, "int32"), before=True) > 0
        mask = ops.logical_and(mask, ops.expand_dims(seen, 1))
    if segment_ids is not None:
        segments = [of_tokens(segment_ids, before) for before in (False, True)]
        mask = ops.logical_and(mask, masks.segment_mask(*segments))
    blocks = [_rows(each) for each in blocks]
    context, _ = weighted_values(score, blocks, positions, ops.expand_dims(mask, 1), False, drop)

    def of_a_row(tensor, width):  # (B * N, b, ...) -> (B, T, width)
        return ops.reshape(tensor, (batch_size, count * size, width))[:, :length]

    merged = ops.transpose(context, (0, 2, 1, 3))  # (B * N, b, H, Kv)
    merged = of_a_row(merged, num_heads * context.shape[3])
    if query_mask is None and key_mask is None:
        return merged, None
    return merged, of_a_row(ops.any(mask, axis=2), 1)


def _in_blocks(tensor, size, count):
    """(B, H, T, K) -> (B, N, H, b, K), zeros after the end."""
    batch_size, num_heads, length, width = ops.shape(tensor)
    missing = count * size - length
    if not isinstance(missing, int) or missing:
        shape = (batch_size, num_heads, missing, width)
        tensor = ops.concatenate([tensor, ops.zeros(shape, dtype=tensor.dtype)], axis=2)
    tensor = ops.reshape(tensor, (batch_size, num_heads, count, size, width))
    return ops.transpose(tensor, (0, 2, 1, 3, 4))


def _with_the_one_before(blocks):
    """(B, N, H, b, K) -> (B, N, H, 2 b, K), zeros before the first."""
    before = ops.concatenate([ops.zeros_like(blocks[:, :1]), blocks[:, :-1]], axis=1)
    return ops.concatenate([before, blocks], axis=3)


def _rows(blocks):
    """(B, N, H, b, K) -> (B * N, H, b, K)."""
    batch_size, count, num_heads, size, width = ops.shape(blocks)
    return reshape_rows(blocks, (num_heads, size, width), lambda: batch_size * count)
