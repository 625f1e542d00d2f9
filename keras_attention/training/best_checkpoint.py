"""Keeps the weights of the best epoch, and stops training when no better one comes."""

import math
from pathlib import Path

import keras

from keras_attention.files import write_atomically
from keras_attention.training.snapshot_file import numbered_files, pack, read_epoch, weights_of

KEPT = 3  # the best epochs so far, so that training can go back to an earlier one


class BestCheckpoint(keras.callbacks.Callback):
    """Keeps the weights of the best epoch in a file. The model gets them when training ends.

    The files hold all that the callback knows, so that training continues after an interruption as
    if there had been none. Put it before a callback that takes snapshots.

    Args:
        directory: folder of the files `best-NNNN.safetensors`; made if missing. The best epoch has
            the last one.
        monitor: name of the value in an epoch's logs that decides which epoch is best.
        mode: "max" or "min": which value is better. Of equal values the first is kept.
        patience: training stops after this many epochs in a row without a better one; None never
            stops it.
        final_epoch, run: see `AverageCheckpoints`.

    >>> best = BestCheckpoint("run/snapshots/best", monitor="val_accuracy", patience=3)
    >>> model.fit(x, y, epochs=20, validation_data=valid, callbacks=[best])
    """

    def __init__(
        self,
        directory,
        monitor="val_loss",
        mode="min",
        patience=None,
        final_epoch=None,
        run=None,
    ):
        super().__init__()
        if mode not in ("min", "max"):
            raise ValueError(f"`mode` must be 'min' or 'max'. Received: mode={mode!r}")
        self.directory = Path(directory)
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.final_epoch = final_epoch
        self.run = run
        self.epochs_seen = 0
        self._best = None
        self._is_known = False

    def paths(self):
        """The files that exist, that of the best epoch last."""
        return numbered_files(self.directory, "best")

    def best(self):
        """The best epoch (from 0) and its value, or None before the first."""
        if not self._is_known:
            _, found = self._read()
            self._best = found and (found["epoch"], float(found["value"]))
            self._is_known = True
        return self._best

    def is_over(self, epoch):
        """Whether training stops before `epoch` (from 0) because no better one came."""
        best = self.best()
        return self.patience is not None and best is not None and epoch - best[0] > self.patience

    def apply(self, model):
        """Gives `model` the best weights; does nothing if no epoch has ended."""
        weights, _ = self._read()
        if weights is not None:
            model.set_weights(weights)

    def _read(self):
        """The weights of the best epoch, and its note; an `InputError` if the file is damaged."""
        paths = self.paths()
        if not paths:
            return None, None
        return read_epoch(paths[-1], "the best epoch before it", self.run)

    def forget_from(self, epoch):
        """Deletes the files of `epoch` (from 0) and later ones, which are trained anew."""
        for path in self.paths():
            if int(path.stem.split("-")[1]) > epoch:
                path.unlink()
        self._is_known = False

    def on_epoch_end(self, epoch, logs=None):
        self.epochs_seen = epoch + 1
        value = float((logs or {})[self.monitor])
        best = self.best()
        if best is None or self._is_better(value, best[1]):
            self.directory.mkdir(parents=True, exist_ok=True)
            data = pack(
                weights_of(self.model), {"epoch": epoch, "value": repr(value), "run": self.run}
            )
            write_atomically(self.directory / f"best-{epoch + 1:04d}.safetensors", data)
            self._best, self._is_known = (epoch, value), True
            for old in self.paths()[:-KEPT]:
                old.unlink()
        if self.is_over(epoch + 1):
            self.model.stop_training = True

    def _is_better(self, value, best):
        """Whether a value is better. NaN never is."""
        if math.isnan(best):
            return not math.isnan(value)
        return value > best if self.mode == "max" else value < best

    def on_train_end(self, logs=None):
        ended = self.final_epoch is None or self.epochs_seen >= self.final_epoch
        if ended or self.model.stop_training:
            self.apply(self.model)
