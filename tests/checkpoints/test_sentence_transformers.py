"""Directories of sentence-transformers: modules.json and what it names."""

import json
import re
import shutil

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attention._validation import InputError
from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.models import BertEncoder, DistilBertEncoder, SentenceEncoder
from keras_attention.tasks.import_checkpoint import import_checkpoint
from tests.backend import to_numpy
from tests.cli.command import run_here
from tests.runs.small_runs import word_piece
from tests.tasks.small_models import TEXTS, config_of, small_encoder

DENSE = [{"units": 6, "activation": "tanh"}, {"units": 4, "use_bias": False}]
# name -> arguments of the model beside its encoder
MODELS = {
    "mean": dict(max_sequence_length=11),
    "cls": dict(pooling="cls", normalize=False),
    "max": dict(pooling="max", dense=DENSE),
}


def make(name):
    keras.utils.set_random_seed(8)
    model = SentenceEncoder(small_encoder(), **MODELS[name])
    random = np.random.default_rng(3)
    for variable in model.trainable_variables:
        variable.assign(variable + random.normal(0, 0.3, variable.shape))
    return model


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A directory with two dense layers. Not to be changed: copy it."""
    directory = tmp_path_factory.mktemp("sentence_transformers") / "published"
    save_hugging_face(make("max"), word_piece(), directory)
    return directory


@pytest.fixture
def directory(published, tmp_path):
    """A copy of it, to be spoiled."""
    return shutil.copytree(published, tmp_path / "published")


def read(path):
    return json.loads(path.read_text())


def change(path, **changes):
    values = {**read(path), **changes}
    path.write_text(json.dumps({k: v for k, v in values.items() if v != "absent"}))


def refusal(directory):
    with pytest.raises(InputError) as caught:
        load_hugging_face(directory, "embedding")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", MODELS)
def test_it_comes_back(name, tmp_path):
    model = make(name)
    save_hugging_face(model, word_piece(), tmp_path / "published")
    again = load_hugging_face(tmp_path / "published", "embedding")
    assert again.get_config().keys() == model.get_config().keys()
    for key in ("pooling", "normalize", "dense", "max_sequence_length"):
        assert getattr(again, key) == getattr(model, key)
    assert again.encoder.has_pooler
    inputs = word_piece().pack(TEXTS)
    np.testing.assert_allclose(to_numpy(again(inputs)), to_numpy(model(inputs)), atol=1e-6)
    # Without its modules it is the encoder that config.json names.
    encoder = load_hugging_face(tmp_path / "published")
    assert type(encoder) is BertEncoder
    for one, other in zip(encoder.get_weights(), model.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_family(tmp_path):
    tokenizer = word_piece()
    encoder = DistilBertEncoder(
        tokenizer.vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        max_sequence_length=24,
    )
    model = SentenceEncoder(encoder, "cls", dense=DENSE)
    save_hugging_face(model, tokenizer, tmp_path / "published")
    again = load_hugging_face(tmp_path / "published", "embedding")
    assert type(again.encoder) is DistilBertEncoder
    inputs = tokenizer.pack(TEXTS)
    np.testing.assert_allclose(to_numpy(again(inputs)), to_numpy(model(inputs)), atol=1e-6)
    assert type(load_hugging_face(tmp_path / "published")) is DistilBertEncoder


def test_what_is_written(directory):
    modules = read(directory / "modules.json")
    assert [(module["type"].split(".")[-1], module["path"]) for module in modules] == [
        ("Transformer", ""),
        ("Pooling", "1_Pooling"),
        ("Dense", "2_Dense"),
        ("Dense", "3_Dense"),
        ("Normalize", "4_Normalize"),
    ]
    pooling = read(directory / "1_Pooling" / "config.json")
    assert pooling["word_embedding_dimension"] == 8
    assert [key for key, value in pooling.items() if value is True] == ["pooling_mode_max_tokens"]
    dense = read(directory / "2_Dense" / "config.json")
    assert dense["activation_function"] == "torch.nn.modules.activation.Tanh"
    assert (dense["in_features"], dense["out_features"], dense["bias"]) == (8, 6, True)
    tensors = load_file(directory / "3_Dense" / "model.safetensors")
    assert {name: tensor.shape for name, tensor in tensors.items()} == {"linear.weight": (4, 6)}
    assert list((directory / "4_Normalize").iterdir()) == []
    assert read(directory / "sentence_bert_config.json")["max_seq_length"] == 24
    assert read(directory / "config.json")["architectures"] == ["BertModel"]


def test_a_folder_without_files_may_be_missing(directory):
    (directory / "4_Normalize").rmdir()
    assert load_hugging_face(directory, "embedding").normalize
    modules = read(directory / "modules.json")
    (directory / "modules.json").write_text(json.dumps(modules[:-1]))
    assert not load_hugging_face(directory, "embedding").normalize


def test_the_words_of_newer_files(directory):
    """Of the release 6: other modules of the library, and one name in the place of flags."""
    modules = read(directory / "modules.json")
    for module in modules:
        module["type"] = f"sentence_transformers.base.modules.{module['type'].split('.')[-1]}"
    (directory / "modules.json").write_text(json.dumps(modules))
    pooling = {"embedding_dimension": 8, "pooling_mode": "cls", "include_prompt": True}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    names = {"module_input_name": "sentence_embedding", "module_output_name": None}
    change(directory / "2_Dense" / "config.json", **names)
    (directory / "4_Normalize" / "config.json").write_text(json.dumps(names))
    model = load_hugging_face(directory, "embedding")
    assert (model.pooling, model.normalize, len(model.dense)) == ("cls", True, 2)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"pooling_mode_max_tokens": False}, "mean"),  # none at all is the mean
        ({"pooling_mode_max_tokens": False, "pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode_mean_tokens": True}, ["max", "mean"]),
        ({"pooling_mode_max_tokens": False, "pooling_mode_weightedmean_tokens": True}, None),
        ({"pooling_mode": "lasttoken"}, None),
        ({"pooling_mode": ["mean", "max"]}, ["mean", "max"]),
        ({"pooling_mode": []}, []),
        ({"pooling_mode": {"a": 1}}, None),
    ],
)
def test_poolings(directory, changes, found):
    change(directory / "1_Pooling" / "config.json", **changes)
    if isinstance(found, str):
        assert load_hugging_face(directory, "embedding").pooling == found
        return
    said = refusal(directory)
    assert "only one of mean, cls, max can be read" in said
    for name in found or ():
        assert f'"{name}"' in said


def test_the_longest_text(directory, tmp_path):
    assert load_hugging_face(directory, "embedding").max_sequence_length == 24
    change(directory / "sentence_bert_config.json", max_seq_length=7)
    assert load_hugging_face(directory, "embedding").max_sequence_length == 7
    import_checkpoint(directory, tmp_path / "run")
    assert config_of(tmp_path / "run")["max_sequence_length"] == 7
    change(directory / "sentence_bert_config.json", max_seq_length=700)  # than positions
    assert load_hugging_face(directory, "embedding").max_sequence_length == 24
    change(directory / "sentence_bert_config.json", max_seq_length=2)
    assert "`max_seq_length` must be a whole number of at least 3" in refusal(directory)


MODULES = [
    (0, {"type": "sentence_transformers.models.CLIPModel"}, "the module .*CLIPModel"),
    (0, {"type": "my.models.Transformer"}, '"my.models.Transformer"'),
    (0, {"path": "0_Transformer"}, "puts the Transformer into 0_Transformer"),
    (1, {"type": "sentence_transformers.models.WeightedLayerPooling"}, "WeightedLayerPooling"),
    (1, {"type": 3}, "expected modules with a type and a path"),
    (1, {"path": "../other"}, "expected modules with a type and a path"),
    (1, {"path": "/tmp"}, "expected modules with a type and a path"),
    (
        3,
        {"type": "sentence_transformers.models.Normalize"},
        "Dense, Normalize, Normalize; expected",
    ),
    (4, {"type": "sentence_transformers.models.Pooling"}, "in this order"),
]


@pytest.mark.parametrize(("index", "changes", "message"), MODULES)
def test_modules_that_are_not_ours(directory, index, changes, message):
    modules = read(directory / "modules.json")
    modules[index].update(changes)
    (directory / "modules.json").write_text(json.dumps(modules))
    assert re.search(message, refusal(directory))
    assert type(load_hugging_face(directory, "encoder")) is BertEncoder  # which has none


@pytest.mark.parametrize("text", ["{}", "[3]", "[]", "nonsense", '"text"'])
def test_a_modules_file_that_is_something_else(directory, text):
    (directory / "modules.json").write_text(text)
    assert "modules.json" in refusal(directory)


DENSE_FAULTS = [
    ({"activation_function": "torch.nn.modules.activation.Hardtanh"}, "Hardtanh"),
    ({"activation_function": ["a"]}, "activation_function"),
    ({"in_features": 9}, "expected in_features 8 .* Received: 9 and 6"),
    ({"out_features": -1}, "Received: 8 and -1"),
    ({"out_features": 10**9}, "linear.weight is \\(6, 8\\), not \\(1000000000, 8\\)"),
    ({"use_residual": True}, "use_residual is true"),
    ({"module_input_name": "token_embeddings"}, 'module_input_name is "token_embeddings"'),
    ({"bias": False}, "unknown: linear.bias"),
]


@pytest.mark.parametrize(("changes", "message"), DENSE_FAULTS)
def test_dense_layers_that_are_not_ours(directory, changes, message):
    change(directory / "2_Dense" / "config.json", **changes)
    assert re.search(message, refusal(directory))


def test_the_activation_is_tanh_where_none_is_named(directory):
    change(directory / "3_Dense" / "config.json", activation_function="absent")
    activations = [layer["activation"] for layer in load_hugging_face(directory, "embedding").dense]
    assert activations == ["tanh", "tanh"]


def test_files_of_modules_that_are_missing_or_damaged(directory):
    weights = directory / "2_Dense" / "model.safetensors"
    tensors = load_file(weights)
    save_file({**tensors, "linear.bias": tensors["linear.bias"] * np.nan}, weights)
    assert "not finite in linear.bias" in refusal(directory)
    weights.unlink()
    (directory / "2_Dense" / "pytorch_model.bin").write_bytes(b"x")
    assert "pytorch_model.bin is a pickle" in refusal(directory)
    (directory / "2_Dense" / "config.json").unlink()
    assert f"{directory}/2_Dense/config.json cannot be read" in refusal(directory)
    change(directory / "1_Pooling" / "config.json", word_embedding_dimension=9)
    assert "of an encoder of width 9, not 8" in refusal(directory)
    shutil.rmtree(directory / "1_Pooling")
    assert "1_Pooling/config.json cannot be read" in refusal(directory)
    (directory / "modules.json").unlink()
    assert "modules.json cannot be read" in refusal(directory)


def test_a_prompt_before_every_text(directory):
    prompts = {"query": "query: ", "nothing": ""}
    settings = directory / "config_sentence_transformers.json"
    change(settings, prompts=prompts, default_prompt_name="nothing")
    load_hugging_face(directory, "embedding")
    change(settings, default_prompt_name="query")
    assert 'puts the prompt "query: " before every text' in refusal(directory)


def test_an_activation_that_cannot_be_written(tmp_path):
    model = SentenceEncoder(small_encoder(), dense=[{"units": 3, "activation": "softplus"}])
    with pytest.raises(ValueError, match="activation of linear, tanh.* Received: .*'softplus'"):
        save_hugging_face(model, None, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_overwriting(directory):
    model = make("cls")
    save_hugging_face(model, word_piece(), directory, force=True)  # fewer modules than before
    assert sorted(path.name for path in directory.iterdir() if path.is_dir()) == ["1_Pooling"]
    (directory / "1_Pooling" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds more than a model.*\(1_Pooling\)"):
        save_hugging_face(model, word_piece(), directory, force=True)
    (directory / "1_Pooling" / "notes.txt").unlink()
    with pytest.raises(InputError, match="modules.json"):  # which would be lost
        save_hugging_face(model.encoder, word_piece(), directory, force=True)


def test_the_task_of_such_a_directory(directory, tmp_path, capfd):
    status, out, error = run_here(capfd, "import", directory, "--output", tmp_path / "run")
    assert status == 0, error
    assert config_of(tmp_path / "run")["kind"] == "embedding"
    other = tmp_path / "other"
    status, _, error = run_here(capfd, "import", directory, "--output", other, "--task", "encoder")
    assert status == 0 and config_of(other)["kind"] == "encoder", error
    change(directory / "1_Pooling" / "config.json", pooling_mode="lasttoken")
    status, out, error = run_here(capfd, "import", directory, "--output", tmp_path / "third")
    assert (status, out) == (2, "") and error.count("\n") == 1
    assert error.endswith("--task encoder reads the encoder alone.\n")
