"""Shard files of numbered pairs, and what batches of them must hold.

Run as `python -m tests.text.corpora.sharded_files FOLDER WINDOW`: goes through an epoch of the
batches of the shards that `write_shards` wrote in the folder, and prints how many bytes that took
at most.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

from keras_attention.text import TranslationBatches
from keras_attention.text.batches.corpus_measure import measure_corpus
from keras_attention.text.batches.translation_batches import PairBuckets
from keras_attention.text.batches.windowed_batches import WindowedBatches
from keras_attention.text.corpora.scan_shards import scan_shards
from keras_attention.text.corpora.shards import find_parallel_shards
from keras_attention.token_ids import SpecialIds

SPECIAL = SpecialIds()

LONGEST = 30  # tokens of a pair that is kept


def write_shards(folder, sizes, blank_every=0, long_every=0, suffix=""):
    """Shards of `sizes` pairs. Pair n begins with a number, 100 + n, and goes on by chance.

    Every so many pairs one has no text on one side, or more than `LONGEST` tokens; the numbers of
    all others are returned.
    """
    rng, number, kept = np.random.default_rng(0), 0, []
    opened = gzip.open if suffix == ".gz" else open
    for shard, size in enumerate(sizes):
        paths = [Path(folder) / f"{side}-{shard:03d}{suffix}" for side in ("source", "target")]
        with opened(paths[0], "wt") as source, opened(paths[1], "wt") as target:
            for _ in range(size):
                lines = []
                for _ in range(2):
                    words = rng.integers(4, 90, rng.integers(0, LONGEST - 2))
                    lines.append(" ".join(map(str, [100 + number, *words])))
                if blank_every and number % blank_every == 1:
                    lines[number % 2] = "  "
                elif long_every and number % long_every == 2:
                    lines[number % 2] += " 5" * LONGEST
                else:
                    kept.append(number)
                source.write(lines[0] + "\n")
                target.write(lines[1] + "\n")
                number += 1
    return kept


def encode(*sides):
    """Numbers as ids."""
    return [[[*map(int, text.split()), SPECIAL.end] for text in side] for side in sides], 0


def windowed_batches(folder, window, seed=0, batch_tokens=200, sample=1000, hold_out=False):
    """The corpus and the batches of the shards in a folder."""
    shards = find_parallel_shards(f"{folder}/source-*", f"{folder}/target-*")
    corpus, rows, _ = scan_shards(shards, window, seed, hold_out, sample=sample)
    lengths = np.array([[len(ids) for ids in side] for side in encode(*rows)[0]])
    lengths = lengths[:, lengths.max(axis=0) <= LONGEST]
    buckets = PairBuckets.choose(*lengths, batch_tokens, max_buckets=4)
    measure = measure_corpus(corpus, encode, buckets, LONGEST)
    buckets.longest = measure.longest

    def make(sources, targets):
        return TranslationBatches(
            sources, targets, batch_tokens, max_length=LONGEST, seed=seed, buckets=buckets
        )

    return corpus, WindowedBatches(corpus, measure, buckets, encode, make, seed)


def numbers_of(batches):
    """The numbers of the pairs in batches, in order; each must have kept its partner."""
    numbers = []
    for x, y in batches:
        for source, target in zip(x["encoder_token_ids"], y, strict=True):
            assert source[0] == target[0]
            if source[0]:  # no filler
                numbers.append(int(source[0]) - 100)
    return numbers


def peak_memory():
    """The peak of this program's resident memory in bytes; `getrusage` counts what began it too."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    batches = windowed_batches(sys.argv[1], int(sys.argv[2]), batch_tokens=2000)[1]
    count = len(numbers_of(batches.epochs(epochs=1)))
    assert count > 1000
    print(peak_memory())
