"""`--architecture rnn` on the whole road: train, load, evaluate, export."""

import json

import pytest

from keras_attention import load, save_run
from keras_attention._validation import InputError
from keras_attention.models import RNNTranslator
from keras_attention.tasks.export import export
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from tests.cli.command import run_here
from tests.tasks.small_run import write_corpus
from tests.tasks.small_translator import tokenizer


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def test_from_the_command_line(capfd, corpus, tmp_path):
    run, artifact = tmp_path / "run", tmp_path / "artifact"
    files = [
        option
        for part in ("train", "valid")
        for side, language in (("source", "en"), ("target", "de"))
        for option in (f"--{part}-{side}", corpus / f"{part}.{language}")
    ]
    options = ("--vocabulary-size", 150, "--epochs", 1, "--output", run, "--quiet")
    status, _, err = run_here(
        capfd, "train", "translator", "--architecture", "rnn", *files, *options
    )
    assert status == 0, err
    config = json.loads((run / "config.json").read_text())
    assert (config["architecture"], config["preset"]) == ("rnn", "small")
    translator = load(run)
    assert isinstance(translator.model, RNNTranslator)
    export(run, artifact, formats=("tflite",), with_alignments=True)
    lines = (corpus / "valid.en").read_text().splitlines()
    assert load(artifact).translate(lines) == translator.translate(lines)
    status, out, _ = run_here(
        capfd,
        *("evaluate", "translator", "--model", artifact),
        *("--source", corpus / "valid.en", "--reference", corpus / "valid.de"),
    )
    assert status == 0
    assert json.loads(out)["sentences"] == len(lines)


def test_a_model_without_attention_is_not_exported_with_alignments(tmp_path):
    size = tokenizer().target.vocabulary_size
    model = RNNTranslator.from_preset("small-fixed", vocabulary_size=size, units=8)
    save_run(model, tokenizer(), tmp_path / "run")
    with pytest.raises(ValueError, match="`with_alignments` must be False for a model without"):
        export(tmp_path / "run", tmp_path / "artifact", with_alignments=True)
    assert not (tmp_path / "artifact").exists()


def test_defaults_and_unknown_names():
    assert TranslatorConfig.for_preset().preset == "tiny"
    config = TranslatorConfig.for_preset(architecture="rnn", train_source="a", train_target="b")
    assert (config.preset, config.clip_norm, config.dropout) == ("small", 1.0, 0.3)
    with pytest.raises(InputError, match="Unknown preset 'tiny' of architecture 'rnn'"):
        TranslatorConfig.for_preset("tiny", "rnn")
