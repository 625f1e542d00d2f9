"""One vector for each text: poolings, dense layers, unit length."""

import functools

import keras
import numpy as np
import pytest

from keras_attention import masks
from keras_attention.graph.unit_length import unit_length
from keras_attention.models import LessonEncoder, SentenceEncoder
from tests.backend import BACKEND, to_numpy
from tests.models.bert_models import (
    INPUTS,
    LENGTHS,
    MASK,
    SMALL,
    B,
    D,
    make_encoder,
    row_alone,
    with_other_padding,
)

DENSE = [{"units": 7, "activation": "tanh"}, {"units": 5, "use_bias": False}]
# name -> arguments beside the encoder
MODELS = {
    "mean": dict(pooling="mean"),
    "cls": dict(pooling="cls", normalize=False),
    "max": dict(pooling="max", normalize=False),
    "dense": dict(pooling="max", dense=DENSE),
}


def make(name, **options):
    return SentenceEncoder(make_encoder(**options), **MODELS[name])


@functools.cache
def made(name):
    """The same, made once: for tests that leave its weights as they are."""
    return make(name)


def pooled(pooling, sequence):
    """The pooling of (B, T, D) in NumPy, a row at a time without its padding."""
    rows = [row[:length] for row, length in zip(sequence, LENGTHS, strict=True)]
    each = {"mean": lambda r: r.mean(0), "cls": lambda r: r[0], "max": lambda r: r.max(0)}
    return np.stack([each[pooling](row) for row in rows])


@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_numpy_computes(name):
    model = made(name)
    sequence = to_numpy(model.encoder(INPUTS))["sequence_output"]
    expected = pooled(MODELS[name]["pooling"], sequence)
    if name == "dense":
        (kernel, bias), (second,) = (layer.get_weights() for layer in model.dense_layers)
        expected = np.tanh(expected @ kernel + bias) @ second
    if model.normalize:
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert model.dimension == expected.shape[1] == model.output_shape[1]
    np.testing.assert_allclose(to_numpy(model(INPUTS)), expected, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_padding_changes_nothing(name):
    model = made(name)
    expected = to_numpy(model(INPUTS))
    found = to_numpy(model(with_other_padding(INPUTS)))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for row in range(B):
        alone = to_numpy(model(row_alone(INPUTS, row)))
        np.testing.assert_allclose(alone[0], expected[row], atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_without_tokens(name):
    model = made(name)
    inputs = {**INPUTS, "padding_mask": INPUTS["padding_mask"].copy()}
    inputs["padding_mask"][1] = 0
    found = to_numpy(model(inputs))
    assert np.isfinite(found).all()
    if not model.dense:
        np.testing.assert_array_equal(found[1], 0)
    kept = [0, 2]
    np.testing.assert_allclose(found[kept], to_numpy(model(INPUTS))[kept], atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_a_keras_file_holds_it_all(name, tmp_path):
    model = make(name, activation="gelu_new")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is SentenceEncoder
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(to_numpy(loaded(INPUTS)), to_numpy(model(INPUTS)), atol=1e-6)


def test_its_config_has_all_defaults():
    model = SentenceEncoder(make_encoder(), dense=[{"units": 3, "activation": "gelu"}])
    assert model.dense == [{"units": 3, "activation": "gelu", "use_bias": True}]
    assert model.max_sequence_length == SMALL["max_sequence_length"]
    assert SentenceEncoder(make_encoder(), max_sequence_length=9).max_sequence_length == 9
    assert model.output_names == ["sentence_embedding"]


def test_a_pooler_is_no_part_of_it():
    model = made("cls")
    assert not any(weight is model.encoder.pooler.kernel for weight in model.weights)
    assert model.count_params() == model.encoder.count_params() - D * D - D


def test_every_weight_has_a_gradient():
    """Those of a row without tokens are finite too."""
    if BACKEND != "tensorflow":
        pytest.skip("the tape is TensorFlow's")
    import tensorflow as tf

    model = make("dense", dropout=0.0)
    inputs = {**INPUTS, "padding_mask": INPUTS["padding_mask"].copy()}
    inputs["padding_mask"][1] = 0
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(inputs)[:, 0])
    for weight, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        values = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(values).all() and values.any(), weight.path


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(dtype):
    model = SentenceEncoder(make_encoder(dtype=dtype))
    exact = SentenceEncoder(make_encoder())
    exact.set_weights(model.get_weights())
    found = to_numpy(keras.ops.cast(model(INPUTS), "float32"))
    np.testing.assert_allclose(found, to_numpy(exact(INPUTS)), atol=0.05)


def test_another_encoder():
    encoder = LessonEncoder(11, max_sequence_length=8, hidden_dim=6, intermediate_dim=7)
    ids = np.array([[3, 4, 0]])
    inputs = {"token_ids": ids, "segment_ids": ids * 0, "padding_mask": (ids != 0).astype("int32")}
    found = to_numpy(SentenceEncoder(encoder)(inputs))
    assert found.shape == (1, encoder.hidden_dim)
    np.testing.assert_allclose(np.linalg.norm(found), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(pooling="sum"), "`pooling` must be one of .*'mean', 'cls', 'max'.* pooling='sum'"),
        (dict(normalize=1), "`normalize` must be True or False. Received: normalize=1"),
        (dict(dense=3), "`dense` must be a list of dicts. Received: dense=3"),
        (dict(dense=[{"activation": "tanh"}]), "`dense` must be .* of units"),
        (dict(dense=[{"units": 3, "width": 3}]), "`dense` must be .* Received: .*width"),
        (dict(dense=[{"units": 0}]), "`units` must be a positive integer. Received: units=0"),
        (dict(max_sequence_length=21), "`max_sequence_length` must be at most 20"),
    ],
)
def test_what_it_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        SentenceEncoder(make_encoder(), **options)
    with pytest.raises(ValueError, match="`encoder` must be an `Encoder`"):
        SentenceEncoder(SentenceEncoder(make_encoder()))


def test_pooling_functions():
    x = np.array([[[1.0, -5.0], [3.0, -2.0], [8.0, 9.0]]], "float32")
    mask = np.array([[True, True, False]])
    np.testing.assert_array_equal(to_numpy(masks.masked_max(x, mask)), [[3, -2]])
    np.testing.assert_array_equal(to_numpy(masks.first_token(x, mask)), [[1, -5]])
    none = np.zeros_like(mask)
    for function in (masks.masked_max, masks.first_token, masks.masked_mean):
        np.testing.assert_array_equal(to_numpy(function(x, none)), [[0, 0]])
    # Numbers whose squares neither overflow nor vanish where they need not.
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [3e-10, 4e-10]], "float32")
    expected = [[0.6, 0.8], [0, 0], [0.6, 0.8]]
    np.testing.assert_allclose(to_numpy(unit_length(vectors)), expected, atol=1e-6)


def test_masks_are_used():
    assert not MASK.all()  # else none of the above would show


def test_on_another_encoder_it_reads_as_much_as_that_one():
    """As where `import --family bigbird` makes the encoder longer."""
    model = SentenceEncoder(make_encoder(), max_sequence_length=3)
    same = model.with_encoder(make_encoder())
    assert same.max_sequence_length == 3
    longer = model.with_encoder(make_encoder(max_sequence_length=50))
    assert longer.max_sequence_length == 50
