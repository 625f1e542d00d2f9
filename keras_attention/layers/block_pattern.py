"""Pure functions on blocks of tokens: which blocks attend to which, and where they stand.

B batch, H heads, N blocks of the padded input, b tokens in a block, R random blocks. A row's own
blocks are those up to its last token; `own` (B,) is their number.
"""

import numpy as np
from keras import ops


def pad_to_blocks(tensor, block_size):
    """`tensor` (B, T, ...) with zeros (False) after it, up to whole blocks, and at least one."""
    batch_size, length, *sizes = ops.shape(tensor)
    blocks = (length + block_size - 1) // block_size
    blocks = max(blocks, 1) if isinstance(blocks, int) else ops.maximum(blocks, 1)
    missing = blocks * block_size - length
    if isinstance(missing, int) and not missing:
        return tensor
    zeros = ops.zeros((batch_size, missing, *sizes), dtype=tensor.dtype)
    return ops.concatenate([tensor, zeros], axis=1)


def own_blocks(tokens, block_size):
    """The number of blocks (B,) that each row of `tokens` (B, T), True at tokens, reaches into."""
    ends = ops.arange(ops.shape(tokens)[1], dtype="int32") + 1
    lengths = ops.max(ops.where(tokens, ops.expand_dims(ends, 0), 0), axis=1)
    return (lengths + block_size - 1) // block_size


def attended_blocks(own, num_heads, blocks, window, ends, plan=None):
    """The blocks whose keys the queries of every block see, but for the blocks at the ends.

    Args:
        own: (B,) int32.
        num_heads: H.
        blocks: N.
        window: number of blocks in the window, an odd one.
        ends: number of blocks at either end that are seen by all.
        plan: (H, N, R) int32, the random blocks; None for none.

    Returns:
        Blocks (B, H, N, L) int32 and whether they count, boolean, of the same shape. L is 2 `ends`
        + `window` + R. What does not count is block 0: what is not among a row's own blocks, and
        blocks at the ends where the window has them too. Random blocks count each time they are
        named, beside the window and the ends too.
    """
    own = ops.reshape(own, (-1, 1, 1, 1))
    row = ops.reshape(ops.arange(blocks, dtype="int32"), (1, 1, -1, 1))
    first = np.arange(ends, dtype="int32").reshape(1, 1, 1, -1)
    last = own - ends + first
    near = row + (np.arange(window, dtype="int32") - window // 2)
    parts = [
        (first, first < own),
        (last, last >= ends),
        (near, ops.logical_and(near >= ends, near < own - ends)),
    ]
    if plan is not None:
        random = ops.expand_dims(plan, 0)
        parts.append((random, random < own))
    zeros = ops.zeros_like(own) + ops.zeros((1, num_heads, blocks, 1), dtype="int32")
    none = zeros > 0
    found = ops.concatenate([zeros + part for part, _ in parts], axis=-1)
    counts = ops.concatenate([ops.logical_or(none, part) for _, part in parts], axis=-1)
    return ops.where(counts, found, 0), counts


def end_blocks(own, blocks, ends):
    """The first and the last blocks of each row, of N `blocks`: (B, 2 `ends`) int32.

    A row of fewer blocks has others in the place of what it lacks.
    """
    first = np.arange(ends, dtype="int32").reshape(1, -1)
    last = ops.expand_dims(own, 1) - ends + first
    found = ops.concatenate([ops.zeros_like(last) + first, last], axis=1)
    return ops.clip(found, 0, blocks - 1)


def merged_rows(own, num_heads, blocks, ends):
    """Where the result of each block stands, after those of all blocks come those of the ends.

    Args:
        own: (B,) int32.
        num_heads: H.
        blocks: N.
        ends: number of blocks at either end.

    Returns:
        (B, H, N) int32: rows of a table whose first B * H * N rows are the results of all blocks as
        `attended_blocks` has them, and whose last B * H * 2 * `ends` rows those of `end_blocks`.
    """
    batch_size = ops.shape(own)[0]
    heads = ops.reshape(ops.arange(batch_size * num_heads, dtype="int32"), (-1, num_heads, 1))
    row = ops.reshape(ops.arange(blocks, dtype="int32"), (1, 1, -1))
    from_last = row - (ops.reshape(own, (-1, 1, 1)) - ends)
    place = ops.where(row < ends, row, ends + from_last)  # among the blocks at the ends
    is_end = ops.logical_or(row < ends, ops.logical_and(from_last >= 0, from_last < ends))
    end_row = batch_size * num_heads * blocks + heads * (2 * ends) + place
    return ops.where(is_end, end_row, heads * blocks + row)


def table_rows(index, num_heads, blocks):
    """Rows (B, H, ...) of a table of all B * H * N blocks, from blocks (B, H or 1, ...)."""
    batch_size, *sizes = ops.shape(index)
    heads = ops.arange(batch_size * num_heads, dtype="int32")
    heads = ops.reshape(heads, (-1, num_heads, *[1] * (len(sizes) - 1)))
    return heads * blocks + index
