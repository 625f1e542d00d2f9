import keras
import numpy as np
import pytest

from keras_attention.graph.random_bytes import random_bytes
from tests.backend import BACKEND, compiled, to_numpy


@pytest.mark.parametrize("jit", [None, False, True], ids=["eager", "graph", "jit"])
def test_random_bytes_are_random_in_every_bit(jit):
    seed = keras.random.SeedGenerator(3)

    like = np.zeros((4096, 4), "float32")

    def two():
        return random_bytes(like, seed), random_bytes(like, seed)

    if BACKEND == "jax" and jit is not None:
        pytest.skip("a seed's state is passed in there")
    first, second = to_numpy((two if jit is None else compiled(two, jit))())
    assert first.dtype == np.uint8
    assert first.shape == like.shape
    bits = np.unpackbits(first, axis=1)
    tolerance = 5 * 0.5 / np.sqrt(4096)
    assert np.abs(bits.mean(0) - 0.5).max() < tolerance
    assert len(np.unique(first, axis=0)) > 4080
    agreement = (bits == np.unpackbits(second, axis=1)).mean(0)
    assert np.abs(agreement - 0.5).max() < tolerance
