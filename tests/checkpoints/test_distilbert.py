"""DistilBERT's checkpoints: the same outputs as PyTorch, and the same files written back."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from keras_attention._validation import InputError
from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.checkpoints.hugging_face import has_head
from keras_attention.models import Classifier, DistilBertEncoder, MaskedLM, TokenClassifier
from tests.backend import to_numpy
from tests.checkpoints.distilbert_models import DISTILBERT, HEADS, INPUTS, MASK, TINY
from tests.checkpoints.golden_models import GOLDEN, POSITIONS, loaded
from tests.runs.mutations import (
    answers_or_sentence,
    examples,
    json_bytes,
    replaced,
    spoiled_json,
)

CLASSES = {
    "encoder": (DistilBertEncoder, "encoder"),
    "masked_lm": (MaskedLM, "masked-lm"),
    "sequence_classification": (Classifier, "classifier"),
    "token_classification": (TokenClassifier, "token-classifier"),
}


def assert_close(found, expected, atol=1e-5):
    np.testing.assert_allclose(to_numpy(found), expected, atol=atol, rtol=0)


def copy_of(head, path, change=None, **config):
    """A copy of a directory, its tensors as `change(tensors)` returns them."""
    path.mkdir()
    values = {**json.loads((DISTILBERT / head / "config.json").read_text()), **config}
    (path / "config.json").write_text(
        json.dumps({name: value for name, value in values.items() if value != "absent"})
    )
    tensors = load_file(DISTILBERT / head / "model.safetensors")
    save_file(change(tensors) if change else tensors, path / "model.safetensors")
    return path


def without_prefix(tensors):
    return {name.removeprefix("distilbert."): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("head", HEADS)
def test_the_encoder_of_every_head(head):
    encoder = loaded(DISTILBERT / head, "encoder")
    assert type(encoder) is DistilBertEncoder
    found = encoder(INPUTS)["sequence_output"]
    assert_close(found[MASK], TINY[f"{head}_last_hidden_state"][MASK])


def test_what_the_config_says_becomes_the_encoder():
    encoder = load_hugging_face(DISTILBERT / "token_classification", "encoder", dropout=0.25)
    config = encoder.get_config()
    expected = dict(
        vocabulary_size=37,
        hidden_dim=16,
        num_layers=3,
        num_heads=2,
        intermediate_dim=24,
        max_sequence_length=20,
        activation="gelu_new",
        dropout=0.25,
        attention_dropout=0.1,
    )
    assert {name: config[name] for name in expected} == expected
    table = encoder.embedding.position_layer.position_embeddings  # of `sinusoidal_pos_embds`
    position, pair = np.arange(20)[:, None], np.arange(8)
    angle = position / 10000 ** (2 * pair / 16)
    assert_close(table.value[:, ::2], np.sin(angle), 1e-6)
    assert_close(table.value[:, 1::2], np.cos(angle), 1e-6)
    assert loaded(DISTILBERT / "encoder").attention_dropout == 0.3


def test_masked_lm():
    model = loaded(DISTILBERT / "masked_lm")
    assert type(model) is MaskedLM
    assert_close(model(INPUTS)[MASK], TINY["masked_lm_logits"][MASK])
    expected = np.take_along_axis(TINY["masked_lm_logits"], POSITIONS[..., None], axis=1)
    assert_close(model({**INPUTS, "mask_positions": POSITIONS}), expected)


def test_classifier_of_texts():
    model = loaded(DISTILBERT / "sequence_classification")
    assert type(model) is Classifier
    assert model.labels == ["bad", "so-so", "good"]
    assert (model.classifier_dropout, model.pooled_dropout) == (0.25, 0.0)
    assert_close(model(INPUTS), TINY["sequence_classification_logits"])


def test_classifier_of_tokens():
    model = loaded(DISTILBERT / "token_classification")
    assert type(model) is TokenClassifier
    assert model.labels == [f"LABEL_{index}" for index in range(5)]
    assert_close(model(INPUTS)[MASK], TINY["token_classification_logits"][MASK])


@pytest.mark.parametrize("head", HEADS)
def test_what_is_written_is_what_huggingface_wrote(head, tmp_path):
    """The same tensors under the same names, and a config that says the same."""
    save_hugging_face(loaded(DISTILBERT / head), None, tmp_path / "saved")
    theirs = load_file(DISTILBERT / head / "model.safetensors")
    ours = load_file(tmp_path / "saved" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name], tensor, err_msg=name)
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    expected = json.loads((DISTILBERT / head / "config.json").read_text())
    assert expected.pop("sinusoidal_pos_embds") == (head == "token_classification")
    assert config.pop("sinusoidal_pos_embds") is False  # the table stands among the tensors
    both = config.keys() & expected.keys()
    for name in both:
        if expected[name] is not None:  # ours says what null stands for
            assert config[name] == expected[name], name
    assert config["architectures"] == expected["architectures"]
    assert len(both) >= 12


@pytest.mark.parametrize("head", HEADS)
def test_a_checkpoint_without_the_prefix(head, tmp_path):
    directory = copy_of(head, tmp_path / "bare", without_prefix)
    cls, task = CLASSES[head]
    model, expected = load_hugging_face(directory), loaded(DISTILBERT / head)
    assert type(model) is cls
    for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    encoder = load_hugging_face(directory, "encoder")
    assert_close(encoder(INPUTS)["sequence_output"], to_numpy(expected_encoder(expected)))
    assert task == "encoder" or has_head(directory, task)


def expected_encoder(model):
    encoder = model if isinstance(model, DistilBertEncoder) else model.encoder
    return encoder(INPUTS)["sequence_output"]


def test_an_encoder_with_the_prefix(tmp_path):
    """As BERT's: of files with it the bare model can be read, and what is tied is left out."""

    def change(tensors):
        table = tensors["embeddings.word_embeddings.weight"]
        found = {f"distilbert.{name}": tensor for name, tensor in tensors.items()}
        found["distilbert.embeddings.position_ids"] = np.arange(20)[None]
        return {**found, "vocab_projector.weight": table.copy()}

    encoder = load_hugging_face(copy_of("encoder", tmp_path / "prefixed", change))
    assert_close(encoder(INPUTS)["sequence_output"][MASK], TINY["encoder_last_hidden_state"][MASK])


def test_a_head_of_answers_is_passed_over_by_the_encoder(tmp_path):
    def change(tensors):
        return {**tensors, "qa_outputs.weight": np.zeros((2, 16), "float32")}

    name = "DistilBertForQuestionAnswering"
    for number, step in enumerate((change, lambda tensors: change(without_prefix(tensors)))):
        directory = copy_of("masked_lm", tmp_path / str(number), step, architectures=[name])
        assert type(load_hugging_face(directory, "encoder")) is DistilBertEncoder
        with pytest.raises(InputError) as caught:
            load_hugging_face(directory)
        assert str(caught.value) == (
            f'{directory}/config.json names ["{name}"] in architectures, of which only '
            '"DistilBertModel" or "DistilBertForMaskedLM" or "DistilBertForSequenceClassification" '
            'or "DistilBertForTokenClassification" can be read with its head; `task` encoder reads '
            "the encoder alone."
        )


@pytest.mark.parametrize("head", ["sequence_classification", "token_classification"])
def test_heads_are_told_apart_without_architectures(head, tmp_path):
    directory = copy_of(head, tmp_path / "unnamed", architectures="absent")
    assert type(load_hugging_face(directory)) is DistilBertEncoder
    cls, own = CLASSES[head]
    for task in ("classifier", "token-classifier"):
        assert has_head(directory, task) == (task == own)
        if task == own:
            assert type(load_hugging_face(directory, task)) is cls
        else:
            with pytest.raises(InputError, match="belongs to the head for another task.*encoder'"):
                load_hugging_face(directory, task)


def test_a_multiple_choice_is_no_classifier(tmp_path):
    name = "DistilBertForMultipleChoice"
    directory = copy_of("sequence_classification", tmp_path / "choice", architectures=[name])
    with pytest.raises(InputError, match="belongs to the head for another task"):
        load_hugging_face(directory, "classifier")


# Faults


FAULTS = {
    "sinusoidal_pos_embds": ("yes", 'is "yes", of which only false or true is supported'),
    "tie_weights_": (False, "is false, of which only true is supported"),
    "tie_word_embeddings": (False, "is false, of which only true is supported"),
    "activation": (
        "silu",
        'is "silu", of which only "gelu" or "gelu_python" or "gelu_new" or "gelu_fast" or '
        '"gelu_pytorch_tanh" or "relu" is supported',
    ),
    "pruned_heads": ({"1": [0]}, 'is {"1": [0]}, of which only {} is supported'),
    "quantization_config": ({"bits": 4}, 'is {"bits": 4}, of which only null is supported'),
    "dropout": (1.5, "is 1.5, not a rate in [0, 1)"),
    "attention_dropout": ("x", 'is "x", not a rate in [0, 1)'),
    "seq_classif_dropout": (-1, "is -1, not a rate in [0, 1)"),
    "pad_token_id": (37, "is 37, not the id of one of vocab_size tokens"),
    "dim": ("absent", "is missing"),
    "hidden_dim": (0, "is 0, not a positive integer"),
    "n_layers": ("3", 'is "3", not a positive integer'),
    "n_heads": (3, "does not divide dim"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_config_that_is_not_supported(name, tmp_path):
    value, sentence = FAULTS[name]
    directory = copy_of("sequence_classification", tmp_path / "odd", **{name: value})
    with pytest.raises(InputError) as caught:
        load_hugging_face(directory)
    assert str(caught.value) == (
        f"{directory}/config.json is not of a DistilBERT that can be read: {name} {sentence}."
    )


@pytest.mark.parametrize("value", [True, -1, 1.0, "0", [0]])
def test_a_padding_id_that_is_none(value, tmp_path):
    directory = copy_of("encoder", tmp_path / "odd", pad_token_id=value)
    with pytest.raises(InputError, match="pad_token_id is .*, not the id of one of vocab_size"):
        load_hugging_face(directory)


@pytest.mark.parametrize("value", [None, 0, 36, "absent"])
def test_the_padding_id_of_the_config_changes_nothing(value, tmp_path):
    """As in HuggingFace's model: the mask says what padding is."""
    encoder = load_hugging_face(copy_of("encoder", tmp_path / "own", pad_token_id=value))
    assert_close(encoder(INPUTS)["sequence_output"][MASK], TINY["encoder_last_hidden_state"][MASK])


def test_a_bert_by_the_name_of_a_distilbert(tmp_path):
    config = json.loads((GOLDEN / "masked_lm" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "distilbert"}))
    shutil.copy(GOLDEN / "masked_lm" / "model.safetensors", tmp_path)
    with pytest.raises(InputError, match="not of a DistilBERT that can be read: n_layers is miss"):
        load_hugging_face(tmp_path)
    directory = copy_of("encoder", tmp_path / "other", model_type="bert")
    with pytest.raises(InputError, match="not of a BERT that can be read: num_hidden_layers is m"):
        load_hugging_face(directory)


def test_all_tensors_that_do_not_fit_are_named_at_once(tmp_path):
    def change(tensors):
        del tensors["pre_classifier.bias"]
        del tensors["distilbert.transformer.layer.1.ffn.lin2.weight"]
        tensors["distilbert.embeddings.token_type_embeddings.weight"] = np.zeros((2, 16), "float32")
        tensors["classifier.weight"] = np.zeros((3, 15), "float32")
        return tensors

    directory = copy_of("sequence_classification", tmp_path / "odd", change)
    with pytest.raises(InputError) as caught:
        load_hugging_face(directory)
    assert str(caught.value) == (
        f"{directory}/model.safetensors does not hold the tensors that are needed; missing: "
        "distilbert.transformer.layer.1.ffn.lin2.weight, pre_classifier.bias; unknown: "
        "distilbert.embeddings.token_type_embeddings.weight; misshapen: classifier.weight is "
        "(3, 15), not (3, 16)."
    )


def test_sizes_that_fit_no_memory_are_those_of_no_tensor(tmp_path):
    directory = copy_of("encoder", tmp_path / "odd", vocab_size=10**12, dim=10**6)
    sentence = r"word_embeddings.weight is \(37, 16\), not \(1000000000000, 1000000\)"
    with pytest.raises(InputError, match=sentence):
        load_hugging_face(directory)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """As it was after each example."""
    return copy_of("sequence_classification", tmp_path_factory.mktemp("spoiled") / "directory")


@settings(max_examples=examples(10, 40))
@given(data=st.data())
def test_any_config_gives_a_model_or_a_sentence(directory, data):
    path = directory / "config.json"
    spoiled = json_bytes(data.draw(spoiled_json(json.loads(path.read_bytes()))))
    with replaced({path: spoiled}):
        found = answers_or_sentence(directory, partial(load_hugging_face, directory, "classifier"))
    if found is not None:
        assert len(found.labels) == found.num_classes == 3


def test_what_huggingface_has_no_model_for(tmp_path):
    encoder = loaded(DISTILBERT / "encoder")
    for options in (
        dict(pooling="mean"),
        dict(pooling="mean", classifier_dim=16),
        dict(pooling="cls"),
        dict(pooling="cls", classifier_dim=15),
    ):
        model = Classifier(encoder, 2, **options)
        with pytest.raises(ValueError, match="of .CLS. with a layer of width 16 before.*Received"):
            save_hugging_face(model, None, tmp_path / "saved")
    silu = DistilBertEncoder(9, 1, 2, 4, 6, activation="silu")
    with pytest.raises(ValueError, match="a DistilBERT whose activation is .*Received: activation"):
        save_hugging_face(silu, None, tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_the_tokenizer_of_a_model_without_segments(tmp_path):
    """HuggingFace's tokenizer must not hand them to a model that takes none."""
    pytest.importorskip("tensorflow_text", reason="the tokenizer needs TensorFlow")
    from tests.runs.small_runs import word_piece

    tokenizer = word_piece()
    encoder = DistilBertEncoder(tokenizer.vocabulary_size, 1, 2, 4, 6)
    save_hugging_face(encoder, tokenizer, tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["pad_token_id"] == tokenizer.padding_id
    settings = json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "DistilBertTokenizer"
    assert settings["model_input_names"] == ["input_ids", "attention_mask"]
    again = load_tokenizer(tmp_path / "saved")
    texts = ["three", "a monday"]
    assert again.encode(texts, texts).token_ids == tokenizer.encode(texts, texts).token_ids
