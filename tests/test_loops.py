import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.loops import loop, recur
from tests.backend import BACKEND, compiled, gradients, to_numpy


def count_up(limit, maximum_iterations):
    state = {"i": ops.convert_to_tensor(0), "log": [ops.zeros((4,), dtype="int32")]}

    def body(state):
        here = ops.arange(4, dtype="int32") == state["i"]
        return {"i": state["i"] + 1, "log": [ops.where(here, state["i"] * 10, state["log"][0])]}

    return loop(lambda state: state["i"] < limit, body, state, maximum_iterations)


def test_the_condition_ends_it():
    state = to_numpy(count_up(3, 100))
    assert state["i"] == 3
    np.testing.assert_array_equal(state["log"][0], [0, 10, 20, 0])


def test_the_maximum_ends_it_whether_a_number_or_a_tensor():
    assert to_numpy(count_up(100, 2))["i"] == 2
    assert to_numpy(count_up(100, ops.convert_to_tensor(2)))["i"] == 2


def test_no_iteration_at_all():
    assert to_numpy(count_up(0, 5))["i"] == 0
    assert to_numpy(count_up(5, 0))["i"] == 0


def test_compiled_with_a_maximum_known_only_at_run_time():
    for jit in (True, False):
        function = compiled(lambda n: count_up(100, n)["log"][0], jit)
        np.testing.assert_array_equal(to_numpy(function(ops.convert_to_tensor(4))), [0, 10, 20, 30])


def running_mix(state, x):
    """A recurrence whose output depends on all that came before."""
    state = {"sum": ops.tanh(state["sum"] * 0.7 + x["a"]), "last": x["b"]}
    return state, [state["sum"] * x["b"], state["sum"][:, :1]]


def recurrence(length, block_size=4):
    rng = np.random.default_rng(length)
    inputs = {name: rng.normal(size=(length, 2, 3)).astype("float32") for name in "ab"}
    state = {"sum": np.ones((2, 3), "float32"), "last": np.zeros((2, 3), "float32")}

    def run(inputs):
        outputs = [ops.zeros((2, 3)), ops.zeros((2, 1))]
        tensors = {name: ops.convert_to_tensor(array) for name, array in state.items()}
        return recur(running_mix, tensors, inputs, outputs, block_size)

    return run, inputs, state


def one_by_one(inputs, state):
    outputs = []
    for a, b in zip(inputs["a"], inputs["b"], strict=True):
        state, output = running_mix(state, {"a": a, "b": b})
        outputs.append(to_numpy(output))
    return to_numpy(state), [np.stack(column) for column in zip(*outputs, strict=True)]


@pytest.mark.parametrize("block_size", [1, 3, 4])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 11])
def test_a_recurrence_is_its_steps_one_by_one(length, block_size):
    run, inputs, state = recurrence(length, block_size)
    expected_state, expected = one_by_one(inputs, state)
    for function in (run, compiled(run), compiled(run, False)):
        tensors = {name: ops.convert_to_tensor(array) for name, array in inputs.items()}
        found_state, found = to_numpy(function(tensors))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        for name, array in found_state.items():
            np.testing.assert_allclose(array, expected_state[name], atol=1e-6)


@pytest.mark.parametrize("length", [1, 4, 7])
def test_a_recurrence_has_the_gradient_of_its_steps(length):
    run, inputs, state = recurrence(length)
    weights = [keras.Variable(inputs[name]) for name in "ab"]

    def loss(run):
        last, outputs = run({name: w.value for name, w in zip("ab", weights, strict=True)})
        return sum(ops.sum(ops.square(x)) for x in [*outputs, last["sum"]])

    def stepwise(inputs):
        carried, outputs = state, []
        for index in range(length):
            carried, output = running_mix(carried, {name: x[index] for name, x in inputs.items()})
            outputs.append(output)
        return carried, [ops.stack(column) for column in zip(*outputs, strict=True)]

    expected = gradients(lambda: loss(stepwise), weights)
    found = gradients(lambda: loss(run), weights)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX traces each length")
@pytest.mark.parametrize("jit", [False, True])
def test_a_recurrence_over_a_length_known_only_at_run_time(jit):
    import tensorflow as tf

    spec = {name: tf.TensorSpec((None, 2, 3)) for name in "ab"}
    run = recurrence(3)[0]

    @tf.function(input_signature=[spec], jit_compile=jit, autograph=False)
    def gradient(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = run(inputs)[1]
            total = tf.add_n([tf.reduce_sum(x) for x in outputs])
        return tape.gradient(total, inputs), outputs

    for length in (1, 3, 9):
        _, inputs, state = recurrence(length)
        found, outputs = gradient({name: tf.constant(array) for name, array in inputs.items()})
        for a, b in zip(outputs, one_by_one(inputs, state)[1], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        # What came last weighs on its own output alone.
        last = np.asarray(outputs[0][-1]) / inputs["b"][-1]
        np.testing.assert_allclose(found["b"][-1], last, rtol=1e-4, atol=1e-6)
