import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.graph.gathered_matmul import gathered_matmul
from tests.backend import gradients, to_numpy

M, T, K, N, S, L = 4, 3, 5, 6, 2, 7
RNG = np.random.default_rng(3)
TABLE = RNG.normal(size=(N, S, K)).astype("float32")
ROWS = RNG.integers(0, N - 1, (M, L)).astype("int32")  # some several times, the last never


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("transpose", [False, True])
def test_values_and_gradients_in_numpy(transpose, training):
    gathered = TABLE[ROWS].reshape(M, L * S, K)
    factor = gathered.swapaxes(1, 2) if transpose else gathered
    inputs = RNG.normal(size=(M, T, factor.shape[1])).astype("float32")
    direction = RNG.normal(size=(M, T, factor.shape[2])).astype("float32")
    variables = [keras.Variable(inputs), keras.Variable(TABLE)]

    def product():
        given = [1.0 * variable for variable in variables]
        return gathered_matmul(*given, ROWS, transpose, training)

    np.testing.assert_allclose(to_numpy(product()), inputs @ factor, atol=1e-5)
    of_inputs, of_table = gradients(lambda: ops.sum(product() * direction), variables)
    np.testing.assert_allclose(of_inputs, direction @ factor.swapaxes(1, 2), atol=1e-5)
    of_factor = inputs.swapaxes(1, 2) @ direction
    of_blocks = (of_factor.swapaxes(1, 2) if transpose else of_factor).reshape(M, L, S, K)
    expected = np.zeros_like(TABLE)
    np.add.at(expected, ROWS, of_blocks)
    np.testing.assert_allclose(of_table, expected, atol=1e-5)
    assert not of_table[-1].any()
