import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.training import (
    LabelSmoothedCrossEntropy,
    Perplexity,
    TokenAccuracy,
    linear_cross_entropy,
)
from tests.backend import BACKEND, compiled, examples, gradients, largest_tensor, to_numpy

D = 5


def problem(seed=0, shape=(3, 7), size=11, padding=0.4, weighted=True, bias=True):
    """Keras variables hidden (B, T, D), kernel (D, V) and bias (V,); targets and weights (B, T)."""
    random = np.random.default_rng(seed)
    variables = [
        keras.Variable(random.normal(size=sizes).astype("float32"), dtype="float32")
        for sizes in ((*shape, D), (D, size), *([(size,)] if bias else []))
    ]
    targets = random.integers(0, size, shape).astype("int32")
    weights = (random.random(shape) >= padding).astype("float32")
    if weighted:
        weights *= random.uniform(0.1, 3.0, shape).astype("float32")
    return variables, targets, weights


def as_given(kernel, transposed):
    return ops.transpose(kernel) if transposed else kernel


def by_chunks(variables, targets, weights, transposed=False, **options):
    hidden, kernel, *bias = (ops.convert_to_tensor(each) for each in variables)
    return linear_cross_entropy(
        hidden,
        as_given(kernel, transposed),
        targets,
        weights,
        bias=bias[0] if bias else None,
        transposed=transposed,
        **options,
    )


def from_logits(variables, targets, weights, label_smoothing):
    """The same sum of a loss that is given the logits."""
    hidden, kernel, *bias = (ops.convert_to_tensor(each) for each in variables)
    logits = ops.matmul(hidden, kernel) + (bias[0] if bias else 0.0)
    loss = LabelSmoothedCrossEntropy(label_smoothing, ignore_class=None)
    return ops.sum(loss.call(targets, logits) * weights), logits


def assert_same(found, expected):
    """float32 rounding, next to the largest number of the tensor."""
    bound = 2e-6 * max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=bound)


@settings(max_examples=examples(8))
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 9)),
    size=st.integers(2, 17),
    padding=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    weighted=st.booleans(),
    bias=st.booleans(),
    transposed=st.booleans(),
    label_smoothing=st.sampled_from([0.0, 0.1, 0.6]),
    chunk_size=st.integers(1, 40),
)
def test_values_and_gradients_are_those_from_logits(
    seed, shape, size, padding, weighted, bias, transposed, label_smoothing, chunk_size
):
    variables, targets, weights = problem(seed, shape, size, padding, weighted, bias)
    options = dict(transposed=transposed, label_smoothing=label_smoothing, chunk_size=chunk_size)
    total, log_probabilities, accuracies = by_chunks(variables, targets, weights, **options)
    expected, logits = from_logits(variables, targets, weights, label_smoothing)
    assert_same(to_numpy(total), to_numpy(expected))
    for metric, values in ((TokenAccuracy, accuracies), (Perplexity, -log_probabilities)):
        wanted = to_numpy(metric(ignore_class=None).values(ops.convert_to_tensor(targets), logits))
        assert_same(to_numpy(values) * weights, wanted * weights)
    # The upstream is another number than 1.
    found = gradients(lambda: 0.3 * by_chunks(variables, targets, weights, **options)[0], variables)
    wanted = gradients(
        lambda: 0.3 * from_logits(variables, targets, weights, label_smoothing)[0], variables
    )
    for gradient, other in zip(found, wanted, strict=True):
        assert_same(gradient, other)


@pytest.mark.parametrize("transposed", [False, True])
def test_stock_cross_entropy(transposed):
    variables, targets, weights = problem(1)
    stock = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    logits = ops.matmul(variables[0], variables[1]) + variables[2]
    total, *_ = by_chunks(variables, targets, weights, transposed, chunk_size=4)
    assert float(total) == pytest.approx(float(stock(targets, logits, weights)), rel=1e-5)


@pytest.mark.parametrize("transposed", [False, True])
def test_compiled(transposed):
    variables, targets, weights = problem(2)
    options = dict(transposed=transposed, label_smoothing=0.1, chunk_size=4)

    def run(weights, training):
        return by_chunks(variables, targets, weights, training=training, **options)[0]

    step = compiled(lambda weights: (run(weights, True), run(weights, False)))
    for some in (weights, np.zeros_like(weights), weights * (np.arange(7) < 2)):
        expected, _ = from_logits(variables, targets, some, 0.1)
        for found in step(ops.convert_to_tensor(some)):
            assert_same(to_numpy(found), to_numpy(expected))


def test_chunks_without_a_row_that_counts_are_not_computed():
    variables, targets, weights = problem(3, padding=0.0)
    weights[:, 2:] = 0  # 6 of 21 rows count: two chunks of 3
    hidden = np.where(weights[..., None] == 0, np.nan, to_numpy(variables[0])).astype("float32")
    variables[0].assign(hidden)

    def total():
        return by_chunks(variables, targets, weights, chunk_size=3)[0]

    of_hidden, *others = gradients(total, variables)
    assert np.isfinite(float(total()))
    assert all(np.isfinite(gradient).all() for gradient in others)
    assert not of_hidden[weights == 0].any() and of_hidden[weights != 0].all(axis=-1).any()


def test_scores_of_rows_without_a_weight():
    variables, targets, _ = problem(4)
    weights = np.zeros(targets.shape, "float32")
    counted = np.arange(targets.size).reshape(targets.shape) % 3 == 0
    marked = np.where(counted, targets, -100).astype("int32")
    total, log_probabilities, accuracies = by_chunks(
        variables, marked, weights, counted=counted, chunk_size=4
    )
    _, logits = from_logits(variables, targets, weights, 0.0)
    expected = to_numpy(Perplexity().values(ops.convert_to_tensor(targets), logits))
    assert float(total) == 0
    assert_same(-to_numpy(log_probabilities)[counted], expected[counted])
    without = by_chunks(variables, targets, weights, with_accuracies=False, chunk_size=4)
    assert accuracies is not None and without[2] is None


def test_ties_share_an_accuracy():
    zeros = np.zeros((1, 2, D), "float32"), np.zeros((D, 4), "float32")
    weights = np.ones((1, 2), "float32")
    found = linear_cross_entropy(*zeros, np.array([[1, 3]]), weights, training=False)
    np.testing.assert_allclose(to_numpy(found[2]), 0.25)


def test_nothing_has_the_elements_of_the_logits():
    variables, targets, weights = problem(5, shape=(8, 16), size=301)

    def total(chunk_size):
        return by_chunks(variables, targets, weights, label_smoothing=0.1, chunk_size=chunk_size)[0]

    largest = largest_tensor(lambda: total(16), variables)
    assert 16 * 301 <= largest <= 2 * 16 * 301
    assert largest_tensor(lambda: total(128), variables) >= 128 * 301  # the check sees them


@pytest.mark.skipif(BACKEND == "jax", reason="a size that is known at run time")
def test_sizes_that_are_known_at_run_time():
    import tensorflow as tf

    specs = [
        tf.TensorSpec((None, None, D)),
        tf.TensorSpec((D, 11)),
        tf.TensorSpec((None, None), "int32"),
        tf.TensorSpec((None, None)),
    ]
    for jit in (False, True):

        @tf.function(input_signature=specs, jit_compile=jit, autograph=False)
        def run(hidden, kernel, targets, weights):
            with tf.GradientTape() as tape:
                tape.watch([hidden, kernel])
                total = linear_cross_entropy(hidden, kernel, targets, weights, chunk_size=4)[0]
            return total, tape.gradient(total, [hidden, kernel])

        for shape in ((3, 7), (1, 1), (2, 0)):
            variables, targets, weights = problem(6, shape=shape, bias=False)
            total, found = run(*(to_numpy(each) for each in variables), targets, weights)
            expected, _ = from_logits(variables, targets, weights, 0.0)
            wanted = gradients(lambda: from_logits(variables, targets, weights, 0.0)[0], variables)  # noqa: B023
            assert_same(to_numpy(total), to_numpy(expected))
            for gradient, other in zip(to_numpy(found), wanted, strict=True):
                assert_same(gradient, other)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 100.0])
def test_gradients_in_half_precision_neither_underflow_nor_overflow(scale):
    """Rare tokens have a probability that float16 cannot hold; sums over a chunk exceed it."""
    random = np.random.default_rng(0)
    rows, size = 512, 2048
    kernel = (scale * random.normal(size=(D, size))).astype("float16")
    hidden = (random.normal(size=(rows, D)) / scale).astype("float16")
    kernel[:, 0] *= 4  # no token of the targets: its share of the gradient is a tail
    targets = np.full((rows,), 7, "int32")
    weights = np.full((rows,), 1000.0, "float32")
    found, expected = (
        [keras.Variable(array.astype(dtype), dtype=dtype) for array in (hidden, kernel)]
        for dtype in ("float16", "float32")
    )

    def total(variables, upstream):
        return upstream * by_chunks(variables, targets, weights, chunk_size=256)[0]

    # The gradients of hidden states are float16 again, as those of any layer: of a mean they fit.
    upstream = 1.0 / weights.sum()
    of_hidden, of_kernel = gradients(lambda: total(found, upstream), found)
    for_hidden, for_kernel = gradients(lambda: total(expected, upstream), expected)
    for gradient, other in ((of_hidden, for_hidden), (of_kernel, for_kernel)):
        assert np.isfinite(gradient).all()
        bound = max(2e-2 * np.abs(other).max(), 1e-7)
        np.testing.assert_allclose(gradient, other, atol=bound)


def test_float32_kernels_of_half_precision_have_float32_gradients():
    """A softmax of 1e-7 is nothing in float16, nor is its product; the kernel's gradient has it."""
    hidden = keras.Variable(np.ones((1, 1), "float16"), dtype="float16")
    kernel = keras.Variable(np.array([[0.0, -16.0]], "float32"), dtype="float32")

    def total():
        tensors = ops.convert_to_tensor(hidden), ops.convert_to_tensor(kernel)
        return linear_cross_entropy(*tensors, np.array([0]), np.array([1.0]))[0]

    (of_kernel,) = gradients(total, [kernel])
    np.testing.assert_allclose(of_kernel, [[-np.exp(-16), np.exp(-16)]], rtol=0.1)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(label_smoothing=1.0), "`label_smoothing` must be"),
        (dict(chunk_size=0), "`chunk_size` must be"),
        (dict(transposed=True), "`kernel` must be"),
    ],
)
def test_refusals(options, message):
    arrays = np.ones((2, 3, D), "float32"), np.ones((D, 4), "float32")
    with pytest.raises(ValueError, match=message):
        linear_cross_entropy(
            *arrays, np.ones((2, 3), "int32"), np.ones((2, 3), "float32"), **options
        )
