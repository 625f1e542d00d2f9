import numpy as np
import pytest

from keras_attention.artifacts.quantization import MIN_ELEMENTS, is_weight, quantize


def test_by_hand():
    values, scale = quantize(np.array([[1.0, -2.0], [0.5, 0.1], [0.0, 0.0]], "float32"), (1,))
    assert values.dtype == np.int8 and scale.dtype == np.float32
    assert values.tolist() == [[64, -127], [127, 25], [0, 0]]
    np.testing.assert_allclose(scale, [[2 / 127], [0.5 / 127], [1]], rtol=1e-6)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1)])
def test_the_error_is_half_a_step(axes):
    array = np.random.default_rng(0).normal(size=(3, 5, 7)).astype("float32")
    values, scale = quantize(array, axes)
    assert scale.shape == tuple(1 if i in axes else n for i, n in enumerate(array.shape))
    assert (np.abs(values * scale - array) <= scale / 2 * 1.0001).all()
    assert np.abs(values).max(axis=axes).min() == 127  # the whole range is used


def test_what_is_a_weight():
    assert is_weight(np.zeros((64, MIN_ELEMENTS // 64), "float32"))
    assert not is_weight(np.zeros((63, MIN_ELEMENTS // 64), "float32"))  # too small
    assert not is_weight(np.zeros(MIN_ELEMENTS, "float32"))  # a bias
    assert not is_weight(np.zeros((64, MIN_ELEMENTS // 64), "int32"))
