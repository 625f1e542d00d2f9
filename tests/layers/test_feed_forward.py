import numpy as np
import pytest

from keras_attention.layers import FeedForward
from tests.backend import to_numpy

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")


def test_equation_2_of_the_paper():
    layer = FeedForward(6, output_dim=5, bias_initializer="random_normal")
    found = to_numpy(layer(X))
    w1, b1, w2, b2 = layer.get_weights()
    np.testing.assert_allclose(found, np.maximum(X @ w1 + b1, 0) @ w2 + b2, atol=1e-5)


def test_dropout_only_while_training():
    layer = FeedForward(64, dropout=0.5, seed=1)
    calm = to_numpy(layer(X))
    np.testing.assert_array_equal(to_numpy(layer(X, training=False)), calm)
    assert np.abs(to_numpy(layer(X, training=True)) - calm).max() > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(intermediate_dim=0), "`intermediate_dim` must be a positive integer"),
        (dict(intermediate_dim=4, output_dim=2.0), "`output_dim` must be a positive integer"),
        (dict(intermediate_dim=4, dropout=-0.1), "`dropout` must be"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeedForward(**arguments)
