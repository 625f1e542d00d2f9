"""Atomic, hashed snapshots of everything that training changes."""

import hashlib
import json
import re
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_attention._validation import InputError
from keras_attention.files import write_atomically

_NAME = re.compile(r"^step-(\d{9})\.safetensors$")


def _variables(model):
    """Every variable that training changes, seed generators and optimizer included, by name."""
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    groups = (("model", model.variables), ("optimizer", optimizer))
    return {f"{g}/{i:04d}": v for g, variables in groups for i, v in enumerate(variables)}


def _digest(arrays, position):
    """The sha256 of all values, in the order of their names, and of the position's JSON."""
    digest = hashlib.sha256(position.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def snapshot_paths(directory):
    """The snapshots of `directory`, oldest first."""
    paths = Path(directory).glob("step-*.safetensors")
    return sorted(path for path in paths if _NAME.match(path.name))


def save_snapshot(directory, model, position, keep=5):
    """Writes one snapshot and deletes all but the last `keep`.

    Args:
        directory: where the snapshots stand; made if missing.
        model: a compiled model whose optimizer is built.
        position: dict of JSON values that says where training stands; "step", the number of updates
            so far, names the file.
        keep: number of snapshots to keep.

    Returns:
        The path of the snapshot.
    """
    from safetensors.numpy import save

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.array(variable.numpy()) for name, variable in _variables(model).items()}
    text = json.dumps(position)
    path = directory / f"step-{position['step']:09d}.safetensors"
    write_atomically(path, save(arrays, {"sha256": _digest(arrays, text), "position": text}))
    # What a killed process left half written goes with the snapshots that are not kept.
    for old in [*snapshot_paths(directory)[:-keep], *directory.glob(".step-*")]:
        old.unlink(missing_ok=True)
    return path


def read_snapshot(path):
    """The arrays and the position of one snapshot.

    Raises:
        InputError: if the file is torn or changed.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable snapshot ({error}).") from error
    position = metadata.get("position", "")
    if metadata.get("sha256") != _digest(arrays, position):
        raise InputError(f"{path}: the snapshot's checksum does not match its contents.")
    return arrays, json.loads(position)


def restore_latest(directory, model):
    """Puts the newest sound snapshot of `directory` into `model` and its optimizer.

    A torn or corrupted file is passed over, with a warning that names it.

    Returns:
        The snapshot's position, or None if there is no sound snapshot.

    Raises:
        InputError: if the snapshot is of another model.
    """
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    for path in reversed(snapshot_paths(directory)):
        try:
            arrays, position = read_snapshot(path)
        except InputError as error:
            warnings.warn(f"{error} Falling back to the one before.", stacklevel=2)
            continue
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        if shapes != {name: array.shape for name, array in arrays.items()}:
            raise InputError(f"{path}: the snapshot is of another model or optimizer.")
        for name, variable in variables.items():
            variable.assign(arrays[name])
        return position
    return None


class Snapshots(keras.callbacks.Callback):
    """Takes a snapshot at the end of every epoch, and every `every_steps` updates if given.

    Args:
        directory: where the snapshots stand.
        steps_per_epoch: number of updates in an epoch.
        every_steps: number of updates between snapshots, or None.
        first_step: number of updates done before this `fit`.
        keep: number of snapshots to keep.
    """

    def __init__(self, directory, steps_per_epoch, every_steps=None, first_step=0, keep=3):
        super().__init__()
        self.directory = Path(directory)
        self.steps_per_epoch = steps_per_epoch
        self.every_steps = every_steps
        self.step = first_step
        self.keep = keep

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.every_steps and self.step % self.every_steps == 0:
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        self._save()

    def _save(self):
        epoch, step_in_epoch = divmod(self.step, self.steps_per_epoch)
        position = {"step": self.step, "epoch": epoch, "step_in_epoch": step_in_epoch}
        save_snapshot(self.directory, self.model, position, self.keep)
