import keras
import numpy as np
import pytest

from keras_attention import masks
from tests.backend import to_numpy


def test_padding_mask():
    ids = np.array([[5, 6, 0], [0, 0, 0]], "int32")
    np.testing.assert_array_equal(
        to_numpy(masks.padding_mask(ids, 0)), [[True, True, False], [False] * 3]
    )
    np.testing.assert_array_equal(
        to_numpy(masks.padding_mask(ids, padding_id=6)), [[True, False, True], [True] * 3]
    )


def test_length_mask():
    lengths = np.array([2, 0, 5, 3], "int32")
    found = to_numpy(masks.length_mask(lengths, 3))
    np.testing.assert_array_equal(found, [[True, True, False], [False] * 3, [True] * 3, [True] * 3])
    ids = np.array([[5, 6, 0], [0, 0, 0], [9, 9, 9], [4, 7, 5]], "int32")
    np.testing.assert_array_equal(found, to_numpy(masks.padding_mask(ids, 0)))


@pytest.mark.parametrize(
    ("length", "keys", "start"), [(3, None, 0), (2, 5, 0), (2, 5, 2), (1, 4, 3)]
)
def test_causal_mask_by_its_definition(length, keys, start):
    found = to_numpy(masks.causal_mask(length, keys, start))
    expected = [[j <= start + i for j in range(keys or length)] for i in range(length)]
    np.testing.assert_array_equal(found, expected)


def test_combine_is_a_logical_and_that_skips_none():
    a, b = np.array([[True, True, False]]), np.array([[True], [False]])
    assert masks.combine() is None
    assert masks.combine(None, None) is None
    np.testing.assert_array_equal(to_numpy(masks.combine(None, a)), a)
    np.testing.assert_array_equal(to_numpy(masks.combine(a, None, b)), a & b)
    np.testing.assert_array_equal(to_numpy(masks.combine(np.array([1, 0, 2]))), [True, False, True])


def test_attention_mask_joins_queries_keys_and_pairs():
    query = np.array([[True, False]])
    value = np.array([[True, True, False]])
    key = np.array([[False, True, True]])
    pairs = np.array([[[True, True, True], [True, False, True]]])
    assert masks.attention_mask() is None
    found = to_numpy(masks.attention_mask(query, value, key, pairs))
    np.testing.assert_array_equal(found, [[[False, True, False], [False, False, False]]])
    np.testing.assert_array_equal(
        to_numpy(masks.attention_mask(value_mask=value)), [[[True, True, False]]]
    )


def test_the_fill_value_is_finite_in_its_dtype_and_vanishes_in_a_softmax():
    for dtype in ("float16", "float32"):
        value = np.asarray(masks.fill_value(dtype), dtype)
        assert np.isfinite(value)
        assert np.exp(value.astype("float32") - 0.0) == 0.0


def test_row_may_attend():
    mask = np.array([[[False, True], [False, False]]])
    np.testing.assert_array_equal(to_numpy(masks.row_may_attend(mask)), [[[True], [False]]])


def test_masked_mean():
    inputs = np.array([[[1.0, 2.0], [3.0, 8.0], [99.0, -99.0]], [[5.0, 6.0]] * 3], "float32")
    mask = np.array([[True, True, False], [False, False, False]])
    np.testing.assert_allclose(to_numpy(masks.masked_mean(inputs, mask)), [[2, 5], [0, 0]])
    # In half precision the sum of many is more than its type holds.
    many = np.full((1, 300, 1), 300.0, "float16")
    found = masks.masked_mean(many, np.ones((1, 300), "int32"))
    np.testing.assert_array_equal(to_numpy(found), [[300.0]])
    assert keras.backend.standardize_dtype(found.dtype) == "float16"
