import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.graph.backend import depends, random_words, scan, vjp
from tests.backend import BACKEND, compiled, to_numpy


def step(state, x):
    new = {"sum": state["sum"] + x["a"], "count": state["count"] + 1}
    return new, [state["sum"] * x["b"], {"odd": new["count"] % 2}]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 6])
def test_a_scan_is_its_steps_one_by_one(length, reverse):
    rng = np.random.default_rng(length)
    inputs = {name: rng.normal(size=(length, 2)).astype("float32") for name in "ab"}
    state = {"sum": np.zeros(2, "float32"), "count": np.array(0, "int32")}

    def run(inputs):
        first = {name: ops.convert_to_tensor(array) for name, array in state.items()}
        return scan(step, first, inputs, reverse)

    expected, order = [], range(length)
    carried = state
    for t in reversed(order) if reverse else order:
        carried, output = step(carried, {name: x[t] for name, x in inputs.items()})
        expected.append((output[0], output[1]["odd"]))
    expected = [np.stack(column) for column in zip(*expected, strict=True)]
    if reverse:
        expected = [column[::-1] for column in expected]
    tensors = {name: ops.convert_to_tensor(x) for name, x in inputs.items()}
    for function in (run, compiled(run), compiled(run, False)):
        last, (product, other) = to_numpy(function(tensors))
        np.testing.assert_allclose(last["sum"], carried["sum"], rtol=1e-6)
        assert last["count"] == length
        np.testing.assert_allclose(product, expected[0], rtol=1e-6)
        np.testing.assert_array_equal(other["odd"], expected[1])


def test_pull_back_is_a_product_with_the_jacobian():
    a, b = np.array([1.0, 2.0], "float32"), np.array([3.0, 5.0], "float32")

    def function(arguments):
        a, b, unused = arguments
        return [a * b, ops.sum(a)], {"seen": b + 1}

    cotangents = [ops.convert_to_tensor(x) for x in (np.array([7.0, 11.0], "float32"), 2.0)]
    arguments = [ops.convert_to_tensor(x) for x in (a, b, a)]
    found, extra = to_numpy(vjp(function, arguments, cotangents))
    np.testing.assert_allclose(found[0], [7 * 3 + 2, 11 * 5 + 2])
    np.testing.assert_allclose(found[1], [7 * 1, 11 * 2])
    np.testing.assert_allclose(found[2], [0, 0])
    np.testing.assert_allclose(extra["seen"], b + 1)
    assert depends(function, arguments)[:2] == [True, True]
    if BACKEND == "tensorflow":
        assert depends(function, arguments) == [True, True, False]


@pytest.mark.parametrize("jit", [None, False, True], ids=["eager", "graph", "jit"])
def test_random_words_are_random_in_every_bit(jit):
    seed = keras.random.SeedGenerator(3)

    def two():
        return random_words(4096, seed), random_words(4096, seed)

    if BACKEND == "jax" and jit is not None:
        pytest.skip("a seed's state is passed in there")
    first, second = to_numpy((two if jit is None else compiled(two, jit))())
    assert first.dtype == np.int32
    bits = np.unpackbits(first.view("uint8").reshape(-1, 4), axis=1)
    tolerance = 5 * 0.5 / np.sqrt(4096)
    assert np.abs(bits.mean(0) - 0.5).max() < tolerance
    assert len(np.unique(first)) > 4080
    agreement = (bits == np.unpackbits(second.view("uint8").reshape(-1, 4), axis=1)).mean(0)
    assert np.abs(agreement - 0.5).max() < tolerance
