"""Rotary positions: by hand, relative, and as HuggingFace's formulas scale them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.layers import RotaryEmbedding
from keras_attention.layers.rotary_embedding import rotation_rates
from tests.backend import to_numpy

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def test_by_hand():
    # Two planes: (x0, x2) turns by 1 a position, (x1, x3) by 0.1.
    x = np.array([[1.0, 2.0, 0.0, 0.0]] * 3, "float32")
    found = to_numpy(RotaryEmbedding(base=100.0)(x))
    expected = [
        [math.cos(p), 2 * math.cos(p / 10), math.sin(p), 2 * math.sin(p / 10)] for p in range(3)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    moved = to_numpy(RotaryEmbedding(base=100.0)(x, positions=np.array([2, 0, 1])))
    np.testing.assert_allclose(moved, found[[2, 0, 1]], atol=1e-6)


@given(first=st.integers(0, 300), distance=st.integers(-50, 50), shift=st.integers(0, 500))
def test_products_depend_on_distances_alone(first, distance, shift):
    query, key = np.random.default_rng(first).normal(size=(2, 8)).astype("float32")
    layer, second = RotaryEmbedding(), first + distance + 50

    def product(add):
        turned = to_numpy(
            layer(np.stack([query, key]), positions=np.array([first + add, second + add]))
        )
        return turned[0] @ turned[1]

    np.testing.assert_allclose(product(shift), product(0), atol=2e-3)


def test_rows_have_positions_of_their_own():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype("float32")
    positions = np.array([[0, 1, 2, 3], [7, 5, 6, 4]])
    together = to_numpy(RotaryEmbedding()(x, positions=positions))
    for row in range(2):
        alone = to_numpy(RotaryEmbedding()(x[row], positions=positions[row]))
        np.testing.assert_allclose(together[row], alone, atol=1e-6)


def test_linear_scaling_divides_positions():
    x = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
    scaled = RotaryEmbedding(scaling={"rope_type": "linear", "factor": 4})
    found = to_numpy(scaled(x, positions=4 * np.arange(5)))
    np.testing.assert_allclose(found, to_numpy(RotaryEmbedding()(x)), atol=1e-5)


def test_llama3_scaling():
    rates, scaled = rotation_rates(32), rotation_rates(32, scaling=LLAMA3)
    # As transformers has it, plane by plane
    for rate, found in zip(rates, scaled, strict=True):
        wave = 2 * math.pi / rate
        smooth = (64 / wave - 1.0) / (4.0 - 1.0)
        expected = (1 - smooth) * rate / 8 + smooth * rate
        if wave < 64 / 4.0:
            expected = rate
        elif wave > 64 / 1.0:
            expected = rate / 8
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    kinds = {(s == r, np.isclose(s, r / 8)) for r, s in zip(rates, scaled, strict=True)}
    assert kinds == {(True, False), (False, True), (False, False)}  # all three cases


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"base": 0}, "`base` must be a number above 0"),
        ({"scaling": {"rope_type": "yarn", "factor": 2}}, "`scaling` must be None or a dict"),
        ({"scaling": {"factor": 2}}, "`scaling` must be None or a dict"),
        ({"scaling": {"rope_type": "linear"}}, '`scaling` must be a dict with "factor"'),
        ({"scaling": {"rope_type": "linear", "factor": 0}}, "must be a number above 0"),
        ({"scaling": {**LLAMA3, "low_freq_factor": 4.0}}, '"low_freq_factor" is below'),
    ],
)
def test_what_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        RotaryEmbedding(**arguments)


def test_odd_widths_are_refused():
    with pytest.raises(ValueError, match="of even width"):
        RotaryEmbedding()(np.zeros((2, 5), "float32"))
