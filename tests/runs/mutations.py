"""What happens to files: strategies of damages, and what must hold after any of them."""

import copy
import json
from contextlib import contextmanager

from hypothesis import settings
from hypothesis import strategies as st

from keras_attention._validation import InputError


def examples(few, many):
    """How many examples a property is tried on that makes a model of each.

    There are more where other ones are drawn each time, as by `make test-slow`.
    """
    return many if settings.get_current_profile_name() == "search" else few


HUGE = [(1 << bits).to_bytes(8, "little") for bits in (16, 31, 32, 40, 62, 63)]
PATCHES = [*HUGE, b"\xff" * 8, b"\x00" * 8, b"\xff", b"\x00", b"\x80"]


@st.composite
def spoiled_bytes(draw, data, most=3):
    """`data` with up to `most` damages: bits, bytes and sizes, pieces lost, repeated or foreign."""
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([1, 2, 8, 100, 5000]))
        match draw(
            st.sampled_from(["bit", "patch", "truncate", "delete", "repeat", "insert", "replace"])
        ):
            case "bit" if place < len(data):
                bit = 1 << draw(st.integers(0, 7))
                data = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            case "patch":
                patch = draw(st.sampled_from(PATCHES))
                data = data[:place] + patch + data[place + len(patch) :]
            case "truncate":
                data = data[:place]
            case "delete":
                data = data[:place] + data[place + length :]
            case "repeat":
                data = data[: place + length] + data[place:]
            case "insert":
                data = data[:place] + draw(st.binary(max_size=20)) + data[place:]
            case "replace":
                data = draw(st.one_of(st.just(b""), st.binary(max_size=50)))
    return data


# What a field may hold that should hold something else.
VALUES = st.sampled_from(
    [None, True, False, -1, 0, 1, 2, 3, 7, 10**6, 2**31, 10**30, 0.5, -0.0, 1e300]
    + [float("inf"), float("nan"), "", "x", "../x", "\x00", "\ud800", [], ["x"], [[]], {}]
    + [{"x": 1}, {"class_name": "x"}]
)


@st.composite
def spoiled_json(draw, value, most=2):
    """A JSON object with up to `most` changes: fields lost, renamed, or of other values."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(value))
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["change", "number", "remove", "rename", "swap"])):
            case "number" if type(holder[key]) in (int, float):
                factor = draw(st.sampled_from([-1, 0.5, 2, 10, 10**6]))
                holder[key] = type(holder[key])(holder[key] * factor + draw(st.integers(-1, 1)))
            case "remove":
                del holder[key]
            case "rename" if isinstance(holder, dict):
                holder[f"{key}x"] = holder.pop(key)
            case "swap":
                other, name = draw(st.sampled_from(places))
                # A copy: nothing may hold itself.
                holder[key] = copy.deepcopy(other[name])
            case _:
                holder[key] = copy.deepcopy(draw(VALUES))
        if not list(_places(value)):
            break
    return value


def _places(value):
    """Every pair of a dict or list and a key of it."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def json_bytes(value):
    """JSON as bytes, surrogates and all."""
    return json.dumps(value).encode()


def contents(directory):
    """Every file below a directory, and its bytes."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@contextmanager
def replaced(files):
    """Gives files other bytes, a dict of path -> bytes, and their own again in the end."""
    before = {path: path.read_bytes() for path in files}
    try:
        for path, data in files.items():
            path.write_bytes(data)
        yield
    finally:
        for path, data in before.items():
            path.write_bytes(data)


def answers_or_sentence(directory, function):
    """What `function` gives; None where it refuses in one sentence.

    Whatever else it raises is a failure, and so is any change of a file below `directory`.
    """
    before = contents(directory)
    try:
        return function()
    except InputError as error:
        said = str(error)
        assert said and "\n" not in said and "Traceback" not in said, said
        assert str(directory) in said, said
        return None
    finally:
        assert contents(directory) == before
