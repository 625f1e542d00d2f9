"""Faults of a disk: the n-th call that changes a file fails, or kills.

As SQLite tests its own file layer. A test process that has imported everything, and has run no
operation of TensorFlow, forks for each fault.
"""

import builtins
import contextlib
import errno
import io
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import keras_attention
from keras_attention import new_directory

KINDS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "kill": None}
WRITING = set("wxa+")
# Functions of `os` that change files, and which of their arguments is the file.
CHANGING = {
    "replace": 1,
    "rename": 1,
    "link": 1,
    "mkdir": 0,
    "write": 0,
    "pwrite": 0,
    "ftruncate": 0,
    "fsync": 0,
}
PACKAGE = os.path.dirname(keras_attention.__file__)
# What stands between this package's own file layer and the system, of Python's library.
BETWEEN = (__file__, "pathlib.py", "contextlib.py")


class Faults:
    """Counts the calls that change files below a directory; the one of a number fails.

    Args:
        directory: path.
        number: of the call that fails, from 1; None for none.
        kind: a key of `KINDS`.

    Attributes:
        calls: list of what was called, as texts.
        own: numbers of the calls that this package's own file layer made; the others are those of
            the libraries that it uses.
    """

    def __init__(self, directory, number=None, kind="ENOSPC"):
        self.directory = os.path.realpath(directory)
        self.number, self.kind = number, kind
        self.calls, self.own = [], []

    def count(self, name, path):
        """Counts a call; raises, or kills this process, where it is the one."""
        if isinstance(path, int):
            path = _path_of(path)
        path = os.path.abspath(os.fsdecode(path))
        if not path.startswith(self.directory):
            return
        self.calls.append(f"{name} {os.path.relpath(path, self.directory)}")
        if _is_own(sys._getframe(1)):
            self.own.append(len(self.calls))
        if len(self.calls) == self.number:
            if KINDS[self.kind] is None:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(KINDS[self.kind], os.strerror(KINDS[self.kind]), path)

    @contextlib.contextmanager
    def injected(self):
        """Within the block the calls count."""
        real = builtins.open, os.open, new_directory._exchange
        named = {name: getattr(os, name) for name in CHANGING}

        def open_file(file, mode="r", *args, **kwargs):
            if not WRITING & set(mode) or isinstance(file, int):
                return real[0](file, mode, *args, **kwargs)
            self.count("open", file)
            return _File(real[0](file, mode, *args, **kwargs), self, file)

        def open_descriptor(path, flags, *args, **kwargs):
            if flags & os.O_CREAT:
                self.count("create", path)
            return real[1](path, flags, *args, **kwargs)

        def exchange(one, other):  # a call of the system that Python's `os` does not have
            self.count("exchange", other)
            return real[2](one, other)

        def counted(name, function):
            def call(*args, **kwargs):
                self.count(name, args[CHANGING[name]])
                return function(*args, **kwargs)

            return call

        builtins.open = io.open = open_file
        os.open, new_directory._exchange = open_descriptor, exchange
        for name, function in named.items():
            setattr(os, name, counted(name, function))
        try:
            yield self
        finally:
            builtins.open = io.open = real[0]
            os.open, new_directory._exchange = real[1:]
            for name, function in named.items():
                setattr(os, name, function)


class _File:
    """A file whose writes count, and what may write what they have left: to flush and to close."""

    def __init__(self, file, faults, path):
        self._file, self._faults, self._path = file, faults, path

    def write(self, data):
        self._faults.count("write", self._path)
        return self._file.write(data)

    def flush(self):
        self._faults.count("flush", self._path)
        self._file.flush()

    def close(self):
        if self._file.closed:
            return
        try:
            self._faults.count("close", self._path)
        finally:
            self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def __iter__(self):
        return iter(self._file)

    def __getattr__(self, name):
        return getattr(self._file, name)


def _is_own(frame):
    """Whether a call is one of this package, and not of a library that it calls."""
    while frame.f_code.co_filename.endswith(BETWEEN):
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(PACKAGE)


def _path_of(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return "unknown"


def forked(action, faults):
    """What becomes of `action()` in a process of its own, while faults are injected.

    Returns:
        A dict: "calls" and "own", and "error" (type and message) where it raised one; or "killed".
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        said = {}
        try:
            with faults.injected():
                action()
        except BaseException as error:
            said = {"error": [type(error).__name__, str(error)], "where": traceback.format_exc()}
        with open(writer, "wb") as file:
            file.write(json.dumps({**said, "calls": faults.calls, "own": faults.own}).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        data = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status), "calls": [], "own": []}
    return json.loads(data)


def names_below(directory):
    """The names of all files below a directory, but for the numbers in those of TensorBoard."""
    found = (path.relative_to(directory).as_posix() for path in Path(directory).rglob("*"))
    return sorted({name.split(".tfevents")[0] for name in found})
