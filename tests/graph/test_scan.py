import numpy as np
import pytest
from keras import ops

from keras_attention.graph.scan import scan
from tests.backend import compiled, to_numpy


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


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("count", [0, 2, 6, 9])
def test_a_scan_of_some_steps_leaves_zeros_for_the_others(count, reverse):
    """How many is known when a compiled function runs."""
    rng = np.random.default_rng(count)
    inputs = {name: rng.normal(size=(6, 2)).astype("float32") for name in "ab"}
    done = min(count, 6)
    where = slice(6 - done, 6) if reverse else slice(done)

    def run(inputs, count):
        first = {"sum": ops.ones((2,)), "count": ops.convert_to_tensor(0)}
        return scan(step, first, inputs, reverse, count)

    carried = {"sum": np.ones(2, "float32"), "count": np.array(0, "int32")}
    expected = np.zeros((6, 2), "float32")
    for t in range(5, 5 - done, -1) if reverse else range(done):
        carried, output = step(carried, {name: x[t] for name, x in inputs.items()})
        expected[t] = output[0]
    assert expected[where].all() and np.count_nonzero(expected) == 2 * done
    tensors = {name: ops.convert_to_tensor(x) for name, x in inputs.items()}
    for function in (run, compiled(run), compiled(run, False)):
        last, (product, other) = to_numpy(function(tensors, ops.convert_to_tensor(count, "int32")))
        np.testing.assert_allclose(last["sum"], carried["sum"], rtol=1e-6)
        assert last["count"] == done
        np.testing.assert_allclose(product, expected, rtol=1e-6)
        assert other["odd"].shape == (6,)
