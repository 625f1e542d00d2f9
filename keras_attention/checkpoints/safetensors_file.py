"""Tensors in a .safetensors file: bytes and shapes, never code."""

from contextlib import contextmanager

import numpy as np

from keras_attention._validation import InputError, one_line
from keras_attention.files import write_atomically

FLOATS = ("F64", "F32", "F16", "BF16")


class TensorFile:
    """An open file, from `open_tensors`.

    `shapes` and `types` are dicts of every tensor's shape and of how it is stored.
    """

    def __init__(self, file):
        self._file = file
        slices = {name: file.get_slice(name) for name in file.keys()}
        self.shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
        self.types = {name: part.get_dtype() for name, part in slices.items()}

    def read(self, name):
        """A tensor as a float32 array."""
        return np.asarray(self._file.get_tensor(name)).astype("float32", copy=False)


@contextmanager
def open_tensors(path):
    """Opens a .safetensors file.

    Raises:
        InputError: if it cannot be read or is not a whole file of this format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            yield TensorFile(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except SafetensorError as error:
        reason = one_line(error)
        if _begins_as_pickle(path):
            reason = f"it is a pickle, which may run code, and is not read; {reason}"
        raise InputError(f"{path} is not a whole .safetensors file: {reason}.") from error


def _begins_as_pickle(path):
    """Whether a file begins as `pickle` and `torch.save` write: protocol 2 or later, or an archive
    with one in it.
    """
    with open(path, "rb") as file:
        return file.read(4).startswith((b"\x80", b"PK\x03\x04"))


def write_tensors(path, tensors):
    """Writes a dict of float32 arrays, as HuggingFace does."""
    from safetensors.numpy import save

    write_atomically(path, save(tensors, metadata={"format": "pt"}))
