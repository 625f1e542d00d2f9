"""Files of arrays with a sha256 of all that they hold: snapshots, and weights of epochs."""

import hashlib
import json
import re
import struct
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_attention._validation import InputError
from keras_attention.regular_file import read_regular

SNAPSHOT = re.compile(r"step-\d{9}\.safetensors")
OWN = ("model/", "optimizer/")  # the arrays that training changes; others are of who saves them


def pack(arrays, position):
    """The bytes of a safetensors file with its sha256.

    Args:
        arrays: dict of arrays by name.
        position: JSON values that belong to them.
    """
    from safetensors.numpy import save

    text = json.dumps(position)
    return save(arrays, {"sha256": _digest(arrays, text), "position": text})


def _digest(arrays, position):
    """The sha256 of all values, in the order of their names, and of the position's JSON."""
    digest = hashlib.sha256(position.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def unpack(data, path):
    """The arrays and the position in the bytes of a file that `pack` made.

    Raises:
        InputError: if the bytes are torn or changed; it names `path`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        (size,) = struct.unpack("<Q", data[:8])
        metadata = json.loads(data[8 : 8 + size]).get("__metadata__") or {}
    except (SafetensorError, ValueError, struct.error, RecursionError) as error:
        raise InputError(f"{path}: not a readable snapshot ({error}).") from error
    position = metadata.get("position", "")
    if metadata.get("sha256") != _digest(arrays, position):
        raise InputError(f"{path}: the snapshot's checksum does not match its contents.")
    return arrays, json.loads(position)


def numbered_files(directory, name):
    """The files `NAME-NUMBER.safetensors` of a directory, the lowest number first; no others."""
    form = re.compile(re.escape(name) + r"-\d+\.safetensors")
    return sorted(path for path in Path(directory).glob(f"{name}-*") if form.fullmatch(path.name))


def read_snapshot(path):
    """The arrays and the position of one file.

    Raises:
        InputError: if the file is torn or changed.
    """
    return unpack(read_bytes(path), path)


def read_bytes(path):
    """The bytes of a file; an `InputError` where it cannot be read."""
    try:
        return read_regular(path)
    except OSError as error:
        raise InputError(f"{path}: not a readable snapshot ({error}).") from error


def snapshot_paths(directory):
    """The snapshots of `directory`, oldest first."""
    paths = Path(directory).glob("step-*.safetensors")
    return sorted(path for path in paths if SNAPSHOT.fullmatch(path.name))


def newest_sound(directory, run=None):
    """Path and bytes of the newest snapshot of the training `run` that is good.

    A good one is whole, stands in its place, and its numbers are finite. Warns of each newer one
    that is not.
    """
    for path in reversed(snapshot_paths(directory)):
        try:
            data = read_bytes(path)
            arrays, position = unpack(data, path)
            require_place(path, position, run, position.get("step"))
            own = {n: a for n, a in arrays.items() if n.startswith(OWN)}
            if not_finite(own):
                raise InputError(f"{path}: the snapshot holds numbers that are not finite.")
        except InputError as error:
            warnings.warn(f"{error} Falling back to the one before.", stacklevel=3)
        else:
            return path, data
    return None, b""


def what_is_left(directory, run=None):
    """Where the training `run` can go on from when it has failed, in words."""
    try:
        path, _ = newest_sound(directory, run)
    except OSError:
        path = None
    if path is None:
        return (
            "There is no good snapshot: begin with a lower learning rate or a limit on the "
            "gradient, by `resume` or in another directory."
        )
    return (
        f"The last good snapshot is {path}: look at the batch, or go on from there by `resume` "
        "with a lower learning rate or a limit on the gradient."
    )


def not_finite(arrays):
    """The names of those of a dict of arrays that hold numbers that are not finite."""
    return [
        name
        for name, array in arrays.items()
        if keras.backend.is_float_dtype(str(array.dtype)) and not np.isfinite(array).all()
    ]


def weights_of(model):
    """A model's weights, a dict of arrays whose names sort in their order."""
    return {f"{i:04d}": np.array(weight) for i, weight in enumerate(model.get_weights())}


def require_place(path, position, run, number):
    """Raises `InputError` unless a file is of a training, and of the number that its name ends in.

    Args:
        path: of the file.
        position: of `unpack`; "run" is the name of its training.
        run: the name that is expected.
        number: the one that the file's own position has.
    """
    if position.get("run") != run:
        raise InputError(f"{path}: it is of another training.")
    if Path(path).stem.split("-")[-1].lstrip("0") != str(number or ""):
        raise InputError(f"{path}: it was written under another name, of {number}.")


def read_epoch(path, without, run=None):
    """The weights of an epoch, a list of arrays, and what belongs to them.

    Args:
        path: of a file of `weights_of`, whose name ends in the number of the epoch, from 1.
        without: what there is without it, in words.
        run: name of the training that it must be of.

    Raises:
        InputError: if the file is torn, changed, or of another training or epoch. The message says
            what to do.
    """
    try:
        arrays, position = read_snapshot(path)
        epoch = position.get("epoch")
        require_place(path, position, run, epoch + 1 if isinstance(epoch, int) else epoch)
    except InputError as error:
        raise InputError(
            f"{path}: not a readable checkpoint; it is torn, has been changed, or is of another "
            f"training or epoch. Delete it to go on with {without}."
        ) from error
    return [arrays[name] for name in sorted(arrays)], position
