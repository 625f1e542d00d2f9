"""Atomic snapshots, with a sha256, of everything that training changes."""

from pathlib import Path

import keras
import numpy as np

from keras_attention._validation import InputError
from keras_attention.files import is_temporary, write_atomically, writing
from keras_attention.training.callback_state import build_metrics, callback_state, restore_callback
from keras_attention.training.preemption_handler import TrainingInterrupted
from keras_attention.training.snapshot_file import (
    OWN,
    SNAPSHOT,
    newest_sound,
    not_finite,
    pack,
    snapshot_paths,
    unpack,
    what_is_left,
)
from keras_attention.training.training_state import training_state
from keras_attention.training.workers import any_worker, current_strategy, is_chief, share_bytes

VOTE_EVERY = 10  # steps between the exchanges in which workers ask whether a signal has come


def save_snapshot(directory, model, position, keep=5, extra=None):
    """Writes one snapshot and deletes all but the last `keep`.

    Snapshots of later steps are deleted too: training has gone back, and takes them anew.

    Args:
        directory: folder of the snapshots; made if missing.
        model: a compiled model whose optimizer is built.
        position: dict of JSON values: how far training has come. "step", the number of updates so
            far, is part of the file's name. "run" may be the name of the training.
        keep: number of snapshots to keep.
        extra: dict of further arrays. Their names must not begin with "model/" or "optimizer/".

    Returns:
        The path of the snapshot.

    Raises:
        InputError: if a variable holds a number that is not finite: no snapshot is written.
    """
    directory = Path(directory)
    arrays = _finite_arrays(directory, model, position["step"], position.get("run"))
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    path = _path(directory, position["step"])
    write_atomically(path, pack({**arrays, **(extra or {})}, position))
    paths = snapshot_paths(directory)
    last = paths.index(path) + 1
    others = [*paths[: max(0, last - keep)], *paths[last:]]
    half_written = [  # by a process that was killed
        left
        for left in directory.glob(".step-*")
        if SNAPSHOT.fullmatch(is_temporary(left.name) or "")
    ]
    for old in [*others, *half_written]:
        old.unlink(missing_ok=True)
    return path


def _finite_arrays(directory, model, step, run):
    arrays = {name: np.array(variable.numpy()) for name, variable in training_state(model).items()}
    broken = not_finite(arrays)
    if broken:
        raise InputError(
            f"After {step} updates {len(broken)} of {len(arrays)} variables hold numbers that are "
            f"not finite; training has stopped. {what_is_left(directory, run)}"
        )
    return arrays


def _path(directory, step):
    return directory / f"step-{step:09d}.safetensors"


def restore_latest(directory, model, run=None):
    """Restores `model` and its optimizer from the newest snapshot of `directory` that is good.

    A good one is whole, of the training `run` and of the step that its name says, and its numbers
    are finite. Another file is skipped, with a warning that names it. With several workers the
    chief reads the file and sends it to the others.

    Returns:
        The snapshot's position and its further arrays, or None if no snapshot is good.

    Raises:
        InputError: if the snapshot belongs to another model or optimizer.
    """
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    path, data = newest_sound(directory, run) if is_chief() else (None, b"")
    data = share_bytes(data)
    if not data:
        return None
    arrays, position = unpack(data, path)
    variables = training_state(model)
    extra = {name: arrays[name] for name in arrays if not name.startswith(OWN)}
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items() if name not in extra}:
        raise InputError(f"{path}: the snapshot is of another model or optimizer.")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return position, extra


class Snapshots(keras.callbacks.Callback):
    """Takes a snapshot at the end of every epoch, and every `every_steps` updates if given.

    A snapshot holds the weights, the optimizer with its step and loss scale, the seeds, what the
    metrics have seen of the epoch, and the state of other callbacks. Training continues from it bit
    by bit, in one or several calls of `fit`. The order of the data must be a function of epoch and
    step, as it is for the batches of `keras_attention.text`. Put this callback last.

    Args:
        directory: folder of the snapshots.
        steps_per_epoch: number of updates in an epoch.
        every_steps: number of updates between snapshots, or None.
        keep: number of snapshots to keep.
        state_of: callbacks whose numbers and arrays are part of a snapshot, such as
            `keras.callbacks.EarlyStopping`.
        run: name of the training, which its snapshots hold. Those of another are skipped.
        interruption: a `PreemptionHandler`. When it has recorded a signal, the callback takes a
            last snapshot at the end of the step and raises `TrainingInterrupted`.
        total_steps: number of updates of the whole training, where its last epoch is shorter. With
            a larger one that epoch goes on.

    Attributes:
        step: number of updates so far.

    >>> snapshots = Snapshots("snapshots", steps_per_epoch=len(batches), every_steps=500)
    >>> epoch, step = snapshots.restore(model)  # (0, 0) where there is nothing to restore
    >>> model.fit(
    ...     batches.dataset(epoch, step),
    ...     initial_epoch=epoch,
    ...     epochs=epoch + 1,  # the rest of this one; then the others, in a second call
    ...     steps_per_epoch=len(batches) - step,
    ...     callbacks=[snapshots],
    ...     shuffle=False,
    ... )
    """

    def __init__(
        self,
        directory,
        steps_per_epoch,
        every_steps=None,
        keep=3,
        state_of=(),
        interruption=None,
        run=None,
        total_steps=None,
    ):
        super().__init__()
        self.directory = Path(directory)
        self.steps_per_epoch = steps_per_epoch
        self.total_steps = total_steps
        self.every_steps = every_steps
        self.keep = keep
        self.state_of = list(state_of)
        self.interruption = interruption
        self.run = run
        self.step = 0
        self._noted = None  # the last snapshot's position and further arrays
        self._begins = False
        self._batch = None
        self._metrics = {}  # of an epoch that is shorter, when its last update has come

    def restore(self, model, batch=None):
        """Restores `model` from the newest snapshot that is whole: see `restore_latest`.

        Callbacks get their state back at once and, as metrics do, when `fit` begins its first
        epoch.

        Args:
            model: a compiled model.
            batch: `(x, y)` or `(x, y, sample_weight)`, such as `fit` will read. Needed to continue
                within an epoch: Keras makes the variables of metrics from a first batch.

        Returns:
            The epoch, and the step in it, at which training continues, both from 0. If a callback
            had ended training, `model.stop_training` is true.
        """
        self._noted = restore_latest(self.directory, model, self.run)
        self._batch = batch
        position = self._noted[0] if self._noted else {}
        if self._noted:
            self._give_back_callbacks(*self._noted)
        self.step = position.get("step", 0)
        model.stop_training = position.get("stopped", False)
        return self._place(self.step)

    def _place(self, step):
        """The epoch and the step in it, both from 0, that come after so many updates."""
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        if step_in_epoch and step == self.total_steps:
            return epoch + 1, 0
        return epoch, step_in_epoch

    def on_train_begin(self, logs=None):
        self._begins = True

    def on_epoch_begin(self, epoch, logs=None):
        # Not before: `fit` resets metrics, and some callbacks forget, when they begin.
        if self._begins and self._noted is not None:
            self._give_back(*self._noted)
        self._begins = False

    def _give_back(self, position, extra):
        if self._place(position["step"])[1]:
            saved = [array for name, array in sorted(extra.items()) if name.startswith("metric/")]
            if len(self.model.metrics_variables) < len(saved):
                build_metrics(self.model, self._batch)
            variables = self.model.metrics_variables
            if not saved or [a.shape for a in saved] != [tuple(v.shape) for v in variables]:
                raise self._lacks(position, f"{len(variables)} variables of metrics", len(saved))
            for variable, array in zip(variables, saved, strict=True):
                variable.assign(array)
        self._give_back_callbacks(position, extra)

    def _lacks(self, position, expected, found):
        return InputError(
            f"{_path(self.directory, position['step'])}: the snapshot is of a training with other "
            f"metrics or callbacks: expected the state of {expected}. Received: of {found}"
        )

    def _give_back_callbacks(self, position, extra):
        noted = position.get("callbacks", [])
        if len(noted) < len(self.state_of):  # workers that are not the chief may have none
            raise self._lacks(position, f"{len(self.state_of)} callbacks", len(noted))
        for i, (callback, values) in enumerate(zip(self.state_of, noted, strict=False)):
            prefix = f"callback/{i}/"
            own = {n.removeprefix(prefix): a for n, a in extra.items() if n.startswith(prefix)}
            restore_callback(callback, values, own)

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if not self._place(self.step)[1]:
            # The epoch's end is to come: its scores are part of what has happened. A shorter epoch
            # goes on where training is given more updates; validation makes metrics its own.
            self._metrics = self._metrics_so_far() if self.step % self.steps_per_epoch else {}
            return
        if self._is_interrupted():
            self._stop(self._save())
        elif self.every_steps and self.step % self.every_steps == 0:
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        path = self._save()
        if self._is_interrupted(ask=True):
            self._stop(path)

    def _is_interrupted(self, ask=False):
        if self.interruption is None:
            return False
        came = self.interruption.signal is not None
        if current_strategy() is None:
            return came
        return (ask or self.step % VOTE_EVERY == 0) and any_worker(came)

    def _stop(self, path):
        raise TrainingInterrupted(
            f"stopped at step {self.step}; the snapshot is {path}. Go on with `resume`.",
            self.interruption.signal,
        )

    def _metrics_so_far(self):
        """What metrics have seen of the epoch. All workers read it: it is a sum over them."""
        variables = enumerate(self.model.metrics_variables)
        return {f"metric/{i:04d}": np.array(variable.numpy()) for i, variable in variables}

    def _save(self):
        epoch, step_in_epoch = self._place(self.step)
        position = {"step": self.step, "epoch": epoch, "step_in_epoch": step_in_epoch}
        if self.run is not None:
            position["run"] = self.run
        extra = self._metrics_so_far() if step_in_epoch else dict(self._metrics)
        position["stopped"] = bool(self.model.stop_training)
        position["callbacks"] = []
        for i, callback in enumerate(self.state_of):
            values, arrays = callback_state(callback)
            position["callbacks"].append(values)
            extra.update({f"callback/{i}/{name}": np.array(a) for name, a in arrays.items()})
        self._noted = position, extra
        if not is_chief():
            _finite_arrays(
                self.directory, self.model, self.step, self.run
            )  # as the chief, which raises
            return _path(self.directory, self.step)
        return save_snapshot(self.directory, self.model, position, self.keep, extra)
