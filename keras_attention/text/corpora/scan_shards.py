"""The first reading of a sharded corpus: its lines counted, its sides compared, a sample taken."""

import hashlib
import random

from keras_attention._validation import InputError, require_positive_integer
from keras_attention.text.corpora.progress import Progress
from keras_attention.text.corpora.reservoir import Reservoir
from keras_attention.text.corpora.shard_lines import raw_rows
from keras_attention.text.corpora.sharded_corpus import (
    PIECES,
    ShardedCorpus,
    file_state,
    is_blank,
    parse_row,
)

SAMPLE = 200_000  # rows at most: a vocabulary learned from more hardly differs
HELD_OUT_SHARE, HELD_OUT_MOST = 0.02, 2000


def scan_shards(shards, window, seed=0, hold_out=False, parse=None, sample=SAMPLE, say=None):
    """Reads every line of shard files once, and keeps a bounded sample.

    Args:
        shards: list of tuples of paths, one a side; see `find_shards`.
        window: lines of a window at most, 8 or more.
        seed: integer, of the sample.
        hold_out: whether a fiftieth of the rows, but at most 2,000, are set aside to validate on.
        parse: function of a line, its path and its number that gives the text; None for the line.
        sample: rows in the sample at most.
        say: function that is told, now and then, how far it is.

    Returns:
        The `ShardedCorpus`; the sample of the rows to train on, a list of strings for each side;
        and the same of the rows held out. A corpus that has no more rows than the sample is all in
        it, in order.

    Raises:
        InputError: if a file cannot be read, is empty or is not UTF-8, the files of a shard differ
            in length, or there is no text.
    """
    require_positive_integer("window", window)
    shards = [list(paths) for paths in shards]
    piece_lines = max(1, window // PIECES)
    reservoir, pieces, states = Reservoir(sample, seed), [], []
    count = text_bytes = 0
    progress = Progress(say)
    for shard, paths in enumerate(shards):
        found = [file_state(path) for path in paths]  # first: a change while reading must show
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
        states.append([[*state, d.hexdigest()] for state, d in zip(found, digests, strict=True)])
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
