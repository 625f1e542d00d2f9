"""Ends a training whose loss, or whose weights, are not finite numbers."""

import math

import keras

from keras_attention._validation import InputError
from keras_attention.training.snapshot_file import not_finite, weights_of, what_is_left


class StopAtNaN(keras.callbacks.Callback):
    """Raises as soon as the loss is not finite, and where an epoch leaves such weights.

    The update that breaks the weights can have a finite loss. So put it before the callbacks that
    keep the weights of an epoch; one that takes snapshots looks at them itself.

    Args:
        directory: folder of the snapshots.
        steps_per_epoch: number of updates in an epoch.
        first_step: number of updates before this `fit`.
        describe: function `describe(epoch, step)` that says in words what a batch holds; both
            count from 0.
        run: that of `Snapshots`.

    Raises:
        InputError: from `fit`. The message names the batch and the last good snapshot.

    >>> model.fit(x, y, callbacks=[StopAtNaN("snapshots", 100), Snapshots("snapshots", 100)])
    """

    def __init__(self, directory, steps_per_epoch, first_step=0, describe=None, run=None):
        super().__init__()
        self.directory = directory
        self.steps_per_epoch = steps_per_epoch
        self.step = first_step
        self.describe = describe
        self.run = run

    def on_train_batch_end(self, batch, logs=None):
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            self._stop("The loss is not a number", self.step)
        self.step += 1

    def on_epoch_end(self, epoch, logs=None):
        if not_finite(weights_of(self.model)):
            self._stop("The weights are not finite", self.step - 1)

    def _stop(self, what, step):
        epoch, step = divmod(step, self.steps_per_epoch)
        batch = f"batch {step + 1} of epoch {epoch + 1}"
        if self.describe is not None:
            batch += f" ({self.describe(epoch, step)})"
        left = what_is_left(self.directory, self.run)
        raise InputError(f"{what} after {batch}; training has stopped. {left}")
