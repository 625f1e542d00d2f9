import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attention.models import BertEncoder, MaskedLM
from keras_attention.models.bert_presets import PRESETS
from tests.backend import to_numpy
from tests.models.bert_models import (
    INPUTS,
    LAYERS,
    MASK,
    SMALL,
    D,
    H,
    T,
    V,
    make_encoder,
    row_alone,
    with_other_padding,
)


def formula(v, layers, d, f, positions=512, segments=2):
    """The parameters of BERT, pooler included."""
    embeddings = (v + positions + segments) * d + 2 * d
    block = 4 * (d * d + d) + 2 * d * f + f + d + 4 * d
    return embeddings + layers * block + d * d + d


def count_of(preset, vocabulary):
    sizes = PRESETS[preset]
    return formula(vocabulary, sizes["num_layers"], sizes["hidden_dim"], sizes["intermediate_dim"])


def test_published_parameters():
    assert count_of("tiny", 30522) == 4_385_920
    assert count_of("base", 30522) == 109_482_240
    assert count_of("base", 28996) == 108_310_272
    assert count_of("large", 30522) == 335_141_888


@pytest.mark.parametrize(
    ("preset", "vocabulary"),
    [
        ("tiny", 30522),
        ("mini", 30522),
        # The larger ones take seconds to make. A layer of `base` is counted below.
        pytest.param("small", 30522, marks=pytest.mark.slow),
        pytest.param("medium", 30522, marks=pytest.mark.slow),
        pytest.param("base", 30522, marks=pytest.mark.slow),
        pytest.param("base", 28996, marks=pytest.mark.slow),
        pytest.param("large", 30522, marks=pytest.mark.slow),
    ],
)
def test_parameters_by_formula(preset, vocabulary):
    model = BertEncoder.from_preset(preset, vocabulary_size=vocabulary)
    assert model.count_params() == count_of(preset, vocabulary)


def test_the_sizes_of_the_presets():
    sizes = {
        name: (s["num_layers"], s["hidden_dim"], s["num_heads"]) for name, s in PRESETS.items()
    }
    assert sizes == {
        "tiny": (2, 128, 2),
        "mini": (4, 256, 4),
        "small": (4, 512, 8),
        "medium": (8, 512, 8),
        "base": (12, 768, 12),
        "large": (24, 1024, 16),
    }
    assert all(s["intermediate_dim"] == 4 * s["hidden_dim"] for s in PRESETS.values())


@pytest.mark.parametrize("num_layers", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_parameters_of_the_pretraining_heads(num_layers):
    """All layers of the preset are alike: one of them stands for the others."""
    options = dict(vocabulary_size=30522, next_sentence=True, num_layers=num_layers)
    model = MaskedLM.from_preset("base", **options)
    head = model.masked_lm.count_params() - model.encoder.embedding.count_params()
    assert head == 622_650
    assert model.next_sentence_classifier.count_params() == 1_538
    others = (12 - num_layers) * model.encoder.blocks[0].count_params()
    assert model.encoder.count_params() + others == count_of("base", 30522)
    assert model.count_params() + others == 110_106_428


def test_the_order_of_the_weights():
    """Lists of weights, and the fingerprint of what a run began with, go by it."""
    names = list(dict.fromkeys(w.path.split("/")[0] for w in make_encoder().weights))
    assert names[:4] == ["embedding", "segment_embedding", "embedding_normalization", "block_0"]


def test_it_begins_with_the_published_deviation():
    model = make_encoder(vocabulary_size=4000, num_layers=1)
    table = to_numpy(model.embedding.token_embeddings.value)
    assert abs(table.std() - 0.02 * 0.88) < 1e-3  # of a normal cut at two deviations
    assert np.abs(table).max() <= 0.04


@pytest.mark.parametrize(
    "activation", ["gelu", *(pytest.param(x, marks=pytest.mark.slow) for x in ("gelu_new", "relu"))]
)
def test_padding_changes_nothing(activation):
    model = make_encoder(activation=activation)
    expected = to_numpy(model(INPUTS))
    found = to_numpy(model(with_other_padding(INPUTS)))
    np.testing.assert_allclose(
        found["sequence_output"][:, :T][MASK], expected["sequence_output"][MASK], atol=1e-5
    )
    np.testing.assert_allclose(found["pooled_output"], expected["pooled_output"], atol=1e-5)
    for row in range(len(MASK)):
        alone = to_numpy(model(row_alone(INPUTS, row)))
        expected_row = expected["sequence_output"][row][MASK[row]]
        np.testing.assert_allclose(alone["sequence_output"][0], expected_row, atol=1e-5)


def test_every_input_has_a_say():
    model = make_encoder()
    expected = to_numpy(model(INPUTS)["pooled_output"])
    for name in ("token_ids", "segment_ids"):
        other = {**INPUTS, name: INPUTS[name].copy()}
        other[name][:, 1] = (other[name][:, 1] + 1) % 3
        assert np.abs(to_numpy(model(other)["pooled_output"]) - expected).max() > 1e-5


def test_embeddings_by_their_formula():
    model = make_encoder()
    x = (
        to_numpy(model.embedding.token_embeddings.value)[INPUTS["token_ids"]]
        + to_numpy(model.segment_embedding.embeddings.value)[INPUTS["segment_ids"]]
        + to_numpy(model.embedding.position_layer.position_embeddings.value)[:T]
    )
    centred = x - x.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    found, mask = to_numpy(model.embed(INPUTS))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(mask, MASK)


def test_the_pooler_reads_the_first_token():
    model = make_encoder()
    outputs = to_numpy(model(INPUTS))
    kernel, bias = model.pooler.get_weights()
    expected = np.tanh(outputs["sequence_output"][:, 0] @ kernel + bias)
    np.testing.assert_allclose(outputs["pooled_output"], expected, atol=1e-6)


def test_without_a_pooler():
    model = make_encoder(has_pooler=False)
    assert list(model(INPUTS)) == ["sequence_output"]
    assert model.count_params() == make_encoder().count_params() - D * D - D


def test_attention_scores_are_those_of_every_layer():
    scores = to_numpy(make_encoder().attention_scores(INPUTS))
    assert [layer.shape for layer in scores] == [(len(MASK), H, T, T)] * LAYERS
    for layer in scores:
        np.testing.assert_allclose(layer.sum(-1), 1, atol=1e-5)
        hidden = np.broadcast_to(~MASK[:, None, None], layer.shape)
        assert not layer[hidden].any()


LOADS = """
import sys
import keras
import keras_attention
import numpy as np
model = keras.saving.load_model(sys.argv[1])
inputs = np.load(sys.argv[2])
outputs = model({name: inputs[name] for name in inputs.files})
np.savez(sys.argv[3], **{name: np.asarray(value) for name, value in outputs.items()})
assert type(model).__name__ == "BertEncoder", type(model)
"""


def test_a_fresh_process_loads_it_with_nothing_but_the_package(tmp_path):
    model = make_encoder(activation="gelu_new", attention_dropout=0.0)
    expected = to_numpy(model(INPUTS))
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "in.npz", **INPUTS)
    paths = [str(tmp_path / name) for name in ("model.keras", "in.npz", "out.npz")]
    subprocess.run([sys.executable, "-c", LOADS, *paths], check=True, capture_output=True)
    found = np.load(paths[2])
    assert sorted(found.files) == ["pooled_output", "sequence_output"]
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-6)


def test_the_config_holds_every_argument():
    options = dict(activation="gelu_new", attention_dropout=0.3, layer_norm_epsilon=1e-3)
    model = make_encoder(**options, has_pooler=False, trainable=False)
    config = model.get_config()
    assert {**SMALL, **options, "has_pooler": False, "trainable": False}.items() <= config.items()
    again = BertEncoder.from_config(config)
    assert again.get_config() == config
    assert again.trainable_weights == []


@keras.saving.register_keras_serializable(package="tests")
class Halved(BertEncoder):
    """A subclass with an output of its own."""

    def pool(self, sequence):
        return super().pool(sequence) * 0.5


def test_a_subclass_may_override_a_part(tmp_path):
    model = make_encoder(Halved)
    expected = to_numpy(make_encoder()(INPUTS)["pooled_output"]) * 0.5
    np.testing.assert_allclose(to_numpy(model(INPUTS)["pooled_output"]), expected, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is Halved
    np.testing.assert_allclose(to_numpy(loaded(INPUTS)["pooled_output"]), expected, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(policy):
    outputs = make_encoder(dtype=policy)(INPUTS)
    expected = to_numpy(make_encoder()(INPUTS))
    for name, value in to_numpy(outputs).items():
        assert keras.backend.standardize_dtype(outputs[name].dtype) == policy[6:]
        np.testing.assert_allclose(value, expected[name], atol=5e-2)


@pytest.mark.parametrize("name", ["vocabulary_size", "num_layers", "num_segments"])
def test_what_is_out_of_range_is_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        BertEncoder(**{**SMALL, name: 0})


def test_more_faults_are_refused():
    with pytest.raises(ValueError, match="`dropout` must be a number in"):
        BertEncoder(**{**SMALL, "dropout": 1.0})
    with pytest.raises(ValueError, match="`num_heads` must be a divisor of the input's width"):
        BertEncoder(**{**SMALL, "num_heads": 3})
    with pytest.raises(ValueError, match="`preset` must be one of.*Received: preset='huge'"):
        BertEncoder.from_preset("huge", vocabulary_size=V)
