"""Files of an artifact that are missing, or no files: a sentence from every runtime."""

import os

import pytest

from keras_attention._validation import InputError
from keras_attention.artifacts import litertlm, onnx, saved_model, tflite


def pipe(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


def directory(path):
    path.mkdir(parents=True)


def nothing(path):
    pass


READERS = {
    "model.onnx": (lambda path: onnx.signatures(path, ["ids"])),
    "decode.onnx": (lambda path: onnx.signatures(path.with_name("model.onnx"), ["ids", "decode"])),
    "score.onnx": (lambda path: onnx.signature(path.with_name("model.onnx"), "score")),
    "model.tflite": (lambda path: tflite.signatures(path, ["ids"])),
    "a.tflite": tflite.signature,
    "b.tflite": tflite.operators,
    "model.litertlm": litertlm.operators,
    "saved_model/1/saved_model.pb": (lambda path: saved_model.operators(path.parent)),
}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (pipe, "it is not a regular file"),
        (directory, "Is a directory"),
        (nothing, "No such file or directory"),
    ],
)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_not_waited_for(name, make, why, tmp_path):
    path = tmp_path / name
    if name != "model.onnx":
        (tmp_path / "model.onnx").write_bytes(b"")
    make(path)
    with pytest.raises(InputError) as error:
        READERS[name](path)
    assert str(error.value) == f"{path} cannot be read: {why}."


@pytest.mark.parametrize("make", [pipe, directory, lambda path: path.symlink_to("none")])
def test_weights_that_are_no_file(make, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"")
    make(tmp_path / "model.onnx.data")
    with pytest.raises(InputError, match=r"model.onnx.data cannot be read: "):
        onnx.signatures(tmp_path / "model.onnx", ["ids"])
