"""A second family is a line in each table: every command trains, exports, loads and imports it."""

import json

import numpy as np
import pytest

from keras_attention import load
from keras_attention.artifacts.formats import FORMATS
from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.checkpoints.families import FAMILIES
from keras_attention.cli.options import spelled
from keras_attention.models.encoder_families import ENCODER_FAMILIES
from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig
from keras_attention.text.tokenizers import ENCODER_TOKENIZERS
from tests.cli.command import run_here
from tests.labelled_sentences import labelled_sentences, write_table
from tests.tasks.other_family import LetterEncoder, Letters, LetterTokenizer

TEXTS = ["a good day", "bad", "a a a a a a a a a a", ""]
TRAINING = ("--epochs", 1, "--max-length", 40, "--batch-size", 16, "--quiet")


@pytest.fixture(scope="module", autouse=True)
def tables():
    """The three lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODER_FAMILIES, "letters", LetterEncoder)
        patch.setitem(FAMILIES, "letters", Letters())
        patch.setitem(
            ENCODER_TOKENIZERS, "LetterTokenizer", "tests.tasks.other_family:LetterTokenizer"
        )
        yield


@pytest.fixture
def succeeds(capfd):
    def check(*arguments):
        status, out, err = run_here(capfd, *arguments)
        assert status == 0, err
        return out

    return check


@pytest.fixture
def fails(capfd):
    def check(*arguments):
        status, _, err = run_here(capfd, *arguments)
        assert status == 2 and len(err.splitlines()) == 1, err
        return err.removeprefix("keras-attention: ").strip()

    return check


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for seed, part in enumerate(("train", "valid")):
        texts, labels = labelled_sentences(48, seed)
        write_table(folder / f"{part}.jsonl", text=texts, label=labels)
    return ("--train", folder / "train.jsonl", "--valid", folder / "valid.jsonl")


@pytest.fixture(scope="module")
def pretrained(data, tmp_path_factory):
    """A masked language model of the preset "tiny", a name that BERT has too."""
    from keras_attention.cli.main import main

    run = tmp_path_factory.mktemp("pretrained") / "run"
    options = ("--family", "letters", "--preset", "tiny", "--single-pieces", *TRAINING)
    assert main([*map(str, ("train", "masked-lm", *data, *options, "--output", run))]) == 0
    return run


def config_of(path, name="config.json"):
    return json.loads((path / name).read_text())


def test_a_preset_of_the_family_is_trained_with_its_tokenizer(pretrained):
    config = config_of(pretrained)
    assert (config["family"], config["preset"], config["dropout"]) == ("letters", "tiny", None)
    user = load(pretrained)
    assert type(user.model.encoder) is LetterEncoder and type(user.tokenizer) is LetterTokenizer
    assert (user.model.encoder.hidden_dim, user.model.encoder.dropout) == (12, 0.2)
    assert [len(row) for row in user.outputs(TEXTS)] == [len(text) + 2 for text in TEXTS]


def test_masked_lm_is_exported_and_evaluated(pretrained, data, succeeds, tmp_path):
    artifact = tmp_path / "artifact"
    succeeds("export", "--model", pretrained, "--output", artifact, "--formats", "onnx", "--quiet")
    assert config_of(artifact, "manifest.json")["family"] == "letters"
    assert "masked-lm, letters tiny" in succeeds("inspect", artifact).splitlines()[0]
    options = ("--data", data[3], "--single-pieces", "--masked-share", 0.3)
    scores = [
        json.loads(succeeds("evaluate", "masked-lm", "--model", path, *options))
        for path in (pretrained, artifact)
    ]
    assert scores[0]["masked_tokens"] > 100
    assert scores[0]["loss"] == pytest.approx(scores[1]["loss"], abs=1e-4)


def test_a_classifier_begins_with_it_and_runs_everywhere(pretrained, data, succeeds, tmp_path):
    run, artifact = tmp_path / "run", tmp_path / "artifact"
    begin = ("--initial-weights", pretrained, "--dropout", 0.3, "--pooling", "mean")
    succeeds("train", "classifier", *data, *begin, *TRAINING, "--output", run)
    classifier = load(run)
    encoder = classifier.model.encoder
    assert (type(encoder), encoder.dropout) == (LetterEncoder, 0.3)
    succeeds("export", "--model", run, "--output", artifact, "--quiet")
    expected = classifier.probabilities(TEXTS)
    assert np.abs(expected[0] - expected[1]).max() > 1e-4
    for name in FORMATS:
        other = load(artifact, name)
        assert type(other.tokenizer) is LetterTokenizer
        np.testing.assert_allclose(other.probabilities(TEXTS), expected, atol=1e-5)


def test_a_preset_that_the_family_has_not(data, fails, tmp_path):
    options = (*data, *TRAINING, "--output", tmp_path / "run", "--family", "letters")
    said = fails("train", "classifier", *options, "--preset", "lesson")
    assert said == "Unknown --preset 'lesson'; expected one of narrow, tiny."


@pytest.mark.slow
def test_a_classifier_of_a_preset(data, succeeds, tmp_path):
    options = (*data, *TRAINING, "--output", tmp_path / "run", "--family", "letters")
    succeeds("train", "classifier", *options, "--pooling", "mean")  # its first preset
    config = config_of(tmp_path / "run")
    assert (config["family"], config["preset"]) == ("letters", "narrow")
    assert type(load(tmp_path / "run").tokenizer) is LetterTokenizer


def test_a_checkpoint_is_written_read_and_imported(pretrained, succeeds, tmp_path):
    user, published, run = load(pretrained), tmp_path / "published", tmp_path / "run"
    save_hugging_face(user.model, user.tokenizer, published)
    assert config_of(published)["model_type"] == "letters"
    assert type(load_tokenizer(published)) is LetterTokenizer
    assert type(load_hugging_face(published, "encoder")) is LetterEncoder
    said = succeeds("inspect", published).splitlines()
    assert said[0] == "published directory of a Letters: masked-lm (LettersForMaskedLM)"
    assert said[1].endswith("parameters, width 12") and said[2] == "tokenizer: letters"
    succeeds("import", published, "--output", run)
    imported = load(run)
    assert type(imported.tokenizer) is LetterTokenizer
    for one, other in zip(imported.outputs(TEXTS), user.outputs(TEXTS), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    said = "`attention_dropout` must be an argument that LetterEncoder takes: vocabulary_size, "
    with pytest.raises(ValueError, match=said):
        load_hugging_face(published, attention_dropout=0.1)


def test_the_family_of_a_config():
    make = MaskedLMConfig.for_preset
    assert (make(train="a").family, make(train="a").preset) == ("bert", "tiny")
    letters = make(family="letters", train="a")
    assert (letters.family, letters.preset) == ("letters", "narrow")
    assert make(initial_weights="run", train="a").family is None
    with pytest.raises(ValueError, match="`family` is for random weights"):
        make(initial_weights="run", family="bert", train="a")
    said = r"`family` must be one of \('bert', 'distilbert', 'bigbird', 'letters'\)"
    with pytest.raises(ValueError, match=said):
        make(family="elmo", train="a")
    old = {k: v for k, v in make(train="a").to_dict().items() if k != "family"}
    assert MaskedLMConfig.from_dict(old) == make(train="a")  # a run from before there were others


def test_a_tokenizer_that_is_in_no_table(pretrained, tmp_path):
    from keras_attention import save_run

    model = load(pretrained).model
    said = (
        "`tokenizer` must be a WordPieceTokenizer, .* or a LetterTokenizer. Received: tokenizer='o"
    )
    with pytest.raises(ValueError, match=said):
        save_run(model, object(), tmp_path / "run")


def test_what_was_received_goes_by_the_name_of_the_flag(fails, tmp_path):
    options = ("--family", "letters", "--max-length", 2, "--train", "a", "--output", tmp_path)
    said = fails("train", "masked-lm", *options)
    assert said.startswith("--max-length must be 3 or more") and said.endswith("max_length=2")
    assert spelled("`a` must be b. Received: a='x, y=1'").endswith("Received: a='x, y=1'")
