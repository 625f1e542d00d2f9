"""The lines of text files, plain or gzipped, and pairs of lines of two files."""

import gzip
import io
import os
import zlib
from contextlib import contextmanager
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.regular_file import require_text_source
from keras_attention.text.corpora.reading_options import UTF_8, ReadingOptions, reading_options

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
STANDARD_INPUT = "-"  # as the path of a file
SMALL_TEXT, MOST_TIMES = 1 << 26, 100  # bytes, and how many times a compressed file's own size
_PLAIN = ReadingOptions()


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
            whole gzip.
    """
    name = "standard input" if str(path) == STANDARD_INPUT else path
    with reading(name), open_bytes(path) as file:
        data = b"".join(iter(lambda: file.read(1 << 20), b""))
    lines = decode_lines(data, name, reading_options())
    if not lines:
        raise InputError(f"{name}: the file is empty; expected {expected}.")
    return lines if keep_invalid else [line for line in lines if line is not None]


def each_line(path):
    """The lines of a file, one at a time: see `read_lines`. An empty file has none.

    One that cannot be decoded, where such are skipped, is None.
    """
    options = reading_options()
    if not options.has_lines_of_bytes:
        yield from read_lines(path, keep_invalid=True)
        return
    with reading(path), open_bytes(path) as file:
        lines = io.BufferedReader(file, 1 << 20)  # GzipFile reads single lines slowly
        for number, line in enumerate(lines, start=1):
            line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            yield _line_or_none(line.removesuffix(b"\n"), path, number, options)


def open_bytes(path):
    """The file, opened to read its bytes. A `.gz` file is decompressed; "-" is standard input."""
    if str(path) == STANDARD_INPUT:
        return open(0, "rb", closefd=False)
    require_text_source(path)
    return Decompressed(path) if Path(path).suffix == ".gz" else open(path, "rb")


class Decompressed(io.RawIOBase):
    """The text of a `.gz` file; refuses one that is far larger than texts become.

    A file of a thousand bytes may hold a million: what a text file does not, and what would fill
    the memory, or take hours, before anything else is seen to be wrong.

    Args:
        path: of the file.
    """

    def __init__(self, path):
        super().__init__()
        self._file = gzip.open(path)
        self._limit = max(SMALL_TEXT, MOST_TIMES * os.stat(path).st_size)
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
        reason = error.strerror or one_line(error)
        raise InputError(f"{path}: cannot be read ({reason}).") from error


def decode_lines(data, name, options=_PLAIN):
    """The lines of `data` (bytes). Error messages call it `name`.

    Args:
        data: bytes.
        name: of the file.
        options: `ReadingOptions`. Where they skip what is invalid, such a line is None.
    """
    if not options.has_lines_of_bytes:
        return _decode_whole(data, name, options)
    lines = data.removeprefix(BYTE_ORDER_MARK).split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [_line_or_none(line, name, n, options) for n, line in enumerate(lines, start=1)]


def _line_or_none(line, name, number, options):
    try:
        return decode_line(line, name, number, options.encoding)
    except InputError as error:
        options.skip(error)
        return None


def decode_line(line, name, number, encoding=UTF_8):
    """The text of line `number` of `name`, given as bytes without the line feed."""
    try:
        return line.removesuffix(b"\r").decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}, line {number}: not {encoding.upper()} text (byte {error.start + 1} is "
            f"0x{line[error.start]:02x})."
        ) from error


def _decode_whole(data, name, options):
    """The lines of `data` in an encoding, such as UTF-16, in which bytes alone are no lines."""
    try:
        lines = data.decode(options.encoding).removeprefix("\ufeff").split("\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(options.encoding, "ignore").count("\n")
        raise InputError(
            f"{name}, line {before + 1}: not {options.encoding.upper()} text ({error.reason})."
        ) from error
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


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
