"""Keeps the weights of the best epoch, and stops training when no better one comes."""

import math
from pathlib import Path

import keras
import numpy as np

from keras_attention.files import write_atomically


class BestCheckpoint(keras.callbacks.Callback):
    """Keeps the weights of the best epoch in a file. The model gets them when training ends.

    The file holds all that the callback knows, so that training continues after an interruption as
    if there had been none. Put it before a callback that takes snapshots.

    Args:
        directory: folder of `best.safetensors`; made if missing.
        monitor: name of the value in an epoch's logs that decides which epoch is best.
        mode: "max" or "min": which value is better. Of equal values the first is kept.
        patience: training stops after this many epochs in a row without a better one; None never
            stops it.
        final_epoch: see `AverageCheckpoints`.

    >>> best = BestCheckpoint("run/snapshots/best", monitor="val_accuracy", patience=3)
    >>> model.fit(x, y, epochs=20, validation_data=valid, callbacks=[best])
    """

    def __init__(self, directory, monitor="val_loss", mode="min", patience=None, final_epoch=None):
        super().__init__()
        if mode not in ("min", "max"):
            raise ValueError(f"`mode` must be 'min' or 'max'. Received: mode={mode!r}")
        self.path = Path(directory) / "best.safetensors"
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.final_epoch = final_epoch
        self.epochs_seen = 0

    def best(self):
        """The best epoch (from 0) and its value, or None before the first."""
        from safetensors import safe_open

        if not self.path.exists():
            return None
        with safe_open(self.path, framework="numpy") as file:
            metadata = file.metadata()
        return int(metadata["epoch"]), float(metadata["value"])

    def is_over(self, epoch):
        """Whether training stops before `epoch` (from 0) because no better one came."""
        best = self.best()
        return self.patience is not None and best is not None and epoch - best[0] > self.patience

    def apply(self, model):
        """Gives `model` the best weights; does nothing if no epoch has ended."""
        from safetensors.numpy import load_file

        if self.path.exists():
            arrays = load_file(self.path)
            model.set_weights([arrays[name] for name in sorted(arrays)])

    def on_epoch_end(self, epoch, logs=None):
        from safetensors.numpy import save

        self.epochs_seen = epoch + 1
        value = float((logs or {})[self.monitor])
        best = self.best()
        if best is None or self._is_better(value, best[1]):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            weights = {f"{i:04d}": np.array(w) for i, w in enumerate(self.model.get_weights())}
            write_atomically(self.path, save(weights, {"epoch": str(epoch), "value": repr(value)}))
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
