"""Files of others, opened so that reading them ends: no pipe, no device, no more bytes than fit."""

import errno
import os
import stat

SPARSE = 64  # times the bytes that the disk holds of it, which a file may seem to have
ANYWAY = 1 << 30  # bytes that are read whatever the disk holds: it takes about a second


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


def require_dense(paths):
    """Raises `OSError` if files seem to have many more bytes than the disk holds of them.

    The rest are holes: a file of a terabyte takes no room, and to read it takes an hour. What
    training and `export` write has none. A file system that does not know them says of none.

    Args:
        paths: of regular files.
    """
    paths = list(paths)
    total = sum(os.stat(path).st_size for path in paths)
    if total <= ANYWAY or not hasattr(os, "SEEK_DATA"):
        return
    enough, held = total // SPARSE, 0
    for path in paths:
        held += _held(path, enough - held)
        if held >= enough:
            return
    raise OSError(
        errno.EFBIG, f"{total:,} bytes seem to be there, of which the disk holds {held:,}"
    )


def _held(path, enough):
    """How many bytes of a file are no holes; it stops to count at `enough`."""
    held = place = 0
    with open_regular(path) as file:
        descriptor = file.fileno()
        while held < enough:
            try:
                start = os.lseek(descriptor, place, os.SEEK_DATA)
                place = os.lseek(descriptor, start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno == errno.ENXIO:  # there are no data behind `place`
                    break
                return os.fstat(descriptor).st_size  # it does not know holes
            held += place - start
    return held


def require_text_source(path):
    """Raises `OSError` if what a user names to read text from may have no end, as a device has.

    A pipe passes, for shells give such names to what a command writes; and so do a terminal and
    the null device, which is as an empty file.

    Args:
        path: of a file, or the number of a descriptor.
    """
    found = os.stat(path)
    if stat.S_ISBLK(found.st_mode) or (stat.S_ISCHR(found.st_mode) and not _ends(path, found)):
        raise OSError(errno.EINVAL, "it is a device", str(path))


def _ends(path, found):
    return found.st_rdev == os.stat(os.devnull).st_rdev or _is_terminal(path)


def _is_terminal(path):
    if isinstance(path, int):
        return os.isatty(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)
