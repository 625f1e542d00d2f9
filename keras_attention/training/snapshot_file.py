"""Files of arrays with a sha256 of all that they hold: snapshots, and weights of epochs."""

import hashlib
import json
import re
import struct
from pathlib import Path

import keras
import numpy as np

from keras_attention._validation import InputError


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
    except (SafetensorError, ValueError, struct.error) as error:
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
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: not a readable snapshot ({error}).") from error


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


def read_epoch(path, without):
    """The weights of an epoch, a list of arrays, and what belongs to them.

    Args:
        path: of a file of `weights_of`.
        without: what there is without it, in words.

    Raises:
        InputError: if the file is torn or changed. The message says what to do.
    """
    try:
        arrays, position = read_snapshot(path)
    except InputError as error:
        raise InputError(
            f"{path}: not a readable checkpoint; it is torn or has been changed. Delete it to go "
            f"on with {without}."
        ) from error
    return [arrays[name] for name in sorted(arrays)], position
