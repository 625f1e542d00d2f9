"""Pipes and devices under the names of files, files that are too large, and JSON that nests."""

import json
import os

import pytest

from keras_attention._validation import InputError
from keras_attention.json_file import DEEPEST, read_json_list, read_json_object
from keras_attention.regular_file import (
    open_regular,
    read_regular,
    require_regular,
    require_text_source,
)


def make_pipe(path):
    os.mkfifo(path)


def link_to_a_pipe(path):
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def link_to_a_device(path):
    path.symlink_to("/dev/zero")


@pytest.fixture(
    params=[make_pipe, link_to_a_pipe, link_to_a_device], ids=lambda make: make.__name__
)
def no_file(request, tmp_path):
    """The path of what is no file, and would be read for ever."""
    request.param(tmp_path / "file.json")
    return tmp_path / "file.json"


@pytest.mark.parametrize(
    "read", [open_regular, read_regular, require_regular, read_json_object, read_json_list]
)
def test_what_is_no_file_is_not_read(read, no_file):
    with pytest.raises(OSError, match="it is not a regular file"):
        read(no_file)


def test_a_directory_is_none_either(tmp_path):
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)


def test_a_file_is_read_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path) == read_regular(path, most=5) == b"12345"
    with pytest.raises(OSError, match="it has 5 bytes, of which at most 4 are read"):
        read_regular(path, most=4)
    (tmp_path / "link").symlink_to(path)
    assert read_regular(tmp_path / "link") == b"12345"


def test_a_large_file_of_nothing_takes_no_memory(tmp_path):
    with open(tmp_path / "file.json", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="file.json: expected a JSON object of at most 16,777,216"):
        read_json_object(tmp_path / "file.json")


def test_texts_may_come_from_pipes_and_not_from_devices(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    require_text_source(tmp_path / "pipe")
    require_text_source("/dev/tty" if os.path.exists("/dev/tty") and os.isatty(0) else __file__)
    with pytest.raises(OSError, match="it is a device"):
        require_text_source("/dev/zero")


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_is_bounded(tmp_path, begin, end):
    path = tmp_path / "file.json"
    depth = DEEPEST - 2 if len(begin) < 6 else DEEPEST // 2 - 1

    def read(depth):
        path.write_text('{"x": ' + begin * depth + "1" + end * depth + "}")
        return read_json_object(path)

    json.dumps(read(depth))  # and what reads it by recursion does not fail
    for deep in (DEEPEST + 1, 900, 100_000):
        with pytest.raises(InputError, match="deep in each other|not JSON .*recursion") as error:
            read(deep)
        assert "\n" not in str(error.value)


def test_many_small_lists_are_not_deep(tmp_path):
    (tmp_path / "file.json").write_text(json.dumps({"x": [[] for _ in range(1000)], "y": [{}]}))
    assert len(read_json_object(tmp_path / "file.json")["x"]) == 1000
