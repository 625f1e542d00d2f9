"""Trainings of seconds on labelled sentences, and the same as a process to be killed.

Run as `python -m tests.tasks.small_classifier KIND DATA RUN`: trains, or goes on if it can.
"""

import contextlib
import sys
from pathlib import Path
from unittest import mock

from keras_attention.models.bert_presets import PRESETS
from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig
from keras_attention.tasks.train import train
from tests.labelled_sentences import labelled_pairs, labelled_sentences, write_table


@contextlib.contextmanager
def one_layer():
    """BERT's preset tiny with one layer for two: graphs of it are made in half the time."""
    with mock.patch.dict(PRESETS["tiny"], num_layers=1):
        yield


def write_data(directory):
    """`train.jsonl`, `valid.jsonl` and the same of pairs; returns the folder."""
    directory = Path(directory)
    for seed, (part, count) in enumerate((("train", 160), ("valid", 24))):
        texts, labels = labelled_sentences(count, seed)
        write_table(directory / f"{part}.jsonl", text=texts, label=labels)
        first, second, labels = labelled_pairs(count, seed)
        write_table(directory / f"{part}.pairs.jsonl", text=first, other=second, label=labels)
    return directory


SMALL = dict(
    epochs=2,
    vocabulary_size=200,
    max_sequence_length=32,
    batch_size=16,
    max_buckets=1,
    seed=5,
    jit_compile=False,
)


def small_classifier(data, **options):
    """A config on files that `write_data` wrote."""
    values = dict(
        SMALL,
        train=str(Path(data) / "train.jsonl"),
        valid=str(Path(data) / "valid.jsonl"),
        snapshot_every=3,
        learning_rate=5e-3,
    )
    return ClassifierConfig.for_preset(**_suited(values, options))


def small_masked_lm(data, **options):
    """The same without labels."""
    values = dict(
        SMALL,
        train=str(Path(data) / "train.jsonl"),
        valid=str(Path(data) / "valid.jsonl"),
        snapshot_every=3,
    )
    return MaskedLMConfig.for_preset(**_suited(values, options))


def _suited(values, options):
    """The vocabulary of initial weights is theirs."""
    if "initial_weights" in options:
        values.pop("vocabulary_size")
    return {**values, **options}


TRAININGS = {
    "classifier": lambda data, run: train(small_classifier(data), run, resume=True, quiet=True),
    "masked-lm": lambda data, run: train(small_masked_lm(data), run, resume=True, quiet=True),
    "masked-lm-by-windows": lambda data, run: train(
        small_masked_lm(data, window=50), run, resume=True, quiet=True
    ),
}

if __name__ == "__main__":
    with one_layer():
        TRAININGS[sys.argv[1]](*sys.argv[2:])
