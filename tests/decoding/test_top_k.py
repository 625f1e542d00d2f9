"""The best of many numbers, found by groups."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from keras_attention.decoding.next_tokens import group_width, top_k
from keras_attention.graph.argmax import argmax
from tests.backend import to_numpy


def expected(values, k):
    """In plain NumPy: a stable sort puts the earlier of equal ones first."""
    index = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(values, index, axis=1), index


@hypothesis.given(
    size=st.sampled_from([1, 7, 97, 500, 503, 1000, 8000]),
    k=st.integers(1, 5),
    levels=st.sampled_from([3, 50, 10**6]),
    seed=st.integers(0, 1000),
)
def test_the_best_and_the_earlier_of_equal_ones(size, k, levels, seed):
    k = min(k, size)
    random = np.random.default_rng(seed)
    values = random.integers(0, levels, (4, size)).astype("float32")
    best, index = to_numpy(top_k(values, k))
    found, places = expected(values, k)
    np.testing.assert_array_equal(best, found)
    np.testing.assert_array_equal(index, places)
    assert index.dtype == "int32"
    only = to_numpy(argmax(values))
    np.testing.assert_array_equal(only, places[:, 0])
    assert only.dtype == "int32"


@pytest.mark.parametrize("size, width", [(8000, 100), (500, 100), (30522, None), (32000, 100)])
def test_the_width_of_a_group(size, width):
    assert group_width(size) == width
