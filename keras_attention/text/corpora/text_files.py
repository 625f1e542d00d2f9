"""The lines of text files, plain or gzipped, and pairs of lines of two files."""

import errno
import gzip
import io
import os
import zlib
from contextlib import contextmanager
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.text.corpora.decoded_lines import (
    BYTE_ORDER_MARK,
    InvalidLine,
    decode_lines,
    line_or_invalid,
)
from keras_attention.text.corpora.kept_input import (
    NAME,
    is_read_once,
    name_of,
    open_once,
)
from keras_attention.text.corpora.reading_options import reading_options

SMALL_TEXT, MOST_TIMES = 1 << 26, 100  # bytes, and how many times a compressed file's own size
GZIP = b"\x1f\x8b"  # how its bytes begin


def read_lines(path, expected="one sentence a line", keep_invalid=False):
    """The lines of a text file: of UTF-8, unless `reading_as` says otherwise.

    A `.gz` file is decompressed; "-" is standard input. Only a line feed, with or without a
    carriage return before it, ends a line. Other Unicode line separators are part of the text. A
    byte order mark is dropped.

    Args:
        path: of the file.
        expected: what the file should hold, for the error message about an empty file.
        keep_invalid: whether a line that cannot be decoded, where such are skipped, is None. By
            default it is left out.

    Raises:
        InputError: if the file is missing, empty, not of its encoding (names the line), or not
            whole gzip, or `reading_as` names a delimiter.
    """
    refuse_delimiter(path)
    lines = []
    for line in all_lines(path, expected):
        if isinstance(line, InvalidLine):
            reading_options().skip(line.error)
            line = None
        if line is not None or keep_invalid:
            lines.append(line)
    return lines


def all_lines(path, expected=None):
    """The lines of a file: see `read_lines`. One that cannot be decoded is an `InvalidLine`.

    Where `expected` is None an empty file has none.
    """
    name = name_of(path)
    with reading(path), open_bytes(path) as file:
        data = b"".join(iter(lambda: file.read(1 << 20), b""))
    lines = decode_lines(data, name, reading_options())
    if not lines and expected is not None:
        raise InputError(f"{name}: the file is empty; expected {expected}.")
    return lines


def each_line(path):
    """The lines of a file, one at a time: see `all_lines`. An empty file has none."""
    options = reading_options()
    if not options.has_lines_of_bytes:
        yield from all_lines(path)
        return
    name = name_of(path)
    with reading(path), open_bytes(path) as file:
        lines = io.BufferedReader(file, 1 << 20)  # GzipFile reads single lines slowly
        for number, line in enumerate(lines, start=1):
            line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            yield line_or_invalid(line.removesuffix(b"\n"), name, number, options)


def refuse_delimiter(path):
    """Raises `InputError` for a file without columns where `reading_as` names a delimiter."""
    if reading_options().delimiter is not None:
        raise InputError(
            f"{name_of(path)}: `delimiter` is of .csv and .tsv files; this one has no columns."
        )


def open_bytes(path):
    """The file, opened to read its bytes. A `.gz` file is decompressed; "-" is standard input.

    What can be read only once, as a pipe, is kept within `keeping_pipes`; compressed bytes are
    known by their beginning.
    """
    if is_read_once(path):
        return _text_of(open_once(path), path)
    if Path(path).suffix == ".gz":
        return Decompressed(gzip.open(path), os.stat(path).st_size, path)
    return open(path, "rb")


def _text_of(file, path):
    if not file.seekable():  # not kept: read as it comes
        return file
    begins, size = file.read(len(GZIP)), file.seek(0, io.SEEK_END)
    file.seek(0)
    return Decompressed(gzip.GzipFile(fileobj=file), size, path) if begins == GZIP else file


class Decompressed(io.RawIOBase):
    """The text of a `.gz` file; refuses one that is far larger than texts become.

    A file of a thousand bytes may hold a million: what a text file does not, and what would fill
    the memory, or take hours, before anything else is seen to be wrong.

    Args:
        file: a `GzipFile`.
        size: of the file that it reads, in bytes.
        path: of that file, for messages.
    """

    def __init__(self, file, size, path):
        super().__init__()
        self._file = file
        self._limit = max(SMALL_TEXT, MOST_TIMES * size)
        self._path = path

    def readable(self):
        return True

    def seekable(self):
        return True

    def readinto(self, buffer):
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._require_within()
        return len(data)

    def seek(self, offset, whence=io.SEEK_SET):
        found = self._file.seek(offset, whence)
        self._require_within()
        return found

    def tell(self):
        return self._file.tell()

    def close(self):
        self._file.close()
        super().close()

    def _require_within(self):
        if self._file.tell() > self._limit:
            raise InputError(
                f"{self._path}: it holds more than {MOST_TIMES} times its own size, which no text "
                "does; decompress it yourself if that is right."
            )


@contextmanager
def reading(path):
    """Turns an error while `path` is opened or read into an `InputError` of one sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: not a complete gzip file ({error}).") from error
    except OSError as error:
        name, reason = name_of(path), error.strerror or one_line(error)
        if error.errno == errno.EBADF and name == NAME:
            raise InputError(f"{NAME} is closed; give the name of a file.") from error
        raise InputError(f"{name}: cannot be read ({reason}).") from error


def read_parallel(source_path, target_path):
    """The sentences of two files. Line n of one is the translation of line n of the other.

    Returns:
        Two lists of N strings.

    Raises:
        InputError: as `read_lines`, or if the files have different numbers of lines. The message
            gives both numbers.
    """
    sources, targets = (read_lines(path, keep_invalid=True) for path in (source_path, target_path))
    if len(sources) != len(targets):
        raise InputError(
            f"{source_path} has {len(sources):,} lines and {target_path} has {len(targets):,}; "
            "a parallel corpus needs as many of each."
        )
    both = [n for n, pair in enumerate(zip(sources, targets, strict=True)) if None not in pair]
    return [sources[n] for n in both], [targets[n] for n in both]


def drop_empty_pairs(sources, targets):
    """The pairs with text on both sides, and how many were dropped."""
    kept = [(s, t) for s, t in zip(sources, targets, strict=True) if s.strip() and t.strip()]
    return [s for s, _ in kept], [t for _, t in kept], len(sources) - len(kept)
