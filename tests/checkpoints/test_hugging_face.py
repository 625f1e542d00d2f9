"""Checkpoints of every head: the same outputs as PyTorch, and the same files written back."""

import json
import shutil

import keras
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.checkpoints.bert import Bert
from keras_attention.models import (
    BertEncoder,
    Classifier,
    MaskedLM,
    TokenClassifier,
)
from keras_attention.token_ids import SpecialIds
from tests.backend import to_numpy
from tests.checkpoints.golden_models import (
    GOLDEN,
    HEADS,
    INPUTS,
    MASK,
    POSITIONS,
    TINY,
    loaded,
)


def assert_close(found, expected, atol=1e-5):
    np.testing.assert_allclose(to_numpy(found), expected, atol=atol, rtol=0)


@pytest.mark.parametrize("head", HEADS)
def test_the_encoder_of_every_head(head):
    encoder = loaded(GOLDEN / head, "encoder")
    assert type(encoder) is BertEncoder
    outputs = encoder(INPUTS)
    assert_close(outputs["sequence_output"][MASK], TINY[f"{head}_last_hidden_state"][MASK])
    assert encoder.has_pooler == (head in ("pretraining", "sequence_classification"))
    if encoder.has_pooler:
        assert_close(outputs["pooled_output"], TINY[f"{head}_pooler_output"])


def test_what_the_config_says_becomes_the_encoder():
    encoder = load_hugging_face(
        GOLDEN / "pretraining", "encoder", dropout=0.25, dtype="mixed_bfloat16"
    )
    config = encoder.get_config()
    expected = dict(
        vocabulary_size=37,
        hidden_dim=16,
        num_layers=2,
        num_heads=2,
        intermediate_dim=24,
        max_sequence_length=20,
        num_segments=3,
        activation="gelu_new",
        layer_norm_epsilon=1e-12,
        dropout=0.25,
        attention_dropout=0.1,
    )
    assert {name: config[name] for name in expected} == expected
    assert encoder(INPUTS)["sequence_output"].dtype == "bfloat16"
    assert loaded(GOLDEN / "masked_lm", "encoder").layer_norm_epsilon == 1e-3


@pytest.mark.parametrize(("head", "name"), [("pretraining", "prediction_"), ("masked_lm", "")])
def test_masked_lm(head, name):
    model = loaded(GOLDEN / head)
    assert type(model) is MaskedLM
    outputs = model({**INPUTS, "mask_positions": POSITIONS})
    if head == "pretraining":
        assert_close(outputs["next_sentence"], TINY["pretraining_seq_relationship_logits"])
        outputs = outputs["logits"]
    expected = np.take_along_axis(TINY[f"{head}_{name}logits"], POSITIONS[..., None], axis=1)
    assert_close(outputs, expected)


def test_classifier_of_texts():
    model = loaded(GOLDEN / "sequence_classification")
    assert type(model) is Classifier
    assert model.labels == ["bad", "so-so", "good"]
    assert model.classifier_dropout == 0.25
    assert_close(model(INPUTS), TINY["sequence_classification_logits"])


def test_classifier_of_tokens():
    model = loaded(GOLDEN / "token_classification")
    assert type(model) is TokenClassifier
    assert model.labels == [f"LABEL_{index}" for index in range(5)]
    assert_close(model(INPUTS)[MASK], TINY["token_classification_logits"][MASK])


@pytest.mark.parametrize("head", HEADS)
def test_what_is_written_is_what_huggingface_wrote(head, tmp_path):
    """The same tensors under the same names, and a config that says the same."""
    save_hugging_face(loaded(GOLDEN / head), None, tmp_path / "saved")
    theirs = load_file(GOLDEN / head / "model.safetensors")
    ours = load_file(tmp_path / "saved" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name], tensor, err_msg=name)
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    expected = json.loads((GOLDEN / head / "config.json").read_text())
    for name in config.keys() & expected.keys():
        if expected[name] is not None:  # ours says what null stands for
            assert config[name] == expected[name], name
    assert config["architectures"] == expected["architectures"]
    assert len(config.keys() & expected.keys()) >= 14


def test_an_encoder_is_written_as_bert_model(tmp_path):
    encoder = loaded(GOLDEN / "pretraining", "encoder")
    save_hugging_face(encoder, None, tmp_path / "saved")
    assert json.loads((tmp_path / "saved/config.json").read_text())["architectures"] == [
        "BertModel"
    ]
    names = load_file(tmp_path / "saved" / "model.safetensors").keys()
    assert "pooler.dense.weight" in names
    assert not any(name.startswith(("bert.", "cls.")) for name in names)
    again = load_hugging_face(tmp_path / "saved")
    assert again.get_config() | {"name": ""} == encoder.get_config() | {"name": ""}
    for a, b in zip(again.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_random_model_comes_back_from_its_directory(tmp_path):
    keras.utils.set_random_seed(1)
    model = Classifier.from_preset(
        "tiny",
        num_classes=3,
        vocabulary_size=40,
        num_segments=3,
        attention_dropout=0.0,
    )
    save_hugging_face(model, None, tmp_path / "saved", ["a", "b", "c"])
    again = load_hugging_face(tmp_path / "saved")
    assert again.labels == ["a", "b", "c"]
    assert (again.encoder.dropout, again.encoder.attention_dropout) == (0.1, 0.0)
    np.testing.assert_array_equal(to_numpy(again(INPUTS)), to_numpy(model(INPUTS)))


@pytest.mark.parametrize(("kind", "tolerance"), [("float16", 1e-2), ("bfloat16", 1e-1)])
def test_half_precision_is_cast(kind, tolerance, tmp_path):
    kinds = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
    tensors = load_file(GOLDEN / "masked_lm" / "model.safetensors")
    half = {name: tensor.astype(kinds[kind]) for name, tensor in tensors.items()}
    save_file(half, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((GOLDEN / "masked_lm/config.json").read_text())
    encoder = load_hugging_face(tmp_path, "encoder")
    assert {weight.dtype for weight in encoder.weights} == {"float32"}
    table = encoder.embedding.token_embeddings
    name = "bert.embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(to_numpy(table.value), half[name].astype("float32"))
    expected = TINY["masked_lm_last_hidden_state"][MASK]
    assert_close(encoder(INPUTS)["sequence_output"][MASK], expected, tolerance)


def test_names_of_old_checkpoints(tmp_path):
    """Norms as TensorFlow calls them, the buffer of positions and tied tensors."""
    tensors = load_file(GOLDEN / "pretraining" / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tensors.items()
    }
    assert len(old.keys() - tensors.keys()) == 12
    old["bert.embeddings.position_ids"] = np.arange(20)[None]
    old["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"]
    old["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"]
    save_file(old, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((GOLDEN / "pretraining/config.json").read_text())
    outputs = load_hugging_face(tmp_path)({**INPUTS, "mask_positions": POSITIONS})
    assert_close(outputs["next_sentence"], TINY["pretraining_seq_relationship_logits"])
    assert load_hugging_face(tmp_path, "encoder").has_pooler


@pytest.mark.parametrize("head", HEADS)
def test_a_task_that_the_config_does_not_name(head, tmp_path):
    """Without "architectures" it is the bare encoder, and `task` gives the head all the same."""
    config = json.loads((GOLDEN / head / "config.json").read_text())
    named = config.pop("architectures")
    (tmp_path / "config.json").write_text(json.dumps(config))
    shutil.copy(GOLDEN / head / "model.safetensors", tmp_path)
    assert type(load_hugging_face(tmp_path)) is BertEncoder
    tasks = {
        "pretraining": ("masked-lm",),
        "masked_lm": ("masked-lm",),
        "sequence_classification": ("classifier", "token-classifier"),
        "token_classification": ("token-classifier",),
    }
    expected = loaded(GOLDEN / head)
    for task in tasks[head]:
        found = load_hugging_face(tmp_path, task)
        assert isinstance(found.encoder, BertEncoder)
        if task == Bert.architectures[named[0]]:
            assert type(found) is type(expected)
            for a, b in zip(found.get_weights(), expected.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)


def test_every_position_is_predicted_without_mask_positions():
    model = loaded(GOLDEN / "masked_lm")
    assert_close(model(INPUTS)[MASK], TINY["masked_lm_logits"][MASK])


def test_labels_are_those_of_the_model_unless_given(tmp_path):
    model = load_hugging_face(GOLDEN / "sequence_classification")
    save_hugging_face(model, None, tmp_path / "saved")
    assert load_hugging_face(tmp_path / "saved").labels == ["bad", "so-so", "good"]
    save_hugging_face(model, None, tmp_path / "saved", ["1", "2", "3"], force=True)
    assert load_hugging_face(tmp_path / "saved").labels == ["1", "2", "3"]
    model.labels = None
    save_hugging_face(model, None, tmp_path / "saved", force=True)
    assert load_hugging_face(tmp_path / "saved").labels == ["LABEL_0", "LABEL_1", "LABEL_2"]


class RecordingTokenizer:
    """Stands for a tokenizer: all that is asked of one here."""

    special_ids = SpecialIds(padding=4)

    def save(self, directory):
        (directory / "vocab.txt").write_text("[PAD]\n")


def test_the_tokenizer_writes_its_own_files(tmp_path):
    encoder = loaded(GOLDEN / "masked_lm", "encoder")
    save_hugging_face(encoder, RecordingTokenizer(), tmp_path / "saved")
    names = sorted(path.name for path in (tmp_path / "saved").iterdir())
    assert names == ["config.json", "model.safetensors", "vocab.txt"]
    assert json.loads((tmp_path / "saved/config.json").read_text())["pad_token_id"] == 4


def test_the_tokenizer_comes_back(tmp_path):
    pytest.importorskip("tensorflow_text", reason="the tokenizer needs TensorFlow")
    from tests.runs.small_runs import word_piece

    tokenizer = word_piece()
    encoder = loaded(GOLDEN / "masked_lm", "encoder")
    save_hugging_face(encoder, tokenizer, tmp_path / "saved")
    again = load_tokenizer(tmp_path / "saved")
    texts = ["the old house", "a house"]
    found = again.encode(texts).token_ids
    assert found == tokenizer.encode(texts).token_ids
    assert all(isinstance(row, list) and isinstance(row[0], int) for row in found)
    assert (found[0][0], found[0][-1]) == (tokenizer.start_id, tokenizer.end_id)
    assert again.decode(found[0]) == tokenizer.decode(found[0])


def test_complete_or_not_at_all(tmp_path):
    class Failing(RecordingTokenizer):
        def save(self, directory):
            raise RuntimeError("disk full")

    encoder = loaded(GOLDEN / "masked_lm", "encoder")
    with pytest.raises(RuntimeError, match="disk full"):
        save_hugging_face(encoder, Failing(), tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []
    save_hugging_face(encoder, None, tmp_path / "saved")
    with pytest.raises(ValueError, match="already exists"):
        save_hugging_face(encoder, None, tmp_path / "saved")
    save_hugging_face(encoder, RecordingTokenizer(), tmp_path / "saved", force=True)
    assert (tmp_path / "saved/vocab.txt").exists()


def test_force_replaces_a_directory_of_a_model_alone(tmp_path):
    encoder = loaded(GOLDEN / "masked_lm", "encoder")
    path = tmp_path / "saved"
    for config in ("{}", '{"kind": "encoder"}', '{"model_type": 3}', "not JSON"):
        path.mkdir()
        (path / "config.json").write_text(config)
        with pytest.raises(ValueError, match="a directory that is no HuggingFace directory"):
            save_hugging_face(encoder, None, path, force=True)
        assert [file.read_text() for file in path.iterdir()] == [config]
        (path / "config.json").unlink()
        path.rmdir()
    path.mkdir()  # empty
    save_hugging_face(encoder, None, path, force=True)
    (path / "tokenizer.json").write_text("of another tokenizer")
    save_hugging_face(encoder, None, path, force=True)
    (path / "training.py").write_text("code")
    (path / ".git").mkdir()
    before = sorted(file.name for file in path.iterdir())
    with pytest.raises(ValueError, match=r"holds more than .* \(\.git, training\.py\); it is not"):
        save_hugging_face(encoder, None, path, force=True)
    assert sorted(file.name for file in path.iterdir()) == before
    assert [file.name for file in tmp_path.iterdir()] == ["saved"]


def test_a_tokenizer_may_have_files_of_its_own(tmp_path):
    class Own(RecordingTokenizer):
        def save(self, directory):
            (directory / "own.model").write_text("pieces")

    encoder = loaded(GOLDEN / "masked_lm", "encoder")
    for _ in range(2):
        save_hugging_face(encoder, Own(), tmp_path / "saved", force=True)
    with pytest.raises(ValueError, match=r"\(own\.model\)"):
        save_hugging_face(encoder, None, tmp_path / "saved", force=True)
