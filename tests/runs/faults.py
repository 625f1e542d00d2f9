"""Faults of a disk: the n-th call that opens, writes, syncs or renames a file fails, or kills.

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
import traceback
from pathlib import Path

KINDS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "kill": None}
WRITING = set("wxa+")


class Faults:
    """Counts the calls that change files below a directory; the one of a number fails.

    Args:
        directory: path.
        number: of the call that fails, from 1; None for none.
        kind: a key of `KINDS`.
        own: whether only calls count that this package's own file layer makes.
    """

    def __init__(self, directory, number=None, kind="ENOSPC"):
        self.directory = os.path.realpath(directory)
        self.number, self.kind = number, kind
        self.calls = []
        self._descriptors = {}

    def count(self, name, path):
        """Counts a call; raises, or kills this process, where it is the one."""
        if isinstance(path, int):
            path = self._descriptors.get(path) or _path_of(path)
        path = os.path.abspath(os.fsdecode(path))
        if not path.startswith(self.directory):
            return
        self.calls.append(f"{name} {os.path.relpath(path, self.directory)}")
        if len(self.calls) == self.number:
            if KINDS[self.kind] is None:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(KINDS[self.kind], os.strerror(KINDS[self.kind]), path)

    @contextlib.contextmanager
    def injected(self):
        """Within the block the calls count."""
        real = {"open": builtins.open, "io": io.open, "os": os.open}
        named = {name: getattr(os, name) for name in ("replace", "rename", "link", "mkdir")}
        fsync = os.fsync

        def open_file(file, mode="r", *args, **kwargs):
            if not WRITING & set(mode) or isinstance(file, int):
                return real["open"](file, mode, *args, **kwargs)
            self.count("open", file)
            return _File(real["open"](file, mode, *args, **kwargs), self, file)

        def open_descriptor(path, flags, *args, **kwargs):
            if flags & os.O_CREAT:
                self.count("create", path)
            return real["os"](path, flags, *args, **kwargs)

        def sync(descriptor):
            self.count("fsync", descriptor)
            return fsync(descriptor)

        def counted(name, function):
            def call(*args, **kwargs):
                self.count(name, args[-1] if name != "mkdir" else args[0])
                return function(*args, **kwargs)

            return call

        builtins.open = io.open = open_file
        os.open, os.fsync = open_descriptor, sync
        for name, function in named.items():
            setattr(os, name, counted(name, function))
        try:
            yield self
        finally:
            builtins.open, io.open, os.open, os.fsync = *real.values(), fsync
            for name, function in named.items():
                setattr(os, name, function)


class _File:
    """A file whose writes count."""

    def __init__(self, file, faults, path):
        self._file, self._faults, self._path = file, faults, path

    def write(self, data):
        self._faults.count("write", self._path)
        return self._file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self._file.__exit__(*error)

    def __iter__(self):
        return iter(self._file)

    def __getattr__(self, name):
        return getattr(self._file, name)


def _path_of(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return "unknown"


def forked(action, faults):
    """What becomes of `action()` in a process of its own, while faults are injected.

    Returns:
        A dict: "calls", and "error" (type and message) where it raised one; or "killed".
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
        os.write(writer, json.dumps({**said, "calls": faults.calls}).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        data = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status), "calls": []}
    return json.loads(data)


def names_below(directory):
    """The names of all files below a directory, but for the numbers in those of TensorBoard."""
    found = (path.relative_to(directory).as_posix() for path in Path(directory).rglob("*"))
    return sorted({name.split(".tfevents")[0] for name in found})
