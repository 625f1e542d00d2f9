"""The lengths of a sharded corpus in tokens, which determine the shapes and numbers of batches."""

import dataclasses

import numpy as np

from keras_attention.text.corpora.scan_shards import Progress

_ROWS = 4096  # encoded at once


@dataclasses.dataclass
class CorpusMeasure:
    """How many rows of each window fall into each bucket, and how many are left out.

    It holds a few numbers for each window.

    Attributes:
        counts: list of W lists, the rows of each bucket in a window.
        longest: for each bucket the longest row, tokens on each side.
        tokens: number of tokens in all rows that are kept, all sides together.
        dropped: number of rows that are too long and left out.
        cut: number of rows that the tokenizer has truncated.
    """

    counts: list
    longest: list
    tokens: int = 0
    dropped: int = 0
    cut: int = 0


def encode_in_parts(encode, sides):
    """`encode` of some rows at a time, because lists of ids take much memory.

    Yields:
        The results of `encode`: see `row_lengths`.
    """
    for start in range(0, len(sides[0]), _ROWS):
        yield encode(*(side[start : start + _ROWS] for side in sides))


def row_lengths(encode, sides, max_length=None):
    """The lengths of rows in tokens, for some rows at a time.

    Args:
        encode: function of a list of strings for each side. It gives a list of id lists for each
            side, and the number of rows that were truncated.
        sides: a list of strings for each side.
        max_length: rows with a longer side are left out; None keeps all.

    Yields:
        The lengths, integers (sides, N); the number of rows left out; the number of rows truncated.
    """
    for ids, cut in encode_in_parts(encode, sides):
        lengths = np.array([[len(row) for row in side] for side in ids])
        kept = lengths.max(axis=0) <= (max_length or np.inf)
        yield lengths[:, kept], int((~kept).sum()), cut


def measure_corpus(corpus, encode, buckets, max_length=None, say=None):
    """Encodes a sharded corpus once, and counts rows and tokens.

    Args:
        corpus: `ShardedCorpus`.
        encode: see `row_lengths`.
        buckets: `PairBuckets` or `LengthBuckets`, chosen from a sample of the corpus.
        max_length: rows with a longer side are left out and counted; None keeps all.
        say: function of a string that reports progress, or None.

    Returns:
        `CorpusMeasure`.
    """
    number = len(buckets.bounds)
    counts = np.zeros((len(corpus), number), int)
    longest = np.zeros((number, corpus.sides), int)
    found = CorpusMeasure([], [])
    progress = Progress(say)
    for piece, sides in enumerate(corpus.each_piece()):
        for lengths, dropped, cut in row_lengths(encode, sides, max_length):
            bucket = buckets.of(*lengths)
            counts[corpus.window_of(piece)] += np.bincount(bucket, minlength=number)
            np.maximum.at(longest, bucket, lengths.T)
            found.tokens += int(lengths.sum())
            found.dropped += dropped
            found.cut += cut
        done = min(corpus.lines, (piece + 1) * corpus.piece_lines)
        progress.tell(f"{done:,} of {corpus.lines:,} lines measured in tokens")
    found.longest, found.counts = longest.tolist(), counts.tolist()
    return found
