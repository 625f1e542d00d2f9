"""DistilBERT from end to end: imported, trained, exported to all formats, written again."""

import json

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention.artifacts.formats import FORMATS
from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.models import Classifier, DistilBertEncoder, MaskedLM, TokenClassifier
from tests.cli.command import run_here
from tests.labelled_sentences import labelled_pairs, labelled_sentences, write_table
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks.small_models import LENGTH, TEXTS, assert_same_answers, config_of

PAIRS = [*TEXTS[1:], TEXTS[0]]
TRAINING = ("--epochs", 1, "--max-length", LENGTH, "--batch-size", 16, "--jit", "no", "--quiet")


def small_encoder():
    return DistilBertEncoder(
        vocabulary_size=word_piece().vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        max_sequence_length=LENGTH,
    )


def published_classifier(encoder):
    return Classifier(encoder, len(LABELS), **encoder.classifier_options(), labels=LABELS)


HEADS = {
    "encoder": lambda encoder: encoder,
    "masked-lm": MaskedLM,
    "classifier": published_classifier,
    "token-classifier": lambda encoder: TokenClassifier(encoder, len(LABELS), labels=LABELS),
}


def published(folder, head):
    """A directory of random weights."""
    keras.utils.set_random_seed(6)
    model = HEADS[head](small_encoder())
    random = np.random.default_rng(7)
    for variable in model.trainable_variables:
        variable.assign(variable + random.normal(0, 0.3, variable.shape))
    save_hugging_face(model, word_piece(), folder / head)
    return folder / head


@pytest.fixture
def succeeds(capfd):
    def check(*arguments):
        status, out, err = run_here(capfd, *arguments)
        assert status == 0, err
        return out

    return check


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("distilbert")


@pytest.fixture(scope="module")
def directories(folder):
    """head -> published directory. Not to be changed."""
    return {head: published(folder, head) for head in HEADS}


@pytest.fixture(scope="module")
def data(folder):
    """Labelled texts and pairs of texts, to train and to validate on."""
    for seed, part in enumerate(("train", "valid")):
        texts, labels = labelled_sentences(48, seed)
        write_table(folder / f"{part}.jsonl", text=texts, label=labels)
        first, second, labels = labelled_pairs(48, seed)
        write_table(folder / f"{part}.pairs.jsonl", text=first, other=second, label=labels)
    return folder


def files_of(data, kind=""):
    return ("--train", data / f"train{kind}.jsonl", "--valid", data / f"valid{kind}.jsonl")


@pytest.mark.parametrize("task", [None, "encoder", "masked-lm", "token-classifier"])
def test_import(task, directories, succeeds, tmp_path):
    directory = directories[task or "classifier"]
    asked = () if task is None else ("--task", task)
    succeeds("import", directory, "--output", tmp_path / "run", "--quiet", *asked)
    config = config_of(tmp_path / "run")
    assert config["kind"] == (task or "classifier")
    user = keras_attention.load(tmp_path / "run")
    expected = load_hugging_face(directory)
    inputs = load_tokenizer(directory).pack(TEXTS)
    found, wanted = user.model(inputs), expected(inputs)
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True):
        np.testing.assert_array_equal(one, other)
    if config["kind"] == "classifier":
        best = np.asarray(wanted).argmax(axis=1)
        assert user.classify(TEXTS) == [LABELS[index] for index in best]
    said = succeeds("inspect", directory).splitlines()
    assert said[0].startswith(f"published directory of a DistilBERT: {config['kind']} (DistilBert")


@pytest.mark.parametrize("head", [pytest.param("classifier", marks=pytest.mark.slow), "encoder"])
def test_every_format_gives_the_same(head, directories, succeeds, tmp_path):
    """Its segments are an input of the artifact of an encoder, which no format may drop."""
    run, artifact = tmp_path / "run", tmp_path / "artifact"
    succeeds("import", directories[head], "--output", run, "--quiet")
    succeeds("export", "--model", run, "--output", artifact, "--quiet")
    user = keras_attention.load(run)
    method = "probabilities" if head == "classifier" else "outputs"
    expected = getattr(user, method)(TEXTS)
    assert np.abs(expected[0][-1] - expected[1][-1]).max() > 1e-3
    for name in FORMATS:
        other = getattr(keras_attention.load(artifact, name), method)(TEXTS)
        assert_same_answers(other, expected, tolerance=1e-5)


def test_a_preset_is_pretrained_and_fine_tuned(data, succeeds, tmp_path):
    pretrained, run = tmp_path / "pretrained", tmp_path / "run"
    options = ("--family", "distilbert", "--vocabulary-size", 200, *TRAINING)
    succeeds("train", "masked-lm", *files_of(data), *options, "--output", pretrained)
    config = config_of(pretrained)
    assert (config["family"], config["preset"]) == ("distilbert", "tiny")
    model = keras_attention.load(pretrained).model
    assert (type(model), type(model.encoder)) == (MaskedLM, DistilBertEncoder)
    assert (model.encoder.num_layers, model.encoder.hidden_dim) == (1, 128)

    begin = ("--initial-weights", pretrained, "--pooling", "mean")
    succeeds("train", "classifier", *files_of(data), *begin, *TRAINING, "--output", run)
    classifier = keras_attention.load(run).model
    assert (type(classifier.encoder), classifier.pooling) == (DistilBertEncoder, "mean")
    assert classifier.classifier_dim is None


@pytest.mark.slow
def test_a_classifier_of_a_preset(data, succeeds, tmp_path):
    options = ("--family", "distilbert", "--preset", "tiny", "--vocabulary-size", 200, *TRAINING)
    succeeds("train", "classifier", *files_of(data), *options, "--output", tmp_path / "run")
    assert config_of(tmp_path / "run")["pooling"] == "cls"
    model = keras_attention.load(tmp_path / "run").model
    assert type(model.encoder) is DistilBertEncoder
    assert (model.classifier_dim, model.classifier_dropout, model.pooled_dropout) == (128, 0.2, 0)


def test_published_weights_are_fine_tuned_and_published_again(
    directories, data, succeeds, tmp_path
):
    """A classifier of pairs, by the head that HuggingFace has: it can be written for it."""
    run, saved = tmp_path / "run", tmp_path / "saved"
    options = ("--initial-weights", directories["masked-lm"], "--pair-column", "other", *TRAINING)
    succeeds("train", "classifier", *files_of(data, ".pairs"), *options, "--output", run)
    user = keras_attention.load(run)
    assert (user.model.pooling, user.model.classifier_dim) == ("cls", 8)
    before = load_hugging_face(directories["masked-lm"], "encoder").get_weights()
    moved = [
        np.abs(a - b).max() for a, b in zip(user.model.encoder.get_weights(), before, strict=True)
    ]
    assert max(moved) > 0
    save_hugging_face(user.model, user.tokenizer, saved)
    config = json.loads((saved / "config.json").read_text())
    assert config["architectures"] == ["DistilBertForSequenceClassification"]
    again = load_hugging_face(saved)
    assert again.labels == user.labels
    inputs = load_tokenizer(saved).pack(TEXTS, PAIRS)
    expected = user.probabilities(TEXTS, PAIRS)
    np.testing.assert_allclose(keras.ops.softmax(again(inputs)), expected, atol=1e-6)


def test_masked_lm_goes_on_with_the_published_head(directories, data, succeeds, tmp_path):
    options = ("--initial-weights", directories["masked-lm"], "--learning-rate", 1e-9, *TRAINING)
    succeeds("train", "masked-lm", *files_of(data), *options, "--output", tmp_path / "run")
    model, expected = (
        keras_attention.load(tmp_path / "run").model,
        load_hugging_face(directories["masked-lm"]),
    )
    for found, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_bad_directories_are_refused_in_one_sentence(directories, capfd, tmp_path):
    for change, sentence in (
        ({"architectures": ["DistilBertForQuestionAnswering"]}, "DistilBertForQuestionAnswering"),
        ({"tie_weights_": False}, "tie_weights_ is false"),
        ({"model_type": "bert"}, "not of a BERT that can be read"),
        ({"dim": 9}, "n_heads does not divide dim"),
    ):
        directory = tmp_path / "odd"
        directory.mkdir(exist_ok=True)
        for path in directories["classifier"].iterdir():
            (directory / path.name).write_bytes(path.read_bytes())
        config = json.loads((directory / "config.json").read_text())
        (directory / "config.json").write_text(json.dumps({**config, **change}))
        status, _, said = run_here(capfd, "import", directory, "--output", tmp_path / "run")
        assert status == 2 and len(said.splitlines()) == 1 and sentence in said
