"""Run as `python -m tests.training.snapshot_run DIRECTORY SECONDS EPOCHS`: trains, or goes on.

Waits SECONDS after each update, so that there is time to kill it. Writes all that training changes
to DIRECTORY/final.npz at the end.
"""

import sys
import time
from pathlib import Path

import keras
import numpy as np

from keras_attention.training import NoamSchedule, PreemptionHandler, Snapshots, TrainingInterrupted
from keras_attention.training.training_state import training_state

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


def batches(epoch, step):
    """The batches from a step of an epoch on, for ever: a pure function of the position."""
    while True:
        random = np.random.default_rng(epoch)
        x = random.normal(size=(STEPS, ROWS, 3)).astype("f")
        y = x.sum(-1, keepdims=True)
        yield from list(zip(x, y, strict=True))[step:]
        epoch, step = epoch + 1, 0


def fit(model, epoch, first_step=0, callbacks=(), last_epoch=None):
    model.fit(
        batches(epoch, first_step),
        steps_per_epoch=STEPS - first_step,
        initial_epoch=epoch,
        epochs=last_epoch or epoch + 1,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )


def train(directory, seconds=0.0, epochs=EPOCHS):
    model = build()
    # No epoch counts as better than the first, so training ends by what the callback has noted.
    stopping = keras.callbacks.EarlyStopping("loss", min_delta=99.0, patience=epochs - 1)
    logs = keras.callbacks.CSVLogger(str(Path(directory) / "log.csv"), append=True)
    wait = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: time.sleep(seconds)
    )
    with PreemptionHandler() as interruption:
        snapshots = Snapshots(
            directory, STEPS, every_steps=2, state_of=[stopping], interruption=interruption
        )
        epoch, step = snapshots.restore(model, next(batches(0, 0)))
        print(f"starting at step {snapshots.step}", flush=True)
        callbacks = [stopping, logs, snapshots, wait]
        if step and not model.stop_training:
            fit(model, epoch, step, callbacks)
            epoch += 1
        if not model.stop_training:
            fit(model, epoch, 0, callbacks, last_epoch=99)
    return {name: v.numpy() for name, v in training_state(model).items()}


if __name__ == "__main__":
    path = Path(sys.argv[1])
    try:
        np.savez(path / "final.npz", **train(path, float(sys.argv[2]), int(sys.argv[3])))
    except TrainingInterrupted as error:
        print(error)
        sys.exit(error.exit_status)
