"""Files of others, opened so that reading them ends: no pipe, no device, no more bytes than fit."""

import errno
import os
import stat


def open_regular(path):
    """A file, opened to read its bytes.

    What has its name may be a pipe, which would be waited for, or a device, which may have no end.

    Raises:
        OSError: if it cannot be opened, or is no regular file.
    """
    require_regular(path)
    # Without waiting, should a pipe have taken its place just now.
    file = open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
    try:
        _require(path, os.fstat(file.fileno()).st_mode)
    except BaseException:
        file.close()
        raise
    return file


def require_regular(path):
    """Raises `OSError` unless there is a regular file at `path`, which is not opened."""
    _require(path, os.stat(path).st_mode)


def _require(path, mode):
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def read_regular(path, most=1 << 62):
    """The bytes of a file of at most `most` bytes.

    Raises:
        OSError: if it cannot be read, is no regular file, or has more.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > most else file.read()
    size = max(size, len(data))
    if size > most:
        raise OSError(errno.EFBIG, f"it has {size:,} bytes, of which at most {most:,} are read")
    return data


def require_text_source(path):
    """Raises `OSError` if what a user names to read text from may have no end, as a device has.

    A pipe passes, for shells give such names to what a command writes; and so does a terminal.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not _is_terminal(path)):
        raise OSError(errno.EINVAL, "it is a device", str(path))


def _is_terminal(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)
