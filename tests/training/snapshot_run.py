"""Run as `python -m tests.training.snapshot_run DIRECTORY SECONDS`: trains, resuming if it can.

Waits SECONDS after each update, so that there is time to kill it. Writes all that training changes
to DIRECTORY/final.npz at the end.
"""

import sys
import time
from pathlib import Path

import keras
import numpy as np

from keras_attention.training import NoamSchedule, Snapshots, restore_latest
from keras_attention.training.snapshots import _variables

STEPS, EPOCHS, ROWS = 7, 3, 4


def build():
    keras.utils.set_random_seed(11)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dropout(0.4),  # its seeds are part of a snapshot
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(NoamSchedule(8, 5)), loss="mse", metrics=["mae"])
    return model


def batches(epoch, first_step):
    """The batches of an epoch: a pure function of the epoch."""
    random = np.random.default_rng(epoch)
    x = random.normal(size=(STEPS, ROWS, 3)).astype("f")
    y = x.sum(-1, keepdims=True)
    yield from list(zip(x, y, strict=True))[first_step:]


def fit(model, epoch, first_step=0, callbacks=()):
    model.fit(
        batches(epoch, first_step),
        steps_per_epoch=STEPS - first_step,
        initial_epoch=epoch,
        epochs=epoch + 1,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )


def train(directory, seconds=0.0):
    model = build()
    position = restore_latest(directory, model)
    step = position["step"] if position else 0
    print(f"starting at step {step}", flush=True)
    wait = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: time.sleep(seconds)
    )
    snapshots = Snapshots(directory, STEPS, every_steps=2, first_step=step)
    for epoch in range(step // STEPS, EPOCHS):
        first = step % STEPS if epoch == step // STEPS else 0
        fit(model, epoch, first, [snapshots, wait])
    return {name: v.numpy() for name, v in _variables(model).items()}


if __name__ == "__main__":
    path = Path(sys.argv[1])
    np.savez(path / "final.npz", **train(path, float(sys.argv[2])))
