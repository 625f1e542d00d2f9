import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.tasks import ClassifierConfig, MaskedLMConfig, TranslatorConfig

FILES = dict(train_source="train.en", train_target="train.de")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(preset="huge"), "Unknown preset 'huge' of architecture 'transformer'; expected one"),
        (dict(preset="tiny", architecture="rnm"), "Unknown architecture 'rnm'; expected one of"),
    ],
)
def test_unknown_names(options, message):
    with pytest.raises(InputError, match=message):
        TranslatorConfig.for_preset(**options)


@pytest.mark.parametrize(
    "name",
    [
        *("epochs", "vocabulary_size", "batch_tokens", "max_sequence_length", "max_buckets"),
        *("corpus_size", "warmup_steps", "average_checkpoints", "snapshot_every"),
    ],
)
@pytest.mark.parametrize("value", [0, -1, 1.5, "2"])
def test_what_must_be_a_positive_integer(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer. Received: {name}="):
        TranslatorConfig.for_preset("tiny", **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("learning_rate", 0), ("clip_norm", -1), ("dropout", 1.0), ("label_smoothing", -0.1)],
)
def test_numbers_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a number .*Received: {name}={value}"):
        TranslatorConfig.for_preset("tiny", **{name: value})


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (TranslatorConfig, "a translator"),
        (ClassifierConfig, "a classifier"),
        (MaskedLMConfig, "a masked-lm"),
    ],
)
@pytest.mark.parametrize("value", [None, False, 3])
def test_unknown_options_are_refused_whatever_their_values(config, kind, value):
    said = f"Unknown option 'valid_sourse' of the training of {kind}; expected some of "
    with pytest.raises(InputError, match=said):
        config.for_preset(valid_sourse=value)


@pytest.mark.parametrize(
    "option",
    [dict(vocabulary_size=9), dict(vocabulary_type="unigram"), dict(normalization="identity")],
)
def test_options_of_a_vocabulary_beside_initial_weights(option):
    (name,) = option
    with pytest.raises(InputError, match=f"`{name}` is for random weights: with `initial"):
        TranslatorConfig.for_preset(**FILES, initial_weights="run", **option)
    assert getattr(TranslatorConfig.for_preset(**FILES, **option), name) == option[name]


def test_unknown_schedule():
    with pytest.raises(ValueError, match="`schedule` must be one of"):
        TranslatorConfig.for_preset("tiny", schedule="cosine")


def test_none_leaves_the_presets_own_value():
    given = TranslatorConfig.for_preset("tiny", epochs=None, dropout=None, **FILES)
    assert given == TranslatorConfig.for_preset("tiny", **FILES)


def test_the_built_in_corpus_has_its_own_values():
    built_in, files = (
        TranslatorConfig.for_preset("tiny"),
        TranslatorConfig.for_preset("tiny", **FILES),
    )
    assert (built_in.vocabulary_size, built_in.normalization) == (500, "identity")
    assert (files.vocabulary_size, files.normalization) == (8000, "nmt_nfkc")
    assert TranslatorConfig.for_preset("tiny", vocabulary_size=700).vocabulary_size == 700


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.integers(1, 99),
            "seed": st.integers(0, 2**31),
            "dropout": st.floats(0, 0.9),
            "schedule": st.sampled_from(["linear", "noam"]),
            "train_source": st.none() | st.text(),
            "snapshot_every": st.none() | st.integers(1, 1000),
        },
    )
)
def test_a_config_survives_json(options):
    config = TranslatorConfig.for_preset("base", **options)
    assert TranslatorConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_config_of_another_kind():
    with pytest.raises(InputError, match="This run is of another kind: 'classifier'"):
        TranslatorConfig.from_dict({"kind": "classifier"})
    with pytest.raises(InputError, match="another kind: None"):
        TranslatorConfig.from_dict({})
