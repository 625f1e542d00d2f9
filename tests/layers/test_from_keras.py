"""Weights between stock layers and ours: the same answers on either side."""

import keras
import numpy as np
import pytest

from keras_attention.layers import AdditiveAttention, MultiHeadAttention, from_keras, to_keras
from tests.backend import to_numpy

B, T, S, D = 2, 5, 7, 8
RNG = np.random.default_rng(8)
X, LONG = RNG.normal(size=(B, T, D)), RNG.normal(size=(B, S, D))
OPTIONS = dict(value_dim=3, output_shape=9, sliding_window=3, kernel_regularizer="l2", dropout=0.1)
INPUTS = {
    "self": (X, X),
    "cross": (X, LONG),
    "another width": (X, LONG[..., :6]),
    "a key": (X, LONG[..., :6], LONG[..., :4]),
}


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, OPTIONS], ids=["", "no bias", "all"])
@pytest.mark.parametrize("case", INPUTS)
def test_there_and_back(case, options):
    keras.utils.set_random_seed(1)
    inputs = [x.astype("float32") for x in INPUTS[case]]
    stock = keras.layers.MultiHeadAttention(2, 4, bias_initializer="normal", **options)
    mask = np.ones((1, T, inputs[1].shape[1]), bool)
    mask[..., 1] = False
    call = dict(attention_mask=mask, return_attention_scores=True)
    expected = to_numpy(stock(*inputs, **call))
    ours = from_keras(stock)
    assert (ours.name, ours.dropout, ours.sliding_window) == (
        stock.name,
        options.get("dropout", 0.0),
        options.get("sliding_window"),
    )
    assert ours.count_params() == stock.count_params()
    again = to_keras(ours)
    for layer in (ours, again):
        for one, other in zip(to_numpy(layer(*inputs, **call)), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    for one, other in zip(again.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(
        float(sum(ours.losses, 0.0)), float(sum(stock.losses, 0.0)), rtol=1e-5
    )


def test_what_has_no_counterpart_is_refused():
    class Other(MultiHeadAttention):
        pass

    gated = keras.layers.MultiHeadAttention(2, 4, use_gate=True)
    gated(X, X)
    wide = keras.layers.MultiHeadAttention(2, 4, output_shape=(3, 4))
    wide(X, X)
    other = Other(2, 4)
    other(X)
    unbuilt = keras.layers.MultiHeadAttention(2, 4)
    for layer in (gated, wide, unbuilt, keras.layers.Attention()):
        with pytest.raises(ValueError, match="`layer` must be"):
            from_keras(layer)
    for layer in (other, MultiHeadAttention(2, 4), AdditiveAttention(4)):
        with pytest.raises(ValueError, match="`layer` must be"):
            to_keras(layer)
