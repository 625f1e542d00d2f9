"""The gated feed-forward layer, by its formula."""

import numpy as np
import pytest

from keras_attention.layers import GatedFeedForward
from tests.backend import to_numpy


def test_swiglu_by_hand():
    layer = GatedFeedForward(3, output_dim=2, use_bias=True)
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=weight.shape).astype("float32") for weight in layer.weights]
    layer.set_weights(weights)
    kernel, bias, output_kernel, output_bias = weights
    both = x @ kernel + bias
    gate, value = both[..., :3], both[..., 3:]
    expected = (gate / (1 + np.exp(-gate)) * value) @ output_kernel + output_bias
    np.testing.assert_allclose(to_numpy(layer(x)), expected, atol=1e-5)


def test_dropout_is_of_what_enters_the_last_product():
    layer = GatedFeedForward(64, dropout=0.5, seed=1)
    x = np.ones((2, 3, 4), "float32")
    plain = to_numpy(layer(x, training=False))
    np.testing.assert_array_equal(plain, to_numpy(layer(x)))
    assert not np.allclose(plain, to_numpy(layer(x, training=True)))


def test_what_is_refused():
    with pytest.raises(ValueError, match="`intermediate_dim` must be a positive integer"):
        GatedFeedForward(0)
    with pytest.raises(ValueError, match="`dropout` must be a number"):
        GatedFeedForward(3, dropout=1.0)
    layer = GatedFeedForward(3)
    layer(np.zeros((2, 5), "float32"))
    with pytest.raises(ValueError, match="its D must be equal to the D, 5"):
        layer(np.zeros((2, 6), "float32"))
