"""Reading a directory that somebody may be replacing: all of it is old, or all of it is new."""

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from keras_attention._validation import InputError
from keras_attention.json_file import json_object_or_empty
from keras_attention.runs.run_directory import CONFIG, DIGESTS, MODEL, TOKENIZER

ATTEMPTS = 20


def whole_read(path, read):
    """`read(directory)` of a run or an artifact, whose files are of each other.

    A directory may be replaced while its files are read one after the other. So it is opened once:
    whatever takes its name later, `read` goes on in the old one. Where its files are removed or
    overwritten meanwhile, their inodes, sizes and times show it. Then all is read again, from a
    copy: to make that takes less time than to load it, so that even a directory that is replaced
    all the time is read.

    Args:
        path: of the run or the artifact.
        read: function of a path that leads there to whatever it makes of the files. What it has
            made needs them no more.

    Returns:
        What `read` returns.

    Raises:
        Whatever `read` raises of files that do not change.
        InputError: if they change whenever they are read.
    """
    path = Path(path)
    with _pinned(path) as source:
        before = _state(source)
        try:
            found = _read(source, path, read)
            if _state(source) == before:
                return found
        except Exception:
            if _state(source) == before:
                raise
    for _ in range(ATTEMPTS):
        with _copy(path) as copy:
            if copy is not None:
                return _read(copy, path, read)
    raise InputError(f"{path} is being replaced again and again; it could not be read whole.")


def _read(source, path, read):
    """`read(source)`, whose errors name `path`."""
    try:
        return read(source)
    except InputError as error:
        if type(error) is not InputError or str(source) not in str(error):
            raise
        raise InputError(str(error).replace(str(source), str(path))) from error


def _state(path):
    """What changes when a file that is read is replaced or written."""
    return {name: _stamp(path / name) for name in _names(path)}


def _names(path):
    tokenizer = [f"{TOKENIZER}/{name}" for name in _listed(path / TOKENIZER)]
    files = json_object_or_empty(path / "manifest.json").get("files")
    others = files if isinstance(files, dict) else ()
    inside = [name for name in others if _is_inside(name)]
    return {"", "manifest.json", CONFIG, DIGESTS, MODEL, *tokenizer, *inside}


def _is_inside(name):
    """Whether a path, of a manifest that may say anything, leads below its directory."""
    return not name.startswith("/") and ".." not in PurePosixPath(name).parts


def _listed(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def _stamp(path):
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a manifest may say anything
        return None
    if stat.S_ISDIR(found.st_mode):  # whose times change with files that nobody reads
        return found.st_dev, found.st_ino
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def _copy(path):
    """The directory of a copy of the files that are read; None if they have changed meanwhile."""
    with tempfile.TemporaryDirectory(prefix="keras_attention-") as folder, _pinned(path) as source:
        copy = Path(folder) / (path.name or "copy")
        copy.mkdir()
        before = _state(source)
        for name in _names(source):
            if (source / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                with suppress(OSError):  # it is being removed, which the state shows
                    shutil.copyfile(source / name, copy / name)
        yield copy if _state(source) == before else None


@contextmanager
def _pinned(path):
    """A path that leads to the directory that is at `path` now, whatever takes its name later."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, AttributeError):  # it is not there, or this is not POSIX
        yield path
        return
    try:
        yield Path(f"/proc/self/fd/{descriptor}") if _is_pinned() else path
    finally:
        os.close(descriptor)


def _is_pinned():
    """Whether the system has paths of open directories, as Linux has."""
    return os.path.isdir("/proc/self/fd")
