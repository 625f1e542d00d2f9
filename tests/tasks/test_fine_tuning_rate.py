"""The learning rate of a fine-tuning for which none is given: the encoder's width settles it."""

import json

import keras
import numpy as np
import pytest

from keras_attention.models import BertEncoder, Classifier, MaskedLM
from keras_attention.runs import fine_tuning_rate as rule
from keras_attention.runs.fine_tuning_rate import fine_tuning_rate
from keras_attention.runs.run_directory import read_model
from keras_attention.tasks import ClassifierConfig, EmbeddingConfig
from keras_attention.tasks.save_run import save_run
from keras_attention.tasks.train import asked_config, train
from keras_attention.text import WordPieceTokenizer, read_texts
from tests.cli.command import run_here
from tests.labelled_sentences import LABELS
from tests.made_once import made_once
from tests.tasks.small_classifier import small_classifier, write_data
from tests.tasks.stopped_at import stopped_at

WIDE = 520


def make_sources(folder):
    """Labelled sentences, pairs, and encoders of two widths."""
    write_data(folder)
    lines = read_texts(folder / "train.jsonl", "text")
    tokenizer = WordPieceTokenizer.train(lines, 120, True)
    (folder / "pairs.tsv").write_text("one\tother\n" + "".join(f"{x}\t{x}\n" for x in lines[:24]))
    keras.utils.set_random_seed(1)
    for name, width in (("narrow", 16), ("wide", WIDE)):
        sizes = dict(num_layers=1, num_heads=2, hidden_dim=width, intermediate_dim=8)
        encoder = BertEncoder(tokenizer.vocabulary_size, **sizes, max_sequence_length=32)
        save_run(MaskedLM(encoder), tokenizer, folder / name)
        save_run(Classifier(encoder, 3, labels=LABELS), tokenizer, folder / f"teacher-{name}")


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return made_once(tmp_path_factory, "fine-tuning-rate", make_sources)


@pytest.fixture
def begun(monkeypatch):
    """Trains up to the first update."""
    monkeypatch.setattr("keras_attention.tasks.train.fit", lambda *args, **kwargs: None)
    return train


def config_of(kind, data, **options):
    if kind == "embedding":
        common = dict(train=str(data / "pairs.tsv"), max_sequence_length=32, batch_size=8)
        return EmbeddingConfig.for_preset(epochs=1, jit_compile=False, **common, **options)
    common = dict(epochs=1, learning_rate=None, vocabulary_size=None, snapshot_every=None)
    return small_classifier(data, **{**common, **options})


def peak_of(model):
    """The highest learning rate of the schedule that a model was trained by."""
    return model.optimizer.get_config()["learning_rate"]["config"]["peak"]


def test_the_rule():
    widths = [1, 384, 512, 513, 768, 1024]
    assert [fine_tuning_rate(width) for width in widths] == [1e-4] * 3 + [5e-5] * 3


@pytest.mark.parametrize(
    ("kind", "source", "options", "expected"),
    [
        ("classifier", "narrow", {}, 1e-4),
        ("classifier", "wide", {}, 5e-5),
        ("classifier", "wide", {"lora_rank": 2}, 5e-4),
        ("classifier", "wide", {"freeze_encoder": True}, 5e-5),
        ("embedding", "narrow", {}, 1e-4),
        ("embedding", "wide", {"lora_rank": 2}, 5e-4),
    ],
)
def test_it_is_settled_before_the_first_update(
    kind, source, options, expected, data, begun, tmp_path, capsys
):
    config = config_of(kind, data, initial_weights=str(data / source), **options)
    assert config.learning_rate is None
    user = begun(config, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["learning_rate"] == expected
    assert peak_of(user.model) == expected
    width = WIDE if source == "wide" else 16
    of = "adapters of " if "lora_rank" in options else ""
    said = f"The learning rate is {expected:g}, which suits {of}an encoder of width {width}.\n"
    assert capsys.readouterr().out.count(said) == 1


@pytest.mark.parametrize(("source", "expected"), [("narrow", 1e-4), ("wide", 5e-5)])
def test_a_student_that_begins_with_its_teacher(source, expected, data, begun, tmp_path):
    config = config_of("classifier", data, teacher=str(data / f"teacher-{source}"))
    begun(config, tmp_path / "run", quiet=True)
    assert config_rate(tmp_path / "run") == expected


def config_rate(run):
    return json.loads((run / "config.json").read_text())["learning_rate"]


def test_what_is_given_wins(data, begun, tmp_path, capsys):
    config = config_of("classifier", data, initial_weights=str(data / "narrow"), learning_rate=3e-4)
    user = begun(config, tmp_path / "run")
    assert peak_of(user.model) == 3e-4 == config_rate(tmp_path / "run")
    assert "The learning rate is" not in capsys.readouterr().out


def test_presets_have_their_own():
    for kind in (ClassifierConfig, EmbeddingConfig):
        for preset in ("tiny", "mini", "small", "medium", "base", "large"):
            assert kind.for_preset(preset, train="a.tsv").learning_rate > 0


def test_a_training_that_goes_on_keeps_it(data, tmp_path, monkeypatch, capsys):
    """Even where the rule has changed since; and the weights are those of one without a stop."""
    config = config_of("classifier", data, initial_weights=str(data / "narrow"), snapshot_every=2)
    train(config, tmp_path / "whole", quiet=True)
    with stopped_at(2):
        train(config, tmp_path / "run", quiet=True)
    assert config_rate(tmp_path / "run") == 1e-4
    monkeypatch.setattr(rule, "NARROW_RATE", 1.0)
    again = config_of("classifier", data, initial_weights=str(data / "narrow"), snapshot_every=2)
    train(again, tmp_path / "run", resume=True)  # as the Python API does it
    assert "The learning rate is" not in capsys.readouterr().out
    assert config_rate(tmp_path / "run") == 1e-4
    pairs = zip(
        read_model(tmp_path / "whole").get_weights(),
        read_model(tmp_path / "run").get_weights(),
        strict=True,
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
    more = asked_config(  # as the command line does it
        "classifier", tmp_path / "run", resume=True, epochs=2
    )
    assert more.learning_rate == 1e-4
    monkeypatch.setattr("keras_attention.tasks.train.fit", lambda *args, **kwargs: None)
    user = train(more, tmp_path / "run", resume=True, quiet=True)
    assert peak_of(user.model) == 1e-4
    assert config_rate(tmp_path / "run") == 1e-4


@pytest.mark.parametrize("kind", ["classifier", "embedding"])
def test_the_help_says_the_rule(kind, capfd):
    status, out, _ = run_here(capfd, "train", kind, "--help")
    words = " ".join(out.split())
    assert status == 0
    assert "1e-4 where the encoder is at most 512 wide, else 5e-5; of adapters ten times" in words
