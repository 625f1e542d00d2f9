"""Weights in several files with an index, as `save_pretrained(max_shard_size=...)` writes them."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attention._validation import InputError
from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.checkpoints.hugging_face import has_head
from tests.checkpoints.golden_models import GOLDEN, loaded

INDEX = "model.safetensors.index.json"


@pytest.fixture
def sharded(tmp_path):
    """A copy of a published directory, its tensors in three files."""
    directory = shutil.copytree(GOLDEN / "sequence_classification", tmp_path / "sharded")
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    weight_map = {}
    for part in range(3):
        name = f"model-{part + 1:05}-of-00003.safetensors"
        names = sorted(tensors)[part::3]
        save_file({n: tensors[n] for n in names}, directory / name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(names, name)
    write_index(directory, weight_map)
    return directory


def write_index(directory, weight_map):
    (directory / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def read_index(directory):
    return json.loads((directory / INDEX).read_text())["weight_map"]


def test_the_weights_are_those_of_one_file(sharded):
    expected = loaded(GOLDEN / "sequence_classification")
    found = load_hugging_face(sharded)
    assert type(found) is type(expected) and found.labels == expected.labels
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert has_head(sharded, "classifier") and not has_head(sharded, "masked-lm")
    bare = load_hugging_face(sharded, "encoder")
    assert bare.count_params() < found.count_params()


def test_a_directory_of_several_files_is_overwritten(sharded):
    model = load_hugging_face(sharded)
    save_hugging_face(model, None, sharded, force=True)
    assert sorted(path.name for path in sharded.iterdir()) == ["config.json", "model.safetensors"]
    assert load_hugging_face(sharded).labels == model.labels


def test_one_file_counts_where_there_are_both(sharded):
    shutil.copy(GOLDEN / "sequence_classification" / "model.safetensors", sharded)
    (sharded / INDEX).write_text("{")
    load_hugging_face(sharded)


def refusal(directory):
    with pytest.raises(InputError) as caught:
        load_hugging_face(directory)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["../sharded/model-00001-of-00003.safetensors", "/etc/passwd", "a/b.safetensors", 3],
)
def test_an_index_that_names_files_elsewhere(sharded, name):
    write_index(sharded, {**read_index(sharded), "classifier.bias": name})
    assert f"{INDEX}: `weight_map` must name files of this directory" in refusal(sharded)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "..", "", ".safetensors"])
def test_an_index_that_names_other_files(sharded, name):
    write_index(sharded, {**read_index(sharded), "classifier.bias": name})
    assert "`weight_map` must name .safetensors files" in refusal(sharded)


def test_files_that_are_missing(sharded):
    (sharded / "model-00002-of-00003.safetensors").unlink()
    (sharded / "model-00003-of-00003.safetensors").unlink()
    (sharded / "model-00003-of-00003.safetensors").mkdir()
    assert refusal(sharded).endswith(
        f"{INDEX} names files that do not exist: model-00002-of-00003.safetensors, "
        "model-00003-of-00003.safetensors."
    )


def test_a_tensor_that_is_not_where_the_index_says(sharded):
    weight_map = read_index(sharded)
    moved = dict(weight_map, **{"classifier.bias": "model-00001-of-00003.safetensors"})
    if moved == weight_map:
        moved["classifier.bias"] = "model-00002-of-00003.safetensors"
    write_index(sharded, moved)
    assert "do not belong together; only one of them has classifier.bias." in refusal(sharded)
    del moved["classifier.bias"]  # in a file, and in no index
    write_index(sharded, moved)
    assert "do not belong together; only one of them has classifier.bias." in refusal(sharded)


def test_a_tensor_of_two_files(sharded):
    first = sharded / "model-00001-of-00003.safetensors"
    second = load_file(sharded / "model-00002-of-00003.safetensors")
    name = sorted(second)[0]
    save_file({**load_file(first), name: second[name]}, first)
    assert f"only one of them has {name}." in refusal(sharded)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": {}}', '{"weight_map": [1]}'])
def test_an_index_that_is_none(sharded, content):
    (sharded / INDEX).write_text(content)
    assert INDEX in refusal(sharded)


def test_a_damaged_file(sharded):
    path = sharded / "model-00002-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    assert f"{path} is not a whole .safetensors file" in refusal(sharded)
    path.write_bytes(b"\x80\x04\x95" + bytes(100))
    assert "it is a pickle, which may run code, and is not read" in refusal(sharded)


def test_tensors_that_no_model_needs_are_named(sharded):
    path = sharded / "model-00001-of-00003.safetensors"
    save_file({**load_file(path), "bert.extra": np.zeros(1, "float32")}, path)
    write_index(sharded, {**read_index(sharded), "bert.extra": path.name})
    assert refusal(sharded).startswith(f"{sharded / INDEX} does not hold the tensors that are")
