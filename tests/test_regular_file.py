"""Pipes and devices under the names of files, files that are too large, and JSON that nests."""

import json
import os

import pytest

from keras_attention import regular_file
from keras_attention._validation import InputError
from keras_attention.checkpoints.safetensors_file import open_tensors
from keras_attention.digests import verify_entries
from keras_attention.files import read_file, require_file
from keras_attention.json_file import DEEPEST, read_json_list, read_json_object
from keras_attention.regular_file import (
    ANYWAY,
    open_regular,
    read_regular,
    require_dense,
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


def sparse(path, size, data=b""):
    """A file of a size, of which the disk holds no more than the data at its beginning and end."""
    with open(path, "wb") as file:
        file.write(data)
        file.truncate(size - len(data))
        file.seek(0, 2)
        file.write(data)
    return path


@pytest.fixture
def holes(tmp_path):
    """Skips the test where the file system keeps every byte."""
    path = sparse(tmp_path / "probe", 1 << 24)
    with open(path, "rb") as file:
        if os.lseek(file.fileno(), 0, os.SEEK_HOLE) != 0:
            pytest.skip("this file system has no holes")
    path.unlink()


@pytest.mark.parametrize("data", [b"", b"x" * 4096])
def test_a_terabyte_of_holes_is_not_read(tmp_path, holes, data):
    paths = [sparse(tmp_path / name, 1 << 40, data) for name in "ab"]
    with pytest.raises(OSError, match=r"2,199,023,255,552 bytes seem to be there, of whi"):
        require_dense(paths)


def test_many_small_holes_are_one_large_one(tmp_path, holes):
    paths = [sparse(tmp_path / str(i), ANYWAY // 4, b"x") for i in range(8)]
    require_dense(paths[:4])
    with pytest.raises(OSError, match="of which the disk holds"):
        require_dense(paths)


def test_a_file_that_is_large_and_there_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(regular_file, "ANYWAY", 1 << 16)
    path = tmp_path / "file"
    path.write_bytes(bytes(1 << 20))  # zeros are no holes
    require_dense([path, path])
    require_dense([])


def test_a_manifest_of_holes_ends_in_a_sentence(tmp_path, holes):
    sparse(tmp_path / "model.onnx", 1 << 40)
    entries = {"model.onnx": {"sha256": "0" * 64, "bytes": 1 << 40}}
    with pytest.raises(InputError, match="is not read: 1,099,511,627,776 bytes seem to be there"):
        verify_entries(tmp_path, entries, "its manifest says")


def test_a_published_file_of_holes_ends_in_a_sentence(tmp_path, holes):
    """A header that describes what is not there, and no more."""
    size = 1 << 38
    entry = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    header = json.dumps({"weight": entry}).encode()
    path = tmp_path / "model.safetensors"
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    said = "model.safetensors cannot be read: .* bytes seem to be there, of which the disk holds"
    with pytest.raises(InputError, match=said), open_tensors(path):
        raise AssertionError("It was opened.")


def test_what_has_another_size_is_named_with_what_was_changed(tmp_path):
    for name in "abc":
        (tmp_path / name).write_bytes(b"12345")
    entries = {name: {"sha256": "0" * 64, "bytes": 5} for name in "abcd"}
    entries["a"]["bytes"] = 6
    with pytest.raises(InputError) as error:
        verify_entries(tmp_path, entries, "its manifest says")
    for said in ("a has 5 bytes instead of 6", "d is missing", "b has been", "c has been changed"):
        assert said in str(error.value)


@pytest.mark.parametrize("read", [read_file, require_file])
def test_what_is_no_file_is_one_sentence(read, no_file, tmp_path):
    for path, why in (
        (no_file, "it is not a regular file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "none", "No such file or directory"),
    ):
        with pytest.raises(InputError) as error:
            read(path)
        assert str(error.value) == f"{path} cannot be read: {why}."


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
