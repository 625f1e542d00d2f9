"""Ends a training whose loss is not a number."""

import math

import keras

from keras_attention._validation import InputError
from keras_attention.training.snapshots import snapshot_paths


class StopAtNaN(keras.callbacks.Callback):
    """Raises as soon as the loss is not finite, before a snapshot could hold the weights.

    Put it before the callback that takes snapshots.

    Args:
        directory: folder of the snapshots.
        steps_per_epoch: number of updates in an epoch.
        first_step: number of updates before this `fit`.
        describe: function `describe(epoch, step)` that says in words what a batch holds; both
            count from 0.

    Raises:
        InputError: from `fit`. The message names the batch and the last good snapshot.

    >>> model.fit(x, y, callbacks=[StopAtNaN("snapshots", 100), Snapshots("snapshots", 100)])
    """

    def __init__(self, directory, steps_per_epoch, first_step=0, describe=None):
        super().__init__()
        self.directory = directory
        self.steps_per_epoch = steps_per_epoch
        self.step = first_step
        self.describe = describe

    def on_train_batch_end(self, batch, logs=None):
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise InputError(self._message(*divmod(self.step, self.steps_per_epoch)))
        self.step += 1

    def _message(self, epoch, step):
        batch = f"batch {step + 1} of epoch {epoch + 1}"
        if self.describe is not None:
            batch += f" ({self.describe(epoch, step)})"
        good = snapshot_paths(self.directory)
        advice = (
            f"The last good snapshot is {good[-1]}: look at the batch, or go on from there with "
            "a lower learning rate or a limit on the gradient."
            if good
            else "There is no snapshot yet: begin with a lower learning rate or a limit on the "
            "gradient."
        )
        return f"The loss is not a number after {batch}; training has stopped. {advice}"
