"""One writer of an output at a time: a lock that ends with its process."""

import errno
import os
import re
import socket
import stat
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import beside, not_written

INSIDE = ".lock"  # the lock of a directory whose parent is read-only, such as a volume's root

# What the content of a lock begins with. Another file of that name is somebody's.
_SIGNATURE = "keras-attention lock: "

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class OutputLock:
    """The lock of an output, which `output_lock` gives.

    It is true. In its files it notes the temporary directories of whoever holds it. So the next
    holder knows which of those that it finds a killed process has made: a name proves nothing.
    """

    def __init__(self, locks):
        self._locks = locks

    def noted(self):
        """The paths of the directories that this holder, or killed ones, have noted."""
        return [lock.file.with_name(name) for lock in self._locks for name in lock.names]

    def note(self, path):
        """Notes that the directory `path` may be removed, whoever finds it."""
        for lock in self._beside(path):
            lock.names.append(path.name)
            lock.sign()

    def forget(self, path):
        """Takes back `note`."""
        for lock in self._beside(path):
            lock.names = [name for name in lock.names if name != path.name]
            lock.sign()

    def _beside(self, path):
        parent = os.path.realpath(path.parent)
        return [lock for lock in self._locks if os.path.realpath(lock.file.parent) == parent]


@contextmanager
def output_lock(path):
    """Holds the lock of an output while the block runs. It makes the directory that `path` is in.

    The lock is one of the kernel (`flock`) on the file `.NAME.lock` beside the output. So it ends
    with its process, however that ends, in a container as elsewhere, and holds between machines
    that share a disk by NFS or SMB. Where there is a link, what it leads to is locked too.

    Args:
        path: of a file or a directory, which need not exist.

    Yields:
        An `OutputLock`; or False where the filesystem has no locks, after a warning.

    Raises:
        InputError: if another process, or thread, holds it; if it cannot be written; or if a file
            of its name is no lock.

    >>> with output_lock("run"):
    ...     ...  # nobody else writes it
    """
    path = Path(path).absolute()
    made, locks = [], []
    try:
        made = _make_parents(path)
        for one in dict.fromkeys((path, Path(os.path.realpath(path)))):
            locks.append(_acquire(one))
        yield None not in locks and OutputLock(locks)
    finally:
        for lock in filter(None, reversed(locks)):
            lock.release()
        for parent in made:  # those that nothing was written to
            with suppress(OSError):
                parent.rmdir()


def is_lock(file):
    """Whether a file is a lock that a killed process has left, and no other file of its name."""
    file = Path(file)
    with suppress(OSError):
        if stat.S_ISREG(os.lstat(file).st_mode):  # a pipe would be waited for
            with open(file, "rb") as opened:
                return opened.read(len(_SIGNATURE)) == _SIGNATURE.encode()
    return False


def _make_parents(path):
    """Makes the directories above `path`; returns those that were missing, the lowest first."""
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error
    return missing


def _acquire(path):
    """The `_Lock`, or None where the filesystem has no locks."""
    if path.name in ("", ".."):
        path = Path(os.path.realpath(path))
    file = beside(Path(os.path.realpath(path.parent)) / path.name, ".lock")
    try:
        return _lock(file, path)
    except OSError as error:
        if error.errno not in _READ_ONLY or file.exists() or not path.is_dir():
            raise not_written(path, error) from error
    try:
        return _lock(path / INSIDE, path)
    except OSError as error:
        raise not_written(path, error) from error


def _lock(file, path):
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    while True:
        lock = _Lock(file, *_open(file))
        try:
            fcntl.flock(lock.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed the file since it was opened here.
            if lock.is_there():
                lock.take()
                return lock
        except OSError as error:
            holder = lock.holder()
            os.close(lock.descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise InputError(
                    f"{path} is being written by another process{f' ({holder})' if holder else ''}."
                    " Wait until that has ended, or give another path."
                ) from error
            if error.errno not in _NO_LOCKS:
                raise
            if lock.is_own:
                with suppress(OSError):
                    file.unlink()
            warnings.warn(
                f"{file.parent} is on a filesystem without locks: see to it that no other process "
                f"writes {path}.",
                stacklevel=2,
            )
            return None
        os.close(lock.descriptor)


class _Lock:
    """A lock's file, its descriptor, and the names noted in it.

    `is_own` says whether it may be written and removed. It may not where an empty file was found,
    which is nobody's lock, or where the file is another user's.
    """

    def __init__(self, file, descriptor, is_own):
        self.file, self.descriptor, self.is_own = file, descriptor, is_own
        self.names = []

    def take(self):
        """Reads the names that a killed holder has noted, and signs."""
        lines = _content(self.descriptor).split("\n")[1:]
        self.names = [name for name in lines if re.fullmatch(r"\.[^/\0]{2,}", name)]  # no path
        self.sign()

    def holder(self):
        """Who holds it, as `sign` has written."""
        return _content(self.descriptor).partition("\n")[0].removeprefix(_SIGNATURE)

    def sign(self):
        """Writes who holds it, for messages, and the names."""
        if self.is_own:
            said = f"{_SIGNATURE}process {os.getpid()} on {socket.gethostname()}"
            data = "".join(f"{line}\n" for line in (said, *self.names)).encode(errors="replace")
            with suppress(OSError):  # the disk is full, which matters later if at all
                os.pwrite(self.descriptor, data, 0)
                os.ftruncate(self.descriptor, len(data))

    def is_there(self):
        """Whether the file is still of that name."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), os.stat(self.file))
        except FileNotFoundError:
            return False

    def release(self):
        """Removes the file, while it is held: whoever has opened this very file opens a new one."""
        with suppress(OSError):
            if self.is_own and self.is_there():
                self.file.unlink()
        os.close(self.descriptor)


def _content(descriptor):
    return os.pread(descriptor, 1 << 16, 0).decode(errors="replace")


def _open(file):
    """A descriptor of a lock, which may be another user's, and whether it is ours to write.

    Raises:
        InputError: if the file is no lock. It is not waited for where it is a pipe.
    """
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    while True:
        try:
            return _create(file, flags), True
        except FileExistsError:
            pass
        except PermissionError:
            if not os.path.lexists(file):
                raise
        try:
            if not stat.S_ISREG(os.lstat(file).st_mode):
                raise _no_lock(file)
            descriptor, is_own = _open_found(file, flags)
        except FileNotFoundError:  # its holder has just removed it
            continue
        content = _content(descriptor)
        if content.startswith(_SIGNATURE):
            return descriptor, is_own
        if not content:
            return descriptor, False
        os.close(descriptor)
        raise _no_lock(file)


def _create(file, flags):
    descriptor = os.open(file, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    with suppress(OSError):  # see `_Lock.sign`
        os.write(descriptor, f"{_SIGNATURE}\n".encode())
    return descriptor


def _open_found(file, flags):
    try:
        return os.open(file, flags | os.O_RDWR), True
    except PermissionError:
        return os.open(file, flags | os.O_RDONLY), False


def _no_lock(file):
    return InputError(
        f"{file} has the name of a lock but is none: it is kept, and its output is not written. "
        "Rename it, or give another path."
    )
