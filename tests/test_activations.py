import math

import keras
import numpy as np
import pytest

from keras_attention import activations
from tests.backend import to_numpy

# x, exact form, form by tanh
VALUES = [
    (1.0, 0.8413447, 0.8411920),
    (-1.0, -0.1586553, -0.1588080),
    (2.0, 1.9544997, 1.9545977),
    (3.0, 2.9959503, 2.9963626),
    (0.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("x", "exact", "by_tanh"), VALUES)
def test_published_values(x, exact, by_tanh):
    x = np.array([x], "float32")
    np.testing.assert_allclose(to_numpy(activations.exact_gelu(x)), exact, atol=2e-7)
    np.testing.assert_allclose(to_numpy(activations.tanh_gelu(x)), by_tanh, atol=2e-7)


def test_definition_and_largest_difference():
    x = np.linspace(-6, 6, 4001, dtype="float32")
    exact, by_tanh = to_numpy(activations.exact_gelu(x)), to_numpy(activations.tanh_gelu(x))
    expected = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x.tolist()]
    np.testing.assert_allclose(exact, expected, atol=1e-6)
    difference = np.abs(exact - by_tanh)
    assert abs(difference.max() - 4.73e-4) < 1e-6
    assert abs(abs(x[difference.argmax()]) - 2.70) < 0.01


def test_half_precision_stays():
    for dtype in ("float16", "bfloat16"):
        for function in activations.GELUS.values():
            found = function(keras.ops.ones((3,), dtype=dtype))
            assert keras.backend.standardize_dtype(found.dtype) == dtype


def test_names():
    assert activations.get("gelu") is activations.exact_gelu
    assert activations.get("gelu_new") is activations.tanh_gelu
    assert activations.get("relu") is keras.activations.relu
    assert activations.get(None) is keras.activations.linear
    for name in ("gelu", "gelu_new", "relu", "tanh"):
        assert activations.serialize(activations.get(name)) == name
    with pytest.raises(ValueError, match="gelu_old"):
        activations.get("gelu_old")


def test_a_stock_layer_that_has_one_comes_back_from_its_config():
    for function in activations.GELUS.values():
        layer = keras.layers.Dense(2, activation=function)
        config = keras.saving.serialize_keras_object(layer)
        assert keras.saving.deserialize_keras_object(config).activation is function
