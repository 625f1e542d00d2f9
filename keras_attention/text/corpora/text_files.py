"""The lines of text files, plain or gzipped, and pairs of lines of two files."""

import gzip
import io
import zlib
from contextlib import contextmanager
from pathlib import Path

from keras_attention._validation import InputError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(path, expected="one sentence a line"):
    """The lines of a UTF-8 file. A `.gz` file is decompressed.

    Only a line feed, with or without a carriage return before it, ends a line. Other Unicode line
    separators are part of the text. A byte order mark is dropped.

    Args:
        path: of the file.
        expected: what the file should hold, for the error message about an empty file.

    Raises:
        InputError: if the file is missing, empty, not UTF-8 (names the line), or not whole gzip.
    """
    path = Path(path)
    with reading(path), open_bytes(path) as file:
        data = file.read()
    lines = decode_lines(data, path)
    if not lines:
        raise InputError(f"{path}: the file is empty; expected {expected}.")
    return lines


def each_line(path):
    """The lines of a UTF-8 file, one at a time: see `read_lines`. An empty file has none."""
    with reading(path), open_bytes(path) as file:
        lines = io.BufferedReader(file, 1 << 20)  # GzipFile reads single lines slowly
        for number, line in enumerate(lines, start=1):
            line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            yield decode_line(line.removesuffix(b"\n"), path, number)


def open_bytes(path):
    """The file, opened to read its bytes. A `.gz` file is decompressed."""
    return gzip.open(path) if Path(path).suffix == ".gz" else open(path, "rb")


@contextmanager
def reading(path):
    """Turns an error while `path` is opened or read into an `InputError` of one sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: not a complete gzip file ({error}).") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def decode_lines(data, name):
    """The lines of `data` (bytes). Error messages call it `name`."""
    lines = data.removeprefix(BYTE_ORDER_MARK).split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [decode_line(line, name, number) for number, line in enumerate(lines, start=1)]


def decode_line(line, name, number):
    """The text of line `number` of `name`, given as bytes without the line feed."""
    try:
        return line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}, line {number}: not UTF-8 text (byte {error.start + 1} is "
            f"0x{line[error.start]:02x})."
        ) from error


def read_parallel(source_path, target_path):
    """The sentences of two files. Line n of one is the translation of line n of the other.

    Returns:
        Two lists of N strings.

    Raises:
        InputError: as `read_lines`, or if the files have different numbers of lines. The message
            gives both numbers.
    """
    sources, targets = read_lines(source_path), read_lines(target_path)
    if len(sources) != len(targets):
        raise InputError(
            f"{source_path} has {len(sources):,} lines and {target_path} has {len(targets):,}; "
            "a parallel corpus needs as many of each."
        )
    return sources, targets


def drop_empty_pairs(sources, targets):
    """The pairs with text on both sides, and how many were dropped."""
    kept = [(s, t) for s, t in zip(sources, targets, strict=True) if s.strip() and t.strip()]
    return [s for s, _ in kept], [t for _, t in kept], len(sources) - len(kept)
