"""What can be read only once, as a pipe can: kept while it is needed, so that it is as a file."""

import contextlib
import errno
import io
import os
import stat
import tempfile

from keras_attention._validation import InputError, one_line
from keras_attention.regular_file import require_text_source

STANDARD_INPUT = "-"  # as the path of a file
NAME = "standard input"
IN_MEMORY = 1 << 26  # bytes; more are kept in a temporary file
LONGEST_LINE = 1 << 28  # bytes of a pipe: texts have line ends
PART = 1 << 20

_kept = {}  # path -> _Kept
_blocks = 0  # that are open


@contextlib.contextmanager
def keeping_pipes():
    """Within the block a pipe, or standard input, may be read several times, from its beginning.

    It is read whole when it is opened first, and kept until the outermost such block ends.

    >>> with keeping_pipes():
    ...     assert read_lines("-") == read_lines("-")
    """
    global _blocks
    _blocks += 1
    try:
        yield
    finally:
        _blocks -= 1
        if not _blocks:
            for kept in _kept.values():
                kept.close()
            _kept.clear()


def name_of(path):
    """What messages call the path of a file."""
    return NAME if str(path) == STANDARD_INPUT else path


def is_read_once(path):
    """Whether a path is that of standard input, a pipe or a terminal: of no regular file."""
    if str(path) == STANDARD_INPUT:
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def has_file_name(path):
    """Whether a path has the name of a file: one of a descriptor says nothing of what it holds."""
    return not (is_read_once(path) or str(path).startswith(("/dev/", "/proc/")))


def open_once(path):
    """Standard input or what else `is_read_once`, opened to read its bytes.

    Raises:
        OSError: if it cannot be read, or is a device, which may have no end.
        InputError: if it has no line ends, or there is no room to keep it.
    """
    key = str(path)
    if key in _kept:
        return _View(_kept[key])
    descriptor = _opened(path)
    if not _blocks and not _is_file(descriptor):  # read as it comes
        return os.fdopen(descriptor, "rb")
    kept = _Kept(descriptor, name_of(path))
    if not _blocks:
        return _View(kept, close=kept.close)
    _kept[key] = kept
    return _View(kept)


def once_stamp(path):
    """What tells one thing that `is_read_once` from another: numbers, a list."""
    found = os.stat(0 if str(path) == STANDARD_INPUT else path)
    return [found.st_dev, found.st_ino]


def _opened(path):
    """The descriptor of what `is_read_once`, a new one."""
    if str(path) == STANDARD_INPUT:
        require_text_source(0)
        return os.dup(0)
    require_text_source(path)
    return os.open(path, os.O_RDONLY)


def _is_file(descriptor):
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


class _Kept:
    """The bytes of a pipe: in memory, or of many in a temporary file without a name.

    Args:
        descriptor: of the pipe, which is read to its end and closed; of a file, where that is
            standard input, kept as it is.
        name: of the pipe, for messages.
    """

    def __init__(self, descriptor, name):
        self._name, self._file, self._start = name, None, 0
        self._data, self.size = bytearray(), 0
        if _is_file(descriptor):
            self._file = os.fdopen(descriptor, "rb")
            self._start = os.lseek(descriptor, 0, os.SEEK_CUR)
            self.size = max(0, os.fstat(descriptor).st_size - self._start)
            return
        with os.fdopen(descriptor, "rb", buffering=0) as pipe:
            self._read(pipe)

    def _read(self, pipe):
        line = 0  # bytes since the last line end
        while part := pipe.read(PART):
            end = part.rfind(b"\n")
            line = line + len(part) if end < 0 else len(part) - end - 1
            if line > LONGEST_LINE:
                raise InputError(
                    f"{self._name}: it has no line end among {LONGEST_LINE:,} bytes, which no text "
                    "does; give the name of a file if that is right."
                )
            self._add(part)

    def _add(self, part):
        self.size += len(part)
        if self._file is None and self.size <= IN_MEMORY:
            self._data += part
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="keras-attention-")
                self._file.write(self._data)
                self._data = None
            self._file.write(part)
            self._file.flush()
        except OSError as error:
            reason = error.strerror or one_line(error)
            raise InputError(
                f"{self._name}: what comes through it cannot be kept in {_temporary_directory()} "
                f"({reason}); give the name of a file."
            ) from error

    def read(self, offset, count):
        if self._file is None:
            return self._data[offset : offset + count]
        return os.pread(self._file.fileno(), count, self._start + offset)

    def close(self):
        if self._file is not None:
            self._file.close()


class _View(io.RawIOBase):
    """What is kept, as a file that begins at its beginning."""

    def __init__(self, kept, close=lambda: None):
        super().__init__()
        self._kept, self._offset, self._close = kept, 0, close

    def close(self):
        self._close()
        super().close()

    def readable(self):
        return True

    def seekable(self):
        return True

    def readinto(self, buffer):
        data = self._kept.read(self._offset, len(buffer))
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)

    def seek(self, offset, whence=io.SEEK_SET):
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._kept.size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._offset = start + offset
        return self._offset

    def tell(self):
        return self._offset


def _temporary_directory():
    try:
        return tempfile.gettempdir()
    except OSError:
        return "a temporary directory"
