"""A family of translators is a line in one table: training, its options and its help read it."""

import json
import subprocess
import sys

import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.models.rnn_presets import PRESETS as RNN_PRESETS
from keras_attention.models.transformer_presets import PRESETS as TRANSFORMER_PRESETS
from keras_attention.tasks import TranslatorConfig
from keras_attention.tasks.translation import translator_families
from keras_attention.tasks.translation.training import make_model
from keras_attention.tasks.translation.translator_families import (
    TRANSLATOR_FAMILIES,
    TranslatorFamily,
)
from tests.cli.command import run_here
from tests.tasks.own_translators import OwnTranslator
from tests.tasks.small_run import write_corpus


class PresetTranslator(OwnTranslator):
    """A family of its own."""

    @classmethod
    def from_preset(cls, preset, units=8, dropout=0.0, **options):
        assert preset in ("narrow", "wide") and dropout == 0.25
        return cls(units=units, **options)


SIDES = {"en": "source", "de": "target"}
FAMILY = TranslatorFamily(
    f"{__name__}:PresetTranslator",
    presets={"narrow": dict(dropout=0.25), "wide": dict(epochs=7, dropout=0.25)},
    built_in_corpus=dict(epochs=1, vocabulary_size=300),
)


@pytest.fixture
def line(monkeypatch):
    monkeypatch.setitem(TRANSLATOR_FAMILIES, "own", FAMILY)


def test_each_family_has_the_presets_of_its_class():
    found = {name: set(family.presets) for name, family in TRANSLATOR_FAMILIES.items()}
    assert found == {"transformer": set(TRANSFORMER_PRESETS), "rnn": set(RNN_PRESETS)}


def test_a_new_family_has_its_options(line):
    config = TranslatorConfig.for_preset(architecture="own", train_source="a", train_target="b")
    assert (config.preset, config.epochs, config.dropout) == ("narrow", 15, 0.25)
    config = TranslatorConfig.for_preset("wide", "own")
    assert (config.preset, config.epochs, config.vocabulary_size) == ("wide", 1, 300)
    with pytest.raises(InputError, match="Unknown preset 'tiny' of architecture 'own'; expected"):
        TranslatorConfig.for_preset("tiny", "own")


def test_an_architecture_that_no_family_has_is_an_error():
    values = TranslatorConfig.for_preset("tiny").to_dict()
    config = TranslatorConfig.from_dict({**values, "architecture": "cnn"})
    said = "Unknown architecture 'cnn'; expected one of transformer, rnn."
    with pytest.raises(InputError, match=said):
        make_model(config, 100)


def test_a_new_family_is_trained(line, tmp_path, capfd):
    files = [
        option
        for part, language in (("train", "en"), ("train", "de"), ("valid", "en"), ("valid", "de"))
        for option in (f"--{part}-{SIDES[language]}", tmp_path / f"{part}.{language}")
    ]
    write_corpus(tmp_path)
    run = tmp_path / "run"
    options = ("--architecture", "own", "--preset", "wide", "--epochs", 1, "--vocabulary-size", 150)
    command = ("train", "translator", *files, *options, "--output", run, "--jit", "no")
    status, _, err = run_here(capfd, *command)
    assert status == 0, err
    config = json.loads((run / "config.json").read_text())
    assert (config["architecture"], config["preset"]) == ("own", "wide")
    custom = {"PresetTranslator": PresetTranslator}
    assert keras_attention.load(run, custom_objects=custom).model.units == 8


def test_the_table_and_the_config_are_imported_without_keras():
    code = (
        "import sys, keras_attention.tasks.translation.translator_config\n"
        "import keras_attention.tasks.translation.options\n"
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert translator_families.default_architecture() == "transformer"
