"""Reads JSON objects from files that cannot be trusted."""

import json
from pathlib import Path

from keras_attention._validation import InputError, one_line

LARGEST = 1 << 24  # bytes: parsed JSON takes many times the file's size in memory


def read_json_object(path):
    """The dict in a JSON file.

    Raises:
        OSError: if the file cannot be read.
        InputError: if the file holds no JSON object or is larger than 16 MB.
    """
    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise InputError(
            f"{path}: expected a JSON object of at most {LARGEST:,} bytes. "
            f"Received: {path.stat().st_size:,} bytes"
        )
    return parse_json_object(path.read_bytes(), path)


def json_object_or_empty(path):
    """The dict in a JSON file; an empty one if there is no such file, or it holds something else.

    For asking what a directory is: whatever else has the name of the file raises no error.
    """
    try:
        # A pipe of that name would be waited for.
        return read_json_object(path) if Path(path).is_file() else {}
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
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not JSON ({one_line(error)}).") from error
    if not isinstance(value, dict):
        raise InputError(f"{name}: expected a JSON object. Received: a {type(value).__name__}")
    return value


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
    """Whether `value` is a list of one or more different strings that are not empty.

    Half a surrogate pair, which JSON may hold, is in no name: no file and no graph could hold it.
    """
    return (
        isinstance(value, list)
        and bool(value)
        and all(map(is_string, value))
        and not any(map(has_half_a_pair, value))
        and len(set(value)) == len(value)
    )


def has_half_a_pair(text):
    """Whether a string holds half a surrogate pair, which UTF-8 cannot."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


NAMES = ("a list of different names", is_list_of_names)  # a field, for `require_fields`
