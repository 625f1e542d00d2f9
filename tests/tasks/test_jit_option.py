"""Whether XLA compiles a training is decided once, and kept by all that go on with it."""

import pytest

from keras_attention._validation import InputError
from keras_attention.runs.run_directory import read_config
from keras_attention.tasks import task_of
from keras_attention.tasks import train as module
from keras_attention.tasks.train import asked_config, train
from keras_attention.tasks.translation import training
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from tests.tasks.small_classifier import small_classifier, write_data
from tests.tasks.small_run import small_config, two_layers, write_words


def test_the_choice_is_stored_and_kept(tmp_path, monkeypatch):
    asked, compiled = [], []

    def choose(model, batches, steps, shapes, say):
        asked.append((steps, shapes))
        return True

    def no_xla(jit):
        compiled.append(jit)
        return {}

    monkeypatch.setattr(module, "choose_jit", choose)
    monkeypatch.setattr(training, "jit_options", no_xla)  # it takes its time
    corpus, run = write_words(tmp_path), tmp_path / "run"
    config = small_config(corpus, epochs=1, vocabulary_size=70, batch_tokens=60, jit_compile="auto")
    assert TranslatorConfig().jit_compile == "auto"
    with two_layers():
        # What is decided is decided before the first update.
        with monkeypatch.context() as patch:
            patch.setattr(module, "fit", lambda *arguments, **options: None)
            train(config, run, quiet=True)
        assert asked == [(4, 1 + 2)] and read_config(run)["jit_compile"] is True
        # A training that goes on asks nobody; that `auto` is said again changes nothing.
        more = dict(epochs=2, jit_compile="auto")
        train(asked_config("translator", run, resume=True, **more), run, resume=True, quiet=True)
        assert read_config(run)["jit_compile"] is True
        more = dict(epochs=3, jit_compile=False)
        train(asked_config("translator", run, resume=True, **more), run, resume=True, quiet=True)
    assert read_config(run)["jit_compile"] is False
    assert len(asked) == 1 and compiled == ["auto", True, False]


def test_a_short_training_says_why_not(tmp_path, capsys):
    run = tmp_path / "run"
    options = dict(epochs=1, batch_size=32, jit_compile="auto")
    train(small_classifier(write_data(tmp_path), **options), run)
    out = capsys.readouterr().out
    assert "XLA: no, 5 steps are too few for compiling 2 shapes.\n" in out
    assert read_config(run)["jit_compile"] is False


@pytest.mark.parametrize("kind", ["translator", "classifier", "masked-lm"])
def test_other_values(kind):
    needed = {} if kind == "translator" else {"train": "a.jsonl"}
    with pytest.raises((InputError, ValueError), match="`jit_compile` must be True, False or 'au"):
        task_of(kind).make_config(jit_compile="yes", **needed)
    assert TranslatorConfig().jit_compile == "auto"
