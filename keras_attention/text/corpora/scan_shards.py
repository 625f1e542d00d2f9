"""The first pass over a sharded corpus: counts its lines, compares its sides, takes a sample."""

import hashlib
import math
import random
import time

from keras_attention._validation import InputError, require_positive_integer
from keras_attention.text.corpora.sharded_corpus import (
    PIECES,
    ShardedCorpus,
    file_stamp,
    is_blank,
    parse_row,
)
from keras_attention.text.corpora.shards import raw_rows

SAMPLE = 200_000  # rows at most; more would hardly change the vocabulary that is learned from them
HELD_OUT_SHARE, HELD_OUT_MOST = 0.02, 2000
EVERY = 10  # seconds between two messages of `Progress`


def scan_shards(shards, window, seed=0, hold_out=False, parse=None, sample=SAMPLE, say=None):
    """Reads every line of shard files once, and keeps a bounded sample.

    Args:
        shards: list of tuples of paths, one a side; see `find_shards`.
        window: maximum number of lines in a window, 8 or more.
        seed: integer, of the sample.
        hold_out: whether a fiftieth of the rows, at most 2,000, is held out for validation.
        parse: function of a line, its path and its number that gives the text; None takes the line.
        sample: maximum number of rows in the sample.
        say: function of a string that reports progress, or None.

    Returns:
        The `ShardedCorpus`; the sample of the training rows, a list of strings for each side; and
        the rows that are held out, as such lists too. If the corpus has no more rows than the
        sample may have, the sample is all of them in order.

    Raises:
        InputError: if a file cannot be read, is empty or is not UTF-8, if the files of a shard have
            different numbers of lines, or if there is no text.
    """
    require_positive_integer("window", window)
    shards = [list(paths) for paths in shards]
    piece_lines = max(1, window // PIECES)
    reservoir, pieces, states = Reservoir(sample, seed), [], []
    count = text_bytes = 0
    progress = Progress(say)
    for shard, paths in enumerate(shards):
        found = [file_stamp(path) for path in paths]  # first: a change while reading must show
        digests, offsets = [hashlib.sha256() for _ in paths], [0] * len(paths)
        before = count
        for lines in raw_rows(paths):
            if count % piece_lines == 0:
                pieces.append([shard, count - before, list(offsets)])
            row = parse_row(lines, paths, count - before + 1, parse)
            if not is_blank(row):
                reservoir.add((count, row))
            for side, line in enumerate(lines):
                digests[side].update(line)
                offsets[side] += len(line)
            count += 1
            if count % 100_000 == 0:
                progress.tell(f"{count:,} lines read")
        if count == before:
            raise InputError(f"{paths[0]}: the file is empty; expected one text a line.")
        text_bytes += sum(offsets)
        states.append([[stamp, d.hexdigest()] for stamp, d in zip(found, digests, strict=True)])
    names = " and ".join(shards[0]) + (" and the other shards" if len(shards) > 1 else "")
    if not reservoir.added:
        raise InputError(f"{names} hold no row with text on every side.")
    held_out = []
    if hold_out:
        held_out = _choose(reservoir, seed, names)
    chosen = {number for number, _ in held_out}
    corpus = ShardedCorpus(
        shards,
        states,
        piece_lines,
        pieces,
        lines=count,
        text_bytes=text_bytes,
        blank=count - reservoir.added,
        held_out=sorted(chosen),
    ).parsed_by(parse)
    kept = [(number, row) for number, row in reservoir.rows if number not in chosen]
    return corpus, *(
        [[row[side] for _, row in rows] for side in range(corpus.sides)]
        for rows in (kept, sorted(held_out))
    )


def _choose(reservoir, seed, names):
    if reservoir.added < 2:
        raise InputError(
            f"{names}: one row; give two or more, or validation files, so that one is left to "
            "validate on."
        )
    number = max(1, min(round(HELD_OUT_SHARE * reservoir.added), HELD_OUT_MOST))
    return random.Random(seed).sample(reservoir.rows, min(number, len(reservoir.rows) - 1))


class Reservoir:
    """A uniform sample of at most `size` rows, whose number need not be known beforehand.

    Every added row is in the sample with the same probability. Up to `size` rows are all kept, in
    order; later rows take the places of others.

    Args:
        size: integer, 1 or more.
        seed: integer.

    Attributes:
        rows: the sample, a list.
        added: number of rows that were added.

    Reference: Li 1994, "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))",
    algorithm L: random numbers are drawn only for rows that are taken.
    """

    def __init__(self, size, seed):
        self.rows, self.added = [], 0
        self._size, self._random = size, random.Random(seed)
        self._share = 1.0  # the largest of `size` uniform numbers, were one drawn for each row
        self._next = size - 1  # the row that is taken next
        self._skip()

    def _skip(self):
        draw = self._random
        self._share *= math.exp(math.log(1 - draw.random()) / self._size)
        # 1 - share underflows to 1 only after more rows than there are.
        self._next += 1 + int(math.log(1 - draw.random()) / math.log1p(-self._share))

    def add(self, row):
        """Offers a row."""
        if self.added < self._size:
            self.rows.append(row)
        elif self.added == self._next:
            self.rows[self._random.randrange(self._size)] = row
            self._skip()
        self.added += 1


class Progress:
    """Passes messages on, at most one in ten seconds.

    Args:
        say: function of a string, or None.
    """

    def __init__(self, say):
        self._say, self._last = say, time.monotonic()

    def tell(self, text):
        """Says `text`, unless ten seconds have not passed since the last message."""
        now = time.monotonic()
        if self._say is not None and now - self._last >= EVERY:
            self._last = now
            self._say(text)
