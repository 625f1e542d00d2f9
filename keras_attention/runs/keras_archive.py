"""Checks `.keras` archives before Keras reads them: data of known models, and nothing else."""

import io
import math
import stat
import zipfile
from contextlib import contextmanager

import h5py

from keras_attention._validation import InputError, one_line
from keras_attention.json_file import LARGEST, parse_json_object, shortened
from keras_attention.regular_file import open_regular
from keras_attention.runs.keras_config import check_config

WEIGHTS = "model.weights.h5"
MEMBERS = ("metadata.json", "config.json", WEIGHTS)
# What a file that is no archive begins with. A pickle of protocol 2 or later says so itself.
BEGINNINGS = {
    b"\x80": "is a pickle, which may run code",
    b"\x89HDF": "is an HDF5 file, of Keras before version 3",
}


def check_keras_archive(path, custom_objects=None, any_own=False):
    """Raises `InputError` unless a `.keras` file is one that Keras wrote of our models.

    Its members must be Keras' own three, stored as they are and whole (CRC), its config may name
    our classes and those of Keras that cannot run code, and its weights are plain arrays within the
    file. Nothing of it is executed, and no more than the file's own size of memory is used.

    Args:
        path: of the file.
        custom_objects: dict from a name to the user's class or function of that name, which the
            config may name too: whoever loads the file vouches for them.
        any_own: whether the config may name every class or function that could be given as
            `custom_objects`. So a model that has just been saved is checked, which nobody loads.

    Returns:
        How many numbers its weights hold.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            _check_members(path, archive)
            members = {name: archive.read(name) for name in MEMBERS}  # which compares the CRC
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"{path}: {_beginning(path) or 'is not a whole .keras archive'} ({one_line(error)}); "
            "expected the file that training wrote."
        ) from error
    sizes = _sizes_of_arrays(f"{path}, {WEIGHTS}", members[WEIGHTS])
    config = parse_json_object(members["config.json"], f"{path}, config.json")
    check_config(f"{path}, config.json", config, len(sizes), custom_objects or {}, any_own)
    return sum(sizes)


def config_of(path):
    """The config of a model, a dict, from a `.keras` file that `check_keras_archive` let pass."""
    with zipfile.ZipFile(path) as archive:
        return parse_json_object(archive.read("config.json"), f"{path}, config.json")


def _beginning(path):
    with open(path, "rb") as file:
        start = file.read(8)
    return next((what for bytes_, what in BEGINNINGS.items() if start.startswith(bytes_)), None)


def _check_members(path, archive):
    names = sorted(member.filename for member in archive.infolist())
    if names != sorted(MEMBERS):
        raise InputError(
            f"{path}: expected the members {', '.join(MEMBERS)} and no others. "
            f"Received: {shortened(names)}"
        )
    for member in archive.infolist():
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise InputError(f"{path}: {member.filename} is not an ordinary file.")
        # Keras compresses nothing, so no member can be more than what is stored.
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise InputError(f"{path}: {member.filename} is compressed or encrypted.")
        if member.file_size != member.compress_size:
            raise InputError(
                f"{path}: {member.filename} has {member.compress_size:,} bytes and claims "
                f"{member.file_size:,}."
            )
        if member.filename != WEIGHTS and member.file_size > LARGEST:
            raise InputError(
                f"{path}: {member.filename} has {member.file_size:,} bytes; expected at most "
                f"{LARGEST:,}."
            )
    if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
        raise InputError(f"{path}: its members claim more bytes than the file has.")


def _sizes_of_arrays(name, data):
    """The size of every array of an HDF5 file of weights, which must be plain and within it."""
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return list(_sizes(name, file, len(data)))
    except InputError:
        raise
    except Exception as error:  # whatever bytes at the wrong place make HDF5 raise
        raise InputError(f"{name}: is not a whole HDF5 file ({one_line(error)}).") from error


def _sizes(name, file, length):
    """The size of every array of an HDF5 file; refuses what is not a plain one."""
    waiting, seen = [file], set()
    while waiting:
        group = waiting.pop()
        for key in group:
            link = group.get(key, getlink=True)
            place = shortened(f"{group.name}/{key}".replace("//", "/"))
            if not isinstance(link, h5py.HardLink):
                raise InputError(f"{name}: {place} leads elsewhere; expected weights.")
            found = group[key]
            address = h5py.h5o.get_info(found.id).addr
            if address in seen:
                raise InputError(f"{name}: {place} stands there twice.")
            seen.add(address)
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif _is_plain(found, length):
                yield math.prod(found.shape)
            else:
                raise InputError(f"{name}: {place} is not a plain array within the file.")


def _is_plain(found, length):
    """Whether it is an array of numbers that stand in the file as they are, all of them."""
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        return False
    # HDF5 has no bfloat16: Keras writes two bytes of no type, and says so beside them.
    is_bfloat16 = found.dtype.str == "|V2" and found.attrs.get("dtype") == "bfloat16"
    if found.dtype.kind not in "fiub" and not is_bfloat16:
        return False
    if found.chunks is not None or found.external is not None or found.is_virtual:
        return False
    size = math.prod(found.shape) * found.dtype.itemsize
    start = found.id.get_offset()
    return not size or (
        start is not None and found.id.get_storage_size() == size and start + size <= length
    )


@contextmanager
def limited_variables(elements, error):
    """A context in which Keras may make variables of at most `elements` numbers in all.

    It works on TensorFlow. On JAX nothing is limited, because it has no hook for new variables.

    >>> with limited_variables(1000, MemoryError("too large")):
    ...     keras.layers.Dense(10**9).build((None, 10**9))  # takes no memory

    Args:
        elements: how many numbers all variables together may hold.
        error: exception to raise before the variable that exceeds the limit is made.
    """
    import keras

    if keras.backend.backend() == "jax":
        yield
        return

    import tensorflow as tf

    left = elements

    def make(next_creator, **arguments):
        nonlocal left
        value = arguments["initial_value"]
        if callable(value):  # in a graph it says its shape and computes nothing
            with tf.Graph().as_default():
                value = value()
        left -= value.shape.num_elements()
        if left < 0:
            raise error
        return next_creator(**arguments)

    with tf.variable_creator_scope(make):
        yield
