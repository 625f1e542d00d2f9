import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.graph.matmul import matmul
from keras_attention.graph.recurrence import recurrence, recurrence_in_chunks
from tests.backend import BACKEND, compiled, gradients, to_numpy


def running_mix(state, x):
    """A recurrence whose output depends on all that came before."""
    state = {"sum": ops.tanh(state["sum"] * 0.7 + x["a"]), "last": x["b"]}
    return state, [state["sum"] * x["b"], state["sum"][:, :1]]


def mixing(length, chunk_size=4):
    rng = np.random.default_rng(length)
    inputs = {name: rng.normal(size=(length, 2, 3)).astype("float32") for name in "ab"}
    state = {"sum": np.ones((2, 3), "float32"), "last": np.zeros((2, 3), "float32")}

    def run(inputs):
        outputs = [ops.zeros((2, 3)), ops.zeros((2, 1))]
        tensors = {name: ops.convert_to_tensor(array) for name, array in state.items()}
        return recurrence_in_chunks(running_mix, tensors, inputs, outputs, chunk_size)

    return run, inputs, state


def one_by_one(inputs, state):
    outputs = []
    for a, b in zip(inputs["a"], inputs["b"], strict=True):
        state, output = running_mix(state, {"a": a, "b": b})
        outputs.append(to_numpy(output))
    return to_numpy(state), [np.stack(column) for column in zip(*outputs, strict=True)]


# Shorter than a chunk, as long, longer by one, whole chunks, and chunks with a rest.
QUICK = [(1, 3), (4, 4), (5, 4), (8, 4), (11, 3), (3, 1)]


@pytest.mark.parametrize(
    ("length", "chunk_size"),
    [
        pytest.param(length, size, marks=() if (length, size) in QUICK else pytest.mark.slow)
        for length in (1, 2, 3, 4, 5, 8, 11)
        for size in (1, 3, 4)
    ],
)
def test_a_recurrence_is_its_steps_one_by_one(length, chunk_size):
    run, inputs, state = mixing(length, chunk_size)
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
    run, inputs, state = mixing(length)
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
    run = mixing(3)[0]

    @tf.function(input_signature=[spec], jit_compile=jit, autograph=False)
    def gradient(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = run(inputs)[1]
            total = tf.add_n([tf.reduce_sum(x) for x in outputs])
        return tape.gradient(total, inputs), outputs

    for length in (1, 9) if jit else (1, 3, 9):  # XLA compiles each
        _, inputs, state = mixing(length)
        found, outputs = gradient({name: tf.constant(array) for name, array in inputs.items()})
        for a, b in zip(outputs, one_by_one(inputs, state)[1], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        # What came last weighs on its own output alone.
        last = np.asarray(outputs[0][-1]) / inputs["b"][-1]
        np.testing.assert_allclose(found["b"][-1], last, rtol=1e-4, atol=1e-6)


B, K, N, T = 2, 3, 4, 5


class Step:
    """A step that reads everything a step may read, and multiplies in every way."""

    def __init__(self):
        rng = np.random.default_rng(1)
        self.matrix = keras.Variable(rng.normal(size=(K + N, N)), dtype="float32")
        self.scale = keras.Variable(rng.normal(size=(N,)), dtype="float32")
        self.unread = keras.Variable(np.ones(3), dtype="float32")
        self.seed = keras.random.SeedGenerator(5)
        self.variables = [self.matrix, self.scale, self.unread, self.seed.state]
        self.trained = self.variables[:3]
        self.memory = keras.Variable(rng.normal(size=(B, N, N)), dtype="float32")
        self.bias = keras.Variable(rng.normal(size=(B, N)), dtype="float32")
        self.inputs = keras.Variable(rng.normal(size=(T, B, K)), dtype="float32")
        self.first = keras.Variable(rng.normal(size=(B, N)), dtype="float32")
        self.mask = np.arange(T)[:, None, None] < np.array([[5], [3]])

    def __call__(self, state, x, constants, matmul=matmul):
        inner = matmul(state["h"], self.matrix, "float32", rows=(K, None))
        outer = matmul(x["x"], self.matrix, "float32", (0, K))
        both = matmul(ops.tanh(inner), self.matrix, "float32", (K, K + N), (1, 3))
        memory = matmul(ops.expand_dims(inner, 1), constants["memory"], "float32")[:, 0]
        kept = ops.cast(keras.random.uniform((B, N), seed=self.seed) < 0.7, "float32")
        new = ops.tanh(outer + memory * kept * self.scale + constants["bias"])
        new = ops.where(x["mask"], new, state["h"]) + ops.sum(both, -1, keepdims=True)
        return {"h": new, "count": state["count"] + 1}, [both, {"twice": 2 * new}]

    def arguments(self):
        state = {"h": self.first.value, "count": ops.convert_to_tensor(0)}
        inputs = {"x": self.inputs.value, "mask": ops.convert_to_tensor(self.mask)}
        return state, inputs, {"memory": self.memory.value, "bias": self.bias.value}

    def run(self, training):
        state, inputs, constants = self.arguments()
        outputs = [ops.zeros((B, 2)), {"twice": ops.zeros((B, N))}]
        return recurrence(self, state, inputs, outputs, constants, self.variables, training)

    def run_one_by_one(self):
        state, inputs, constants = self.arguments()
        found = []
        for t in range(T):
            at_t = {name: tensor[t] for name, tensor in inputs.items()}
            state, (both, output) = self(state, at_t, constants)
            found.append((both, output["twice"]))
        both, twice = (ops.stack(column) for column in zip(*found, strict=True))
        return state, [both, {"twice": twice}]

    def differentiated(self):
        return [*self.trained, self.memory, self.bias, self.inputs, self.first]


def loss_of(result):
    state, (both, output) = result
    weights = ops.reshape(ops.arange(T, dtype="float32"), (T, 1, 1))
    return ops.sum(weights * ops.square(output["twice"])) + ops.sum(both) + ops.sum(state["h"])


def assert_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        b = np.zeros_like(a) if b is None else b
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6 * max(1, np.abs(b).max()))


def test_a_trained_recurrence_is_its_steps_one_by_one():
    expected = to_numpy(Step().run_one_by_one())
    found = to_numpy(Step().run(training=True))
    assert found[0]["count"] == T
    assert_close(keras.tree.flatten(found), keras.tree.flatten(expected))


def test_a_trained_recurrence_has_the_gradient_of_its_steps():
    """Random numbers included: they are the same when the step is computed again."""
    step, other = Step(), Step()
    expected = gradients(lambda: loss_of(other.run_one_by_one()), other.differentiated())
    found = gradients(lambda: loss_of(step.run(training=True)), step.differentiated())
    assert sum(np.abs(gradient).max() > 0.1 for gradient in found) == 6
    assert_close(found, expected)


def test_what_a_step_assigned_stays_assigned():
    step, other = Step(), Step()
    step.run(training=True)
    other.run_one_by_one()
    np.testing.assert_array_equal(to_numpy(step.seed.state.value), to_numpy(other.seed.state.value))
    assert (to_numpy(step.seed.state.value) != to_numpy(Step().seed.state.value)).any()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX compiled it above")
@pytest.mark.parametrize("jit", [False, True])
def test_a_trained_recurrence_in_a_graph_of_unknown_lengths(jit):
    import tensorflow as tf

    step, other = Step(), Step()
    expected = gradients(lambda: loss_of(other.run_one_by_one()), other.differentiated())
    variables = [variable.value for variable in step.differentiated()]

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, K)), tf.TensorSpec((None, None, 1), tf.bool)],
        jit_compile=jit,
        autograph=False,
    )
    def gradient(x, mask):
        state, _, constants = step.arguments()
        with tf.GradientTape() as tape:
            tape.watch(x)
            inputs = {"x": x, "mask": mask}
            loss = loss_of(recurrence(step, state, inputs, None, constants, step.variables, True))
        found = tape.gradient(loss, [*variables[:-2], x, variables[-1]])
        return [tf.convert_to_tensor(g) for g in found]

    found = gradient(step.inputs.value, step.mask)
    if not jit:  # XLA draws other random numbers
        assert_close(to_numpy(found), expected)
    assert all(np.isfinite(g).all() for g in to_numpy(found))


def test_the_products_of_a_step_are_not_summed_over_time(monkeypatch):
    """Their kernels' gradients come from one product each, after the loop."""
    import keras_attention.graph.recurrence as module

    uses = []

    def spy(given, *others):
        uses.extend(given)
        return original(given, *others)

    original = module.kernel_gradients
    monkeypatch.setattr(module, "kernel_gradients", spy)
    step = Step()
    gradients(lambda: loss_of(step.run(training=True)), step.differentiated())
    # The constants come first: bias, memory; then the weights.
    assert uses == [
        (2, (K, None), (0, None)),
        (2, (0, K), (0, None)),
        (2, (K, K + N), (1, 3)),
        (1, (0, None), (0, None)),
    ]
