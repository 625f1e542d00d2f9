import numpy as np
import pytest

from keras_attention.layers import PositionEmbedding, SinusoidalPositionEncoding
from tests.backend import to_numpy


def encoding(length, width, **arguments):
    return to_numpy(
        SinusoidalPositionEncoding()(np.zeros((1, length, width), "float32"), **arguments)
    )[0]


def test_the_papers_numbers():
    found = encoding(3, 4)
    np.testing.assert_allclose(found[0], [0, 1, 0, 1], atol=1e-7)
    np.testing.assert_allclose(
        found[1], [0.84147098, 0.54030231, 0.00999983, 0.99995000], atol=1e-6
    )
    np.testing.assert_allclose(found[2], [0.90929743, -0.41614684, 0.01999867, 0.9998], atol=1e-6)
    wide = encoding(101, 512)
    np.testing.assert_allclose(wide[1, 2:4], [0.82185619, 0.56969501], atol=1e-6)
    np.testing.assert_allclose(wide[1, 510:], [0.00010366, 0.99999999], atol=1e-6)
    np.testing.assert_allclose(wide[100, :2], [-0.5063656, 0.8623189], atol=1e-5)
    np.testing.assert_allclose(wide[100, 256:258], [0.8414710, 0.5403023], atol=1e-5)


def test_a_product_of_two_depends_on_their_distance_only():
    found = encoding(60, 64)
    products = found @ found.T
    for distance in (0, 1, 7, 30):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-4)
    np.testing.assert_allclose(np.diagonal(products), 32, atol=1e-4)  # |PE|^2 = D / 2


def test_start_index_and_positions_choose_rows():
    every = encoding(12, 6)
    np.testing.assert_allclose(encoding(4, 6, start_index=5), every[5:9], atol=1e-6)
    chosen = encoding(3, 6, positions=np.array([7, 0, 7], "int32"))
    np.testing.assert_allclose(chosen, every[[7, 0, 7]], atol=1e-6)


def test_one_position_needs_no_axis():
    learned = PositionEmbedding(6)
    learned(np.zeros((1, 6, 8), "float32"))
    for layer in (SinusoidalPositionEncoding(), learned):
        row = np.zeros((8,), "float32")
        expected = to_numpy(layer(np.zeros((1, 1, 8), "float32"), start_index=3))[0, 0]
        np.testing.assert_allclose(to_numpy(layer(row, start_index=3)), expected, atol=1e-6)


def test_learned_positions_are_rows_of_a_table():
    layer = PositionEmbedding(6)
    x = np.zeros((2, 4, 3), "float32")
    layer(x)
    table = np.arange(18, dtype="float32").reshape(6, 3)
    layer.set_weights([table])
    np.testing.assert_array_equal(to_numpy(layer(x)), [table[:4]] * 2)
    np.testing.assert_array_equal(to_numpy(layer(x, start_index=2)), [table[2:6]] * 2)
    positions = np.array([[0, 5, 5, 1], [3, 2, 1, 0]], "int32")
    np.testing.assert_array_equal(to_numpy(layer(x, positions=positions)), table[positions])


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`sequence_length` must be a positive integer. Received"):
        PositionEmbedding(0)
    with pytest.raises(ValueError, match="at most `sequence_length` positions"):
        PositionEmbedding(4)(np.zeros((1, 5, 2), "float32"))
    for wavelength in (0, -1, "long", True):
        with pytest.raises(ValueError, match="`max_wavelength` must be a number above 0"):
            SinusoidalPositionEncoding(wavelength)
