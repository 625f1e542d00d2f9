"""Whatever happens to a HuggingFace directory: the same weights, or one sentence, nothing lost."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.models import BertEncoder, Classifier
from keras_attention.text import WordPieceTokenizer
from tests.runs.mutations import (
    answers_or_sentence,
    examples,
    json_bytes,
    replaced,
    spoiled_bytes,
    spoiled_json,
)
from tests.runs.small_runs import word_piece

TASKS = ("encoder", "masked-lm", "classifier")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Of a tiny classifier with its tokenizer; as it was after each example."""
    path = tmp_path_factory.mktemp("hugging_face") / "directory"
    encoder = BertEncoder(
        vocabulary_size=word_piece().vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=4,
        intermediate_dim=6,
        max_sequence_length=16,
    )
    save_hugging_face(Classifier(encoder, 3), word_piece(), path, ["a", "b", "c"])
    return path


@pytest.fixture(scope="module")
def weights(directory):
    return load_hugging_face(directory).get_weights()


def read(directory):
    """Everything that reads such a directory; what gives a sentence is None."""
    loaders = [partial(load_hugging_face, directory, task) for task in TASKS]
    return [answers_or_sentence(directory, load) for load in loaders]


@settings(max_examples=examples(15, 60))
@given(data=st.data())
def test_bytes_of_weights(directory, weights, data):
    path = directory / "model.safetensors"
    with replaced({path: data.draw(spoiled_bytes(path.read_bytes()))}):
        _, _, found = read(directory)
    if found is not None:  # there is no checksum: another number is another number
        pairs = zip(found.get_weights(), weights, strict=True)
        assert all(v.shape == w.shape and np.isfinite(v).all() for v, w in pairs)


@settings(max_examples=examples(15, 60))
@given(data=st.data())
def test_headers_of_weights(directory, weights, data):
    path = directory / "model.safetensors"
    before = path.read_bytes()
    length = int.from_bytes(before[:8], "little")
    header = json_bytes(data.draw(spoiled_json(json.loads(before[8 : 8 + length]))))
    spoiled = len(header).to_bytes(8, "little") + header + before[8 + length :]
    with replaced({path: spoiled}):
        _, _, found = read(directory)
    if found is not None:
        assert [w.shape for w in found.get_weights()] == [w.shape for w in weights]
        assert all(np.isfinite(w).all() for w in found.get_weights())


@settings(max_examples=examples(15, 60))
@given(data=st.data())
@example(data=None)
def test_configs(directory, weights, data):
    path = directory / "config.json"
    if data is None:
        spoiled = b"[" * 100_000
    elif data.draw(st.booleans()):
        spoiled = json_bytes(data.draw(spoiled_json(json.loads(path.read_bytes()))))
    else:
        spoiled = data.draw(spoiled_bytes(path.read_bytes()))
    with replaced({path: spoiled}):
        _, _, found = read(directory)
    if found is not None:
        assert len(found.labels) == found.num_classes


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer_config.json", "tokenizer.json"])
@settings(max_examples=examples(15, 30))
@given(data=st.data())
def test_tokenizers(name, directory, data):
    path = directory / name
    spoiled = spoiled_bytes(path.read_bytes())
    if name.endswith(".json"):
        spoiled |= spoiled_json(json.loads(path.read_bytes()))
    spoiled = data.draw(spoiled)
    spoiled = spoiled if isinstance(spoiled, bytes) else json_bytes(spoiled)
    with replaced({path: spoiled}):
        found = answers_or_sentence(directory, lambda: WordPieceTokenizer.load(directory))
    assert found is None or found.vocabulary == word_piece().vocabulary


def test_weights_that_are_not_finite(directory, tmp_path):
    from safetensors.numpy import load_file, save_file

    spoiled = shutil.copytree(directory, tmp_path / "spoiled")
    tensors = load_file(spoiled / "model.safetensors")
    tensors["bert.embeddings.LayerNorm.bias"][1] = np.nan
    tensors["bert.encoder.layer.0.attention.self.key.weight"][0, 1] = np.inf
    save_file(tensors, spoiled / "model.safetensors")
    with pytest.raises(ValueError) as caught:
        load_hugging_face(spoiled, "encoder")
    assert str(caught.value) == (
        f"{spoiled}/model.safetensors holds numbers that are not finite in "
        "bert.embeddings.LayerNorm.bias, bert.encoder.layer.0.attention.self.key.weight."
    )


@pytest.mark.parametrize("data", [b"\x80\x04\x95", b"PK\x03\x04"])
def test_a_pickle_by_another_name(data, directory, tmp_path):
    spoiled = shutil.copytree(directory, tmp_path / "spoiled")
    (spoiled / "model.safetensors").write_bytes(data + bytes(100))
    with pytest.raises(ValueError, match="it is a pickle, which may run code, and is not read"):
        load_hugging_face(spoiled, "encoder")
