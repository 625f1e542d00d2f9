"""Tensors in .safetensors files: bytes and shapes, never code."""

from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from keras_attention._validation import InputError, one_line
from keras_attention.files import write_atomically
from keras_attention.json_file import read_json_object, shortened
from keras_attention.regular_file import require_dense, require_regular

FLOATS = ("F64", "F32", "F16", "BF16")
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in several files
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")


class TensorFile:
    """Open files, from `open_tensors`.

    `shapes` and `types` are dicts of every tensor's shape and of how it is stored.
    """

    def __init__(self, files):
        self._files = {name: file for file in files for name in file.keys()}
        slices = {name: file.get_slice(name) for name, file in self._files.items()}
        self.shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
        self.types = {name: part.get_dtype() for name, part in slices.items()}

    def read(self, name):
        """A tensor as a float32 array."""
        return np.asarray(self._files[name].get_tensor(name)).astype("float32", copy=False)


def weights_path(directory):
    """The path of the weights in a published directory, or of the index of their files.

    Raises:
        InputError: if there are none, or a pickle alone.
    """
    path = Path(directory) / WEIGHTS
    if path.exists():
        return path
    if (path.parent / INDEX).exists():
        return path.parent / INDEX
    found = [name for name in PICKLES if (path.parent / name).exists()]
    reason = (
        f" {found[0]} is a pickle, which may run code, and is not read: convert it to "
        f"{WEIGHTS}, in which most models are published too."
        if found
        else ""
    )
    raise InputError(f"{path} does not exist.{reason}")


@contextmanager
def open_tensors(path):
    """Opens a .safetensors file, or all files that a .safetensors.index.json names.

    Raises:
        InputError: if a file cannot be read or is not a whole file of this format, or the files do
            not hold the tensors that the index names, each in its own file.
    """
    with ExitStack() as stack:
        if Path(path).suffix != ".json":
            yield TensorFile([stack.enter_context(_open(path))])
            return
        found = {}
        for name, expected in _shards(path).items():
            shard = Path(path).parent / name
            file = stack.enter_context(_open(shard))
            others = sorted(expected ^ set(file.keys()))
            if others:
                raise InputError(
                    f"{path} and {name} do not belong together; only one of them has "
                    f"{one_line(', '.join(others), 100)}."
                )
            found[name] = file
        yield TensorFile(found.values())


def _shards(path):
    """`{name of a file: set of tensors}` of an index, whose names are of files beside it."""
    try:
        content = read_json_object(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    weight_map = content.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InputError(f"{path}: `weight_map` must be an object of file names by tensor.")
    shards = {}
    for tensor, name in weight_map.items():
        # An index is another's: it names no file elsewhere.
        if not isinstance(name, str) or Path(name).name != name or "\\" in name:
            raise InputError(
                f"{path}: `weight_map` must name files of this directory. Received: "
                f"{shortened(name)}"
            )
        if Path(name).suffix != ".safetensors":
            raise InputError(
                f"{path}: `weight_map` must name .safetensors files. Received: {shortened(name)}"
            )
        shards.setdefault(name, set()).add(tensor)
    missing = [name for name in shards if not (Path(path).parent / name).is_file()]
    if missing:
        raise InputError(f"{path} names files that do not exist: {', '.join(sorted(missing))}.")
    return shards


@contextmanager
def _open(path):
    from safetensors import SafetensorError, safe_open

    try:
        require_regular(path)
        require_dense([path])
        with safe_open(str(path), framework="numpy") as file:
            yield file
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
