"""Reads what cannot be trusted: JSON objects, and directories that others replace meanwhile."""

import errno
import json
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.regular_file import read_regular

ATTEMPTS = 20  # to read a directory that others replace
LARGEST = 1 << 24  # bytes: parsed JSON takes many times the file's size in memory
DEEPEST = 200  # objects and lists within each other: what reads them further recurses


def read_json_object(path, largest=LARGEST):
    """The dict in a JSON file.

    Args:
        path: of the file.
        largest: how many bytes it may have.

    Raises:
        OSError: if the file cannot be read: it is missing, or a pipe or a device.
        InputError: if the file holds no JSON object, is larger, or nests more than 200 deep.
    """
    return parse_json_object(_bytes(path, "object", largest), path)


def read_json_list(path):
    """As `read_json_object`, for a file that holds a JSON list."""
    return _parse(_bytes(path, "list", LARGEST), path, list, "list")


def _bytes(path, what, largest):
    try:
        return read_regular(path, largest)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise InputError(
            f"{path}: expected a JSON {what} of at most {largest:,} bytes; {error.strerror}."
        ) from error


def json_object_or_empty(path, largest=LARGEST):
    """The dict in a JSON file; an empty one if there is no such file, or it holds something else.

    For asking what a directory is: whatever else has the name of the file raises no error.
    """
    try:
        # A pipe of that name would be waited for.
        return read_json_object(path, largest) if Path(path).is_file() else {}
    except (OSError, InputError):
        return {}


def parse_json_object(data, name):
    """The dict in JSON text.

    Args:
        data: bytes.
        name: name of the file, for the message.

    Raises:
        InputError: if the bytes are not a JSON object.
    """
    return _parse(data, name, dict, "object")


def _parse(data, name, kind, what):
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not JSON ({one_line(error)}).") from error
    if not isinstance(value, kind):
        raise InputError(f"{name}: expected a JSON {what}. Received: a {type(value).__name__}")
    if _nests_deeper(value, DEEPEST):
        raise InputError(f"{name}: objects and lists stand more than {DEEPEST} deep in each other.")
    return value


def _nests_deeper(value, most):
    """Whether objects and lists stand more than `most` deep in each other, without recursion."""
    level = [value]
    for _ in range(most):
        lists = [each for each in level if isinstance(each, list)]
        lists += [each.values() for each in level if isinstance(each, dict)]
        level = [part for each in lists for part in each if isinstance(part, (dict, list)) and part]
        if not level:
            return False
    return True


def require_fields(values, fields, name):
    """Raises `InputError` unless a dict has all fields, with valid values.

    Args:
        values: dict of JSON values.
        fields: dict from a field to a pair: what is expected, in words, and a function of the value
            that checks it.
        name: name of the file, for the message.

    >>> require_fields({"kind": 3}, {"kind": ("a string", is_string)}, "manifest.json")
    Traceback (most recent call last):
    InputError: manifest.json: `kind` must be a string. Received: 3
    """
    for field, (expected, holds) in fields.items():
        if field not in values:
            raise InputError(f"{name}: `{field}` is missing; expected {expected}.")
        if not holds(values[field]):
            raise InputError(
                f"{name}: `{field}` must be {expected}. Received: {shortened(values[field])}"
            )


def shortened(value):
    """`repr(value)` in one line of at most 100 characters."""
    return one_line(repr(value), 100)


def shortened_json(value):
    """`value` as JSON, in one line of at most 100 characters."""
    return one_line(json.dumps(value), 100)


def listed_json(values):
    """`values` as JSON with "or" between them, null left out where there are others."""
    return " or ".join(json.dumps(value) for value in values if value is not None) or "null"


def is_string(value):
    """Whether `value` is a string that is not empty."""
    return isinstance(value, str) and bool(value)


def is_size(value):
    """Whether `value` is an integer above zero that fits 31 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31


def is_boolean(value):
    """Whether `value` is true or false."""
    return isinstance(value, bool)


def is_number(value):
    """Whether `value` is a number that can be printed: neither NaN nor beyond 1e18."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18


def is_object(value):
    """Whether `value` is a JSON object."""
    return isinstance(value, dict)


def is_list_of_names(value):
    """Whether `value` is a list of one or more different strings that are not empty, of one line
    each: labels.txt has a name a line.

    Half a surrogate pair, which JSON may hold, is in no name: no file and no graph could hold it.
    """
    return (
        isinstance(value, list)
        and bool(value)
        and all(map(is_string, value))
        and not any(map(has_half_a_pair, value))
        and not any(map(has_line_break, value))
        and len(set(value)) == len(value)
    )


def has_half_a_pair(text):
    """Whether a string holds half a surrogate pair, which UTF-8 cannot."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


def has_line_break(text):
    """Whether a text that is not empty has more than one line, or an end of a line."""
    return text.splitlines() != [text]


# A field, for `require_fields`
NAMES = ("a list of different names of one line each", is_list_of_names)


def whole_read(path, read, names):
    """`read(directory)` of a directory whose files are of each other.

    A directory may be replaced while its files are read one after the other. So it is opened once:
    whatever takes its name later, `read` goes on in the old one. Where its files are removed or
    overwritten meanwhile, their inodes, sizes and times show it. Then all is read again, from a
    copy: to make that takes less time than to load it, so that even a directory that is replaced
    all the time is read.

    Args:
        path: of the directory.
        read: function of a path that leads there to whatever it makes of the files. What it has
            made needs them no more.
        names: function of such a path to the paths below it of the files that `read` may read.

    Returns:
        What `read` returns.

    Raises:
        Whatever `read` raises of files that do not change.
        InputError: if they change whenever they are read.
    """
    path = Path(path)
    with _pinned(path) as source:
        before = _state(source, names)
        try:
            found = _read(source, path, read)
            if _state(source, names) == before:
                return found
        except Exception:
            if _state(source, names) == before:
                raise
    for _ in range(ATTEMPTS):
        with _copy(path, names) as copy:
            if copy is not None:
                return _read(copy, path, read)
    raise InputError(f"{path} is being replaced again and again; it could not be read whole.")


def _read(source, path, read):
    """`read(source)`, whose errors name `path`."""
    try:
        return read(source)
    except InputError as error:
        if type(error) is not InputError or str(source) not in str(error):
            raise
        raise InputError(str(error).replace(str(source), str(path))) from error


def _state(path, names):
    """What changes when a file that is read is replaced or written."""
    return {name: stamp(path / name) for name in ("", *names(path))}


def stamp(path):
    """Numbers that change when a file is replaced or written, whatever sets its times back; None
    where there is no file.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # names of another's may be anything
        return None
    if stat.S_ISDIR(found.st_mode):  # whose times change with files that nobody reads
        return found.st_dev, found.st_ino
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def listed(path):
    """The names in a directory; none where it cannot be read."""
    try:
        return os.listdir(path)
    except OSError:
        return []


@contextmanager
def _copy(path, names):
    """The directory of a copy of the files that are read; None if they have changed meanwhile."""
    with tempfile.TemporaryDirectory(prefix="keras_attention-") as folder, _pinned(path) as source:
        copy = Path(folder) / (path.name or "copy")
        copy.mkdir()
        before = _state(source, names)
        for name in names(source):
            if (source / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                with suppress(OSError):  # it is being removed, which the state shows
                    shutil.copyfile(source / name, copy / name)
        yield copy if _state(source, names) == before else None


@contextmanager
def _pinned(path):
    """A path that leads to the directory that is at `path` now, whatever takes its name later."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, AttributeError):  # it is not there, or this is not POSIX
        yield path
        return
    try:
        yield Path(f"/proc/self/fd/{descriptor}") if _is_pinned() else path
    finally:
        os.close(descriptor)


def _is_pinned():
    """Whether the system has paths of open directories, as Linux has."""
    return os.path.isdir("/proc/self/fd")
