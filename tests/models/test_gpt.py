"""GPT and Llama: published counts of parameters, how weights begin, options, what is refused."""

import keras
import numpy as np
import pytest

from keras_attention.models import GPT, Llama
from keras_attention.models.gpt_presets import GPT_3_SIZES, PRESETS, gpt_parameters
from keras_attention.models.language_model_families import (
    LANGUAGE_MODEL_FAMILIES,
    language_model_class,
    language_model_presets,
)
from keras_attention.models.llama_presets import llama_parameters
from tests.backend import to_numpy
from tests.models.language_models import MODELS, make

COUNTS = {
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    "gpt3-small": 125_226_240,
    "gpt3-medium": 355_871_744,
    "gpt3-large": 760_300_032,
    "gpt3-xl": 1_315_723_264,
}
LARGER = {"gpt3-2.7b": 2_651_553_280, "gpt3-6.7b": 6_658_404_352, "gpt3-175b": 174_604_259_328}


@pytest.mark.parametrize("preset", COUNTS)
def test_published_counts(preset):
    assert GPT.parameter_count(preset) == COUNTS[preset]


@pytest.mark.parametrize("name", LARGER)
def test_counts_of_the_larger_ones(name):
    num_layers, num_heads, hidden_dim = GPT_3_SIZES[name]
    sizes = dict(vocabulary_size=50257, max_sequence_length=2048)
    assert gpt_parameters(num_layers=num_layers, hidden_dim=hidden_dim, **sizes) == LARGER[name]
    assert hidden_dim % num_heads == 0


@pytest.mark.parametrize("name", MODELS)
def test_counts_are_those_of_models(name):
    model = make(name)
    count = gpt_parameters if isinstance(model, GPT) else llama_parameters
    expected = count(**{k: v for k, v in model.get_config().items() if k != "name"})
    if name == "ALiBi":  # it has no table of positions
        expected -= model.max_sequence_length * model.hidden_dim
    assert model.count_params() == expected


def test_presets():
    names = language_model_presets()
    assert len(names) == len(set(names))
    assert set(names) == {name for cls in LANGUAGE_MODEL_FAMILIES.values() for name in cls.presets}
    assert language_model_class("nano") is GPT and language_model_class("llama-tiny") is Llama
    with pytest.raises(ValueError, match="`preset` must be one of"):
        language_model_class("bert")
    with pytest.raises(ValueError, match="`preset` must be one of"):
        GPT.from_preset("llama-tiny")
    with pytest.raises(ValueError, match="`rate` must be an argument that GPT takes"):
        GPT.from_preset("nano", vocabulary_size=11, rate=1)


def test_nano_is_that_of_nanogpt():
    model = GPT.from_preset("nano", vocabulary_size=65)
    assert (model.num_layers, model.num_heads, model.hidden_dim) == (4, 4, 128)
    assert (model.max_sequence_length, model.dropout) == (64, 0.0)
    # Its own count, 0.80 million, leaves positions out.
    assert model.count_params() - 64 * 128 == 795_904
    assert not any("bias" in weight.path or "beta" in weight.path for weight in model.weights)


def test_how_weights_begin():
    keras.utils.set_random_seed(0)
    model = GPT(500, num_layers=8, num_heads=4, hidden_dim=64, max_sequence_length=100)
    for weight in model.weights:
        value, name = to_numpy(weight.value), weight.path
        if name.endswith("gamma"):
            np.testing.assert_array_equal(value, 1)
        elif name.endswith(("bias", "beta")):
            np.testing.assert_array_equal(value, 0)
        else:
            is_residual = name.endswith(("self_attention/output_kernel", "output/kernel"))
            # Radford et al. 2019: smaller by the square root of the number of residual layers
            expected = 0.02 / 4 if is_residual else 0.02
            np.testing.assert_allclose(value.std(), expected, rtol=0.06, err_msg=name)


def test_layers_alternate_in_either_order():
    def windows(**options):
        return [block.sliding_window for block in make("GPT", **options).blocks]

    both = dict(sliding_window=5)
    assert windows(attention_types=("global", "local"), **both) == [None, 5, None]
    assert windows(attention_types=("local", "global"), **both) == [5, None, 5]
    assert windows(attention_types=["local", "local", "global"], **both) == [5, 5, None]
    model = make("GPT", attention_types=("local", "global"))
    assert model.get_config()["attention_types"] == ["local", "global", "local"]
    assert {PRESETS[name]["attention_types"] for name in PRESETS if "gpt3" in name} == {
        ("global", "local")
    }


@pytest.mark.parametrize(
    "options, said",
    [
        (dict(attention_types=("global", "dense")), "`attention_types` must be"),
        (dict(attention_types=()), "`attention_types` must be"),
        (dict(attention_types="local"), "`attention_types` must be"),
        (dict(attention_types=("local",) * 4), "`attention_types` must be"),
        (dict(sliding_window=0), "`sliding_window` must be a positive integer"),
        (dict(num_heads=5), "`num_heads` must be a divisor"),
        (dict(dropout=1.0), "`dropout` must be a number"),
        (dict(embedding_dropout=-0.1), "`embedding_dropout` must be a number"),
        (dict(attention_scale=0.0), "`attention_scale` must be a number above 0"),
        (dict(num_layers=0), "`num_layers` must be a positive integer"),
    ],
)
def test_what_a_gpt_refuses(options, said):
    with pytest.raises(ValueError, match=said):
        make("GPT", **options)


@pytest.mark.parametrize(
    "options, said",
    [
        (dict(num_key_value_heads=4), "`num_key_value_heads` must be a divisor"),
        (dict(key_dim=None, num_heads=5), "`num_heads` must be a divisor of `hidden_dim`"),
        (dict(rope_scaling={"rope_type": "yarn"}), "`scaling` must be None or a dict"),
        (dict(rope_base=0.0), "`base` must be a number above 0"),
        (dict(key_dim=3), "`key_dim` must be even"),
    ],
)
def test_what_a_llama_refuses(options, said):
    with pytest.raises(ValueError, match=said):
        make("Llama", **options)


def test_another_rate_of_dropout_keeps_the_weights():
    model = make("GPT", attention_dropout=0.3)
    other = model.with_dropout(0.5)
    assert (other.dropout, other.attention_dropout) == (0.5, None)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
