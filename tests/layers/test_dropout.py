import keras
import numpy as np
import pytest

from keras_attention.layers import Dropout
from keras_attention.layers.dropout import drop_threshold
from tests.backend import BACKEND, to_numpy

ONES = np.ones((40, 50, 101), "float32")


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_the_rate_and_the_expectation(rate):
    found = to_numpy(Dropout(rate, seed=3)(ONES, training=True))
    rounded = round(rate * 256) / 256
    values = np.unique(found)
    np.testing.assert_allclose(values, [0, 1 / (1 - rounded)], rtol=1e-6)
    # Within four standard deviations of so many draws.
    assert abs((found == 0).mean() - rounded) < 4 * np.sqrt(rounded * (1 - rounded) / ONES.size)
    assert abs(found.mean() - 1) < 4 * np.sqrt(rounded / (1 - rounded) / ONES.size)


def test_elements_are_independent_of_their_neighbours_and_of_the_next_draw():
    layer = Dropout(0.5, seed=3)
    first, second = (to_numpy(layer(ONES, training=True)).ravel() > 0 for _ in range(2))
    for a, b in ((first[1:], first[:-1]), (first[4:], first[:-4]), (first, second)):
        assert abs((a == b).mean() - 0.5) < 4 * 0.5 / np.sqrt(a.size)
    # All four bytes of a word are drawn: none of the positions modulo four stands out.
    for offset in range(4):
        assert abs(first[offset::4].mean() - 0.5) < 4 * 0.5 / np.sqrt(first.size / 4)


def test_a_seed_fixes_the_draws():
    a, b = (to_numpy(Dropout(0.5, seed=7)(ONES, training=True)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert (a != to_numpy(Dropout(0.5, seed=8)(ONES, training=True))).any()


def test_nothing_is_dropped_outside_training_or_at_rate_zero():
    np.testing.assert_array_equal(to_numpy(Dropout(0.5)(ONES)), ONES)
    np.testing.assert_array_equal(to_numpy(Dropout(0.0)(ONES, training=True)), ONES)


def test_small_and_large_rates_still_drop_and_keep():
    assert drop_threshold(1e-4) == 1
    assert drop_threshold(0.9999) == 255


@pytest.mark.skipif(BACKEND != "tensorflow", reason="unknown sizes are TensorFlow's")
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
@pytest.mark.parametrize("jit", [True, False])
def test_in_a_graph_with_unknown_sizes(jit, dtype):
    import tensorflow as tf

    layer = Dropout(0.25, seed=1, dtype=dtype)
    layer(ONES[:1])
    function = tf.function(
        lambda x: layer(x, training=True),
        input_signature=[tf.TensorSpec((None, None, 3))],
        jit_compile=jit,
        autograph=False,
    )
    for length in (9, 5):  # neither size is a multiple of four
        found = to_numpy(function(keras.ops.ones((7, length, 3))))
        assert found.shape == (7, length, 3)
        np.testing.assert_allclose(np.unique(found), [0, 4 / 3], rtol=1e-3)


def test_a_noise_shape_is_the_stock_layers():
    layer = Dropout(0.5, noise_shape=(None, 1, 1), seed=1)
    found = to_numpy(layer(ONES, training=True))
    assert all(len(np.unique(row)) == 1 for row in found)
    assert len(np.unique(found)) == 2
