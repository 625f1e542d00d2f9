"""Averaging the weights of the last checkpoints (Vaswani et al. 2017, section 6.1)."""

from pathlib import Path

import keras
import numpy as np

from keras_attention.files import write_atomically
from keras_attention.training.snapshot_file import numbered_files, pack, read_epoch, weights_of


def average_weights(checkpoints):
    """The element-wise mean of N lists of arrays. Arrays of integers come from the last list.

    Args:
        checkpoints: an iterable of lists of arrays with the same number and shapes. It is read one
            list at a time, so a generator that loads them holds only one. The mean is computed in
            float64.

    Raises:
        ValueError: if there is no checkpoint, or if number or shapes differ.

    >>> average_weights([[np.array([1.0])], [np.array([3.0])]])
    [array([2.])]
    """
    sums, last, count = None, None, 0
    for count, arrays in enumerate(checkpoints, 1):
        shapes = [np.shape(array) for array in arrays]
        if last is not None and shapes != [np.shape(array) for array in last]:
            raise ValueError(
                "`checkpoints` must have the same shapes. "
                f"Received: shapes={shapes} in checkpoint {count}"
            )
        wide = [np.asarray(a, "float64") if _is_floating(a) else None for a in arrays]
        if sums is None:
            sums = [None if w is None else w.copy() for w in wide]
        else:
            for total, new in zip(sums, wide, strict=True):
                if total is not None:
                    total += new
        last = arrays
    if not count:
        raise ValueError("`checkpoints` must hold one or more. Received: none")
    return [
        array if total is None else np.asarray(total / count).astype(array.dtype)
        for total, array in zip(sums, last, strict=True)
    ]


def _is_floating(array):
    return np.issubdtype(array.dtype, np.floating)


class AverageCheckpoints(keras.callbacks.Callback):
    """Keeps the weights of the last epochs in files. The model gets their mean when training ends.

    Because of the files the mean is the same after an interruption. Put the callback before one
    that takes snapshots, so that every snapshot of an epoch has the file of that epoch.

    Args:
        directory: folder of the files `epoch-NNNN.safetensors`; made if missing.
        last: number of epochs to average.
        final_epoch: the model gets the mean when this many epochs have ended, or when a callback
            stops training. By default it gets it whenever `fit` ends. Give this number if one
            training takes several calls of `fit`.
        run: name of the training, which its files hold. Those of another are refused.

    Example:

    >>> import tempfile
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> averaging = AverageCheckpoints(tempfile.mkdtemp(), last=5)
    >>> x = np.ones((4, 1))
    >>> history = model.fit(x, x, epochs=6, verbose=0, callbacks=[averaging])
    >>> len(averaging.paths())
    5
    """

    def __init__(self, directory, last=5, final_epoch=None, run=None):
        super().__init__()
        self.directory = Path(directory)
        self.last = last
        self.final_epoch = final_epoch
        self.run = run
        self.epochs_seen = 0

    def paths(self):
        """The files that exist, oldest first."""
        return numbered_files(self.directory, "epoch")

    def apply(self, model):
        """Gives `model` the mean of the files; does nothing if there is none.

        Raises:
            InputError: if a file is torn, changed, or of another training or epoch; names it.
        """
        paths = self.paths()[-self.last :]
        if paths:
            without = "the mean of the other epochs"
            read = (read_epoch(path, without, self.run)[0] for path in paths)
            model.set_weights(average_weights(read))

    def lacking(self, epoch):
        """The epochs before `epoch` (from 0) that the mean at `final_epoch` takes and that have no
        file.
        """
        kept = {int(path.stem.split("-")[1]) - 1 for path in self.paths()}
        needed = range(max(0, self.final_epoch - self.last), min(self.final_epoch, epoch))
        return [number for number in needed if number not in kept]

    def forget_from(self, epoch):
        """Deletes the files of `epoch` (from 0) and later ones, which are trained anew."""
        for path in self.paths():
            if int(path.stem.split("-")[1]) > epoch:
                path.unlink()

    def on_epoch_end(self, epoch, logs=None):
        self.epochs_seen = epoch + 1
        self.directory.mkdir(parents=True, exist_ok=True)
        data = pack(weights_of(self.model), {"epoch": epoch, "run": self.run})
        write_atomically(self.directory / f"epoch-{epoch + 1:04d}.safetensors", data)
        for old in self.paths()[: -self.last]:
            old.unlink()

    def on_train_end(self, logs=None):
        ended = self.final_epoch is None or self.epochs_seen >= self.final_epoch
        if ended or self.model.stop_training:
            self.apply(self.model)
