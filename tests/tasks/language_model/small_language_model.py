"""A training of seconds, and the same as a process to be killed.

Run as `python -m tests.tasks.language_model.small_language_model FOLDER RUN`: trains, or goes on.
"""

import contextlib
import sys
from pathlib import Path
from unittest import mock

from keras_attention.models import gpt_presets
from keras_attention.tasks.language_model.language_model_config import LanguageModelConfig
from keras_attention.tasks.train import train
from keras_attention.text.corpora.phrase_corpus import phrase_corpus

SMALL = dict(num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=24)


@contextlib.contextmanager
def small_nano():
    """The preset nano with one layer of width 16: graphs of it are made in a third of the time."""
    with mock.patch.dict(gpt_presets.PRESETS["nano"], SMALL):
        yield


def write_text(folder, phrases=60):
    """Built-in phrases as one document, text.txt."""
    path = Path(folder) / "text.txt"
    path.write_text("".join(f"{text}\n" for text in phrase_corpus(phrases)[0]), encoding="utf-8")
    return path


def small_config(folder, **options):
    """A config on the text that `write_text` wrote: 3 rounds of 4 updates."""
    values = dict(
        train=str(Path(folder) / "text.txt"),
        max_sequence_length=12,
        batch_size=5,
        steps=12,
        steps_per_epoch=4,
        warmup_steps=2,
        learning_rate=1e-2,
        dropout=0.1,
        snapshot_every=3,
        jit_compile=False,
        seed=3,
    )
    return LanguageModelConfig.for_preset("nano", **{**values, **options})


def small_run(folder, run, **options):
    """Trains to `run`; returns what `train` does."""
    with small_nano():
        return train(small_config(folder, **options), run, resume=True, quiet=True)


if __name__ == "__main__":
    small_run(*sys.argv[1:])
