"""Trainings of tenths of a second, through all that surrounds `fit`: one layer on eight numbers.

Run as `python -m tests.runs.tiny_training RUN [resume|force]` it says "begun" within the second
epoch and then waits to be killed.
"""

import dataclasses
import sys
import time

import keras
import numpy as np

from keras_attention.files import write_atomically
from keras_attention.runs.fit import fit
from keras_attention.runs.run_config import RunConfig
from keras_attention.runs.training_run import TrainingRun
from keras_attention.text.batches.bucketed_batches import BucketedBatches
from keras_attention.training import AverageCheckpoints, BestCheckpoint

DATA = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
STEPS = 4  # updates of an epoch


@dataclasses.dataclass
class TinyConfig(RunConfig):
    train: str | None = None
    epochs: int = 2
    seed: int = 0
    learning_rate: float = 0.001
    snapshot_every: int | None = None
    dropout: float = 0.0
    size: int = 1
    patience: int | None = None
    average_checkpoints: int = 2
    decoding: dict = dataclasses.field(default_factory=dict)
    kind: str = "encoder"

    changeable = frozenset({"patience", "average_checkpoints", "decoding"})
    of_kept_weights = frozenset({"average_checkpoints"})
    of_answers = frozenset({"decoding"})

    @classmethod
    def for_preset(cls, **options):
        return cls.of_given(options)


class Numbers(BucketedBatches):
    """Batches of two numbers x, to be doubled."""

    padding = 0.0

    def __init__(self, data, seed):
        super().__init__([np.arange(len(data))], [2], seed)
        self.x = np.array(data, "float32")[:, None]

    def batch(self, bucket, indices):
        return self.x[indices], 2 * self.x[indices]


class Vocabulary:
    """A tokenizer of one file."""

    def save(self, directory):
        directory.mkdir(exist_ok=True)
        write_atomically(directory / "vocab.txt", b"one\n")


SELECTIONS = {
    None: lambda folder, config, run: None,
    "average": lambda folder, config, run: AverageCheckpoints(
        folder, config.average_checkpoints, config.epochs, run
    ),
    "best": lambda folder, config, run: BestCheckpoint(
        folder, patience=config.patience, final_epoch=config.epochs, run=run
    ),
}


def tiny_train(
    output, resume=False, force=False, data=DATA, callbacks=(), selection="average", **options
):
    """The model of a training; None where there was nothing to do."""
    config = TinyConfig.for_preset(**options)
    with TrainingRun(config, output, resume, force, quiet=True) as run:
        if run.is_finished:
            return None
        run.require_data(**{"training data": data, "validation data": DATA})
        keras.utils.set_random_seed(run.config.seed)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(run.config.size)])
        # A schedule, as all tasks have: a plain rate would be a part of the snapshots.
        rate = keras.optimizers.schedules.ExponentialDecay(run.config.learning_rate, 1, 1.0)
        model.compile(keras.optimizers.SGD(rate), "mse")
        run.start(Vocabulary())
        fit(
            run,
            model,
            Numbers(data, run.config.seed),
            Numbers(DATA, 0),
            "tiny",
            SELECTIONS[selection](run.output / "snapshots" / (selection or ""), run.config, run.id),
            scores=callbacks,
            finish=lambda directory: write_atomically(directory / "scores.json", b"{}"),
        )
        return model


class At(keras.callbacks.Callback):
    """Does something after an update, counted from 1 in this `fit`."""

    def __init__(self, step, action):
        super().__init__()
        self.step, self.action, self.steps = step, action, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.step:
            self.action(self.model)


def say_and_wait(model):
    print("begun", flush=True)
    time.sleep(60)


if __name__ == "__main__":
    how = {name: True for name in sys.argv[2:]}
    tiny_train(sys.argv[1], snapshot_every=1, callbacks=[At(STEPS + 2, say_and_wait)], **how)
