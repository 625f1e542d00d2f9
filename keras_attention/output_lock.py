"""One writer of an output at a time: a lock that ends with its process."""

import errno
import os
import socket
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import not_written

INSIDE = ".lock"  # the lock of a directory whose parent is read-only, such as a volume's root

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def output_lock(path):
    """Holds the lock of an output while the block runs. It makes the directory that `path` is in.

    The lock is one of the kernel (`flock`) on the file `.NAME.lock` beside the output. So it ends
    with its process, however that ends, in a container as elsewhere, and holds between machines
    that share a disk by NFS or SMB. Where there is a link, what it leads to is locked too.

    Args:
        path: of a file or a directory, which need not exist.

    Yields:
        Whether the lock is held. It is not where the filesystem has no locks, after a warning.

    Raises:
        InputError: if another process, or thread, holds it; or if it cannot be written.

    >>> with output_lock("run"):
    ...     ...  # nobody else writes it
    """
    path = Path(path).absolute()
    made, locks = [], []
    try:
        made = _make_parents(path)
        for one in dict.fromkeys((path, Path(os.path.realpath(path)))):
            locks.append(_acquire(one))
        yield None not in locks
    finally:
        for lock in filter(None, reversed(locks)):
            _release(*lock)
        for parent in made:  # those that nothing was written to
            with suppress(OSError):
                parent.rmdir()


def _make_parents(path):
    """Makes the directories above `path`; returns those that were missing, the lowest first."""
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error
    return missing


def _acquire(path):
    """`(file, descriptor)` of the lock, or None where the filesystem has no locks."""
    if path.name in ("", ".."):
        path = Path(os.path.realpath(path))
    beside = Path(os.path.realpath(path.parent)) / f".{path.name}.lock"
    try:
        return _lock(beside, path)
    except OSError as error:
        if error.errno not in _READ_ONLY or beside.exists() or not path.is_dir():
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
        descriptor, is_own = _open(file)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed the file since it was opened here.
            if _is_there(file, descriptor):
                if is_own:
                    _sign(descriptor)
                return file, descriptor
        except OSError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace")
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise InputError(
                    f"{path} is being written by another process{f' ({holder})' if holder else ''}."
                    " Wait until that has ended, or give another path."
                ) from error
            if error.errno not in _NO_LOCKS:
                raise
            with suppress(OSError):
                file.unlink()
            warnings.warn(
                f"{file.parent} is on a filesystem without locks: see to it that no other process "
                f"writes {path}.",
                stacklevel=2,
            )
            return None
        os.close(descriptor)


def _sign(descriptor):
    """Writes for messages who holds a lock."""
    with suppress(OSError):  # the disk is full, which matters later if at all
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())


def _open(file):
    """A descriptor of the file, which may be another user's, and whether it can be written."""
    flags = os.O_NOFOLLOW
    try:
        return os.open(file, flags | os.O_RDWR | os.O_CREAT, 0o666), True
    except PermissionError:
        if not file.exists():
            raise
        return os.open(file, flags | os.O_RDONLY), False


def _is_there(file, descriptor):
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False


def _release(file, descriptor):
    with suppress(OSError):
        file.unlink()  # while it is held: whoever has opened this very file opens a new one
    os.close(descriptor)
