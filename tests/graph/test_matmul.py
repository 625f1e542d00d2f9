import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.graph.matmul import RecordingMatmul, ReplayingMatmul, kernel_gradients, matmul
from tests.backend import gradients, to_numpy

RNG = np.random.default_rng(0)
PARTS = [((0, None), (0, None)), ((1, 4), (0, None)), ((0, None), (2, 5)), ((2, None), (0, 3))]


@pytest.mark.parametrize(("rows", "columns"), PARTS)
@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6)])
def test_a_product_is_with_a_part_of_the_kernel(shape, rows, columns):
    kernel = RNG.normal(size=shape).astype("float32")
    part = kernel[..., slice(*rows), slice(*columns)]
    for leading in [(2, 3)] if len(shape) == 3 else [(4,), (2, 3)]:
        inputs = RNG.normal(size=(*leading, part.shape[-2])).astype("float32")
        found = matmul(inputs, ops.convert_to_tensor(kernel), "float32", rows, columns)
        np.testing.assert_allclose(to_numpy(found), inputs @ part, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("rows", "columns"), PARTS)
@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6)])
def test_replayed_products_have_the_same_gradients(shape, rows, columns):
    kernel = keras.Variable(RNG.normal(size=shape), dtype="float32")
    width = kernel.numpy()[..., slice(*rows), slice(*columns)].shape[-2]
    times, x = 3, RNG.normal(size=(3, 2, 4, width)).astype("float32")
    x = keras.Variable(x if len(shape) == 3 else x[:, 0], dtype="float32")

    def plain(matmul=matmul):
        found = [matmul(x.value[t], kernel, "float32", rows, columns) for t in range(times)]
        return ops.sum(ops.sin(ops.stack(found)))

    tensor = ops.copy(kernel)
    expected_x, expected_kernel = gradients(plain, [x, kernel])

    recording = RecordingMatmul([kernel], [tensor])
    plain(recording)
    assert recording.uses == [(0, rows, columns)] * times
    results = [keras.Variable(result) for result in recording.results]
    seen = []

    def replayed():
        replay = ReplayingMatmul([kernel], [tensor], [result.value for result in results])
        value = plain(replay)
        seen[:] = replay.inputs
        return value

    found_x, *cotangents = gradients(replayed, [x, *results])
    np.testing.assert_allclose(found_x, expected_x, rtol=1e-4, atol=1e-5)
    [found] = kernel_gradients(
        [(0, rows, columns)], [ops.copy(x)], [ops.stack(cotangents)], [tensor]
    )
    np.testing.assert_allclose(to_numpy(found), expected_kernel, rtol=1e-4, atol=1e-5)


def test_only_known_kernels_are_recorded():
    known, other = (ops.convert_to_tensor(RNG.normal(size=(3, 3))) for _ in range(2))
    inputs = RNG.normal(size=(2, 3))
    recording = RecordingMatmul([known], [2 * known])
    found = [to_numpy(recording(inputs, kernel, "float32")) for kernel in (known, other, known)]
    np.testing.assert_allclose(found[0], 2 * inputs @ to_numpy(known), rtol=1e-5)
    np.testing.assert_allclose(found[1], inputs @ to_numpy(other), rtol=1e-5)
    np.testing.assert_array_equal(found[0], found[2])
    assert recording.uses == [(0, (0, None), (0, None))] * 2
    assert len(recording.results) == 2
    assert kernel_gradients([], [], [], [known]) == [None]
