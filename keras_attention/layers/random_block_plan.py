"""Which random blocks the queries of every block attend to (Zaheer et al. 2020, section 2)."""

import numpy as np

from keras_attention._validation import require

RANDOM_BLOCKS = ("original", "hugging_face")
PAPER_LENGTHS = (1024, 2048, 3072, 4096)  # tokens, for which the paper's models have a plan
PAPER_LENGTH = 4096  # the plan that those lengths are the beginning of
PAPER_RANGE = 1024  # tokens among which it draws
MOST_ENTRIES = 1 << 22  # of a plan: a million tokens in blocks of 64, with 32 heads


def random_block_plan(
    kind, num_heads, max_sequence_length, block_size, window, ends, count, seed=0
):
    """The plan for the longest input, one for each head.

    "original" draws what the authors' program draws with the layer's index for a seed. For 1,024,
    2,048, 3,072 and 4,096 tokens that is one plan, drawn among the first 1,024 tokens alone; near
    its end it may name blocks that the window, or the last block, has already. For other lengths
    a block is drawn at most once, and never one of the window or at the ends. Where there are too
    few to draw from, an entry names the block after the last, which no input has.

    "hugging_face" names block 0 alone, as HuggingFace's model computes in evaluation since 2023.

    Args:
        kind: one of `RANDOM_BLOCKS`.
        num_heads: H.
        max_sequence_length: of the longest input, in tokens.
        block_size: tokens in a block.
        window: number of blocks in the window.
        ends: number of blocks at either end that attend to all and are attended to by all.
        count: number of random blocks R.
        seed: integer.

    Returns:
        (H, N, R) int32, where N is the number of blocks of the longest input. Rows of the blocks at
        the ends, which attend to all others, mean nothing.

    Raises:
        ValueError: if the plan would be larger than any input: it is made before a model's weights
            are compared with those of a file.

    >>> random_block_plan("hugging_face", 2, 30, 4, window=3, ends=1, count=3).shape
    (2, 8, 3)
    """
    blocks = -(-max_sequence_length // block_size)
    entries = num_heads * blocks * (count + window + 2 * ends)
    require(
        entries <= MOST_ENTRIES,
        "max_sequence_length",
        f"one of which the plan has at most {MOST_ENTRIES:,} blocks, of all heads, blocks of "
        "queries and blocks that these attend to",
        max_sequence_length=max_sequence_length,
        block_size=block_size,
        num_heads=num_heads,
        num_random_blocks=count,
        num_window_blocks=window,
        num_global_blocks=ends,
    )
    plan = np.zeros((num_heads, blocks, count), "int32")
    if kind == "hugging_face" or not count:
        return plan
    plan[:] = blocks
    random = np.random.RandomState(seed)
    is_papers = max_sequence_length in PAPER_LENGTHS and PAPER_LENGTH % block_size == 0
    if is_papers and (window, ends) == (3, 1):
        for head in plan:
            _draw_papers(head, random, block_size)
    else:
        _draw(plan, random, (window - 1) // 2, ends)
    return plan


def _draw_papers(rows, random, block_size):
    """Fills the rows (N, R) of one head with the plan for 4,096 tokens, of which N may be less."""
    blocks = PAPER_LENGTH // block_size
    last = (PAPER_RANGE if PAPER_RANGE > 2 * block_size else PAPER_LENGTH) // block_size - 1
    middle = np.arange(1, blocks - 1, dtype="int32")
    for row in range(1, blocks - 1):
        before, after = middle[: max(row - 2, 0)], middle[row + 1 : last]
        if row in (1, 2):
            candidates = middle[row + 1 : last]
        elif row >= blocks - 3 or row - 2 > last:
            candidates = middle[:last]
        elif row + 1 == last:
            candidates = before
        else:
            candidates = np.concatenate([before, after])
        drawn = random.permutation(candidates)[: rows.shape[1]]  # of all rows, or seeds would shift
        if row < len(rows):
            rows[row, : len(drawn)] = drawn


def _draw(plan, random, reach, ends):
    """Fills a plan (H, N, R), row by row and head by head.

    Blocks are drawn from one part of the input, or some from each of two parts, as `_parts` says.
    """
    blocks, count = plan.shape[1:]
    parts = _parts(blocks, count)
    for first_row, end_row, part in _rounds(parts, ends):
        start, end, column, number = parts[part]
        for row in range(first_row, end_row):
            # What the window and the ends have already. The second block and the last but one
            # see each other's neighbours.
            taken = {*range(row - reach, row + reach + 1), *range(ends), *range(end - ends, end)}
            taken |= {end - 2} if row == 1 else set()
            taken |= {1} if row == end - 2 else set()
            for head in plan:
                drawn = random.permutation(np.arange(start, end, dtype="int32"))
                drawn = [block for block in drawn if block not in taken][:number]
                head[row, column : column + len(drawn)] = drawn


def _parts(blocks, count):
    """Where blocks are drawn: a list of (first block, the one after the last, column, number)."""
    if blocks > 2 * count + 5:
        return [(0, 2 * count + 5, 0, count), (2 * count + 5, blocks, count, 0)]
    if blocks > count + 5:
        half = count // 2
        return [(0, count + 5, 0, half), (count + 5, blocks, half, count - half)]
    return [(0, blocks, 0, count)]


def _rounds(parts, ends):
    """In which order rows are filled: a list of (first row, the one after the last, part)."""
    rounds = []
    for index, (start, end, _, _) in enumerate(parts):
        if index:
            rounds.append((ends, start, index))  # the rows before see this part
            rounds += [(start, end, before) for before in range(index)]  # its rows see those before
        rounds.append((start if index else ends, end, index))
    return [(first, end, part) for first, end, part in rounds if parts[part][3]]
