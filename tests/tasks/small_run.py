"""A training of seconds, and the same as a process to be killed.

Run as `python -m tests.tasks.small_run CORPUS RUN [WINDOW]`: trains, or goes on if it can, on
the files or, by windows, on the shards of the corpus.
"""

import contextlib
import random
import sys
from pathlib import Path
from unittest import mock

from keras_attention.models import transformer_translator
from keras_attention.tasks.train import train
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from keras_attention.text import phrase_corpus


@contextlib.contextmanager
def two_layers():
    """The preset tiny with two layers for four: graphs of it are made in half the time."""
    with mock.patch.dict(transformer_translator.PRESETS["tiny"], num_layers=2):
        yield


@contextlib.contextmanager
def one_layer():
    """The preset tiny with one layer for four, where it need not learn much."""
    with mock.patch.dict(transformer_translator.PRESETS["tiny"], num_layers=1):
        yield


def small_config(corpus, **options):
    """A config on files that `write_corpus` wrote in the folder `corpus`."""
    values = dict(
        train_source=str(Path(corpus) / "train.en"),
        train_target=str(Path(corpus) / "train.de"),
        valid_source=str(Path(corpus) / "valid.en"),
        valid_target=str(Path(corpus) / "valid.de"),
        epochs=2,
        vocabulary_size=150,
        max_sequence_length=48,
        batch_tokens=512,
        max_buckets=1,
        warmup_steps=4,
        average_checkpoints=2,
        snapshot_every=3,
        jit_compile=False,
    )
    return TranslatorConfig.for_preset("tiny", **{**values, **options})


def write_corpus(directory, pairs=96):
    """Built-in phrases as four files."""
    for part, number in (("train", pairs), ("valid", 4)):
        for language, lines in zip(("en", "de"), phrase_corpus(number, split=part), strict=True):
            text = "".join(f"{line}\n" for line in lines)
            (Path(directory) / f"{part}.{language}").write_text(text, encoding="utf-8")
    return directory


WORDS = dict(one="eins", two="zwei", three="drei", four="vier", five="fünf", six="sechs")


def write_words(directory, pairs=60):
    """Three words a line, each a token: batches of one shape, which compile fast."""
    rng = random.Random(5)
    for part, number in (("train", pairs), ("valid", 4)):
        rows = [rng.choices([*WORDS], k=3) for _ in range(number)]
        for language in ("en", "de"):
            words = [row if language == "en" else [WORDS[word] for word in row] for row in rows]
            text = "".join(f"{' '.join(row)}\n" for row in words)
            (Path(directory) / f"{part}.{language}").write_text(text, encoding="utf-8")
    return directory


def write_shards(corpus):
    """The training files of a corpus once more, as shards of unequal size."""
    for language in ("en", "de"):
        lines = (Path(corpus) / f"train.{language}").read_text(encoding="utf-8").splitlines(True)
        for shard, part in enumerate((slice(0, 20), slice(20, 80), slice(80, None))):
            path = Path(corpus) / f"shard-{shard}.{language}"
            path.write_text("".join(lines[part]), encoding="utf-8")
    return corpus


def small_streamed_config(corpus, window=40, **options):
    """A config on shards that `write_shards` wrote, of which `window` pairs are in memory."""
    shards = dict(
        train_source=str(Path(corpus) / "shard-*.en"),
        train_target=str(Path(corpus) / "shard-*.de"),
        window=window,
    )
    return small_config(corpus, **{**shards, **options})


if __name__ == "__main__":
    corpus, run, *window = sys.argv[1:]
    config = small_streamed_config(corpus, int(window[0])) if window else small_config(corpus)
    with one_layer():
        train(config, run, resume=True, quiet=True)
