import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.layers.output_projection import OutputProjection
from keras_attention.problem_types import SINGLE_LABEL
from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity, TokenAccuracy
from keras_attention.training.linear_distillation import linear_distillation
from keras_attention.training.soft_targets import soft_target_losses
from tests.backend import compiled, examples, gradients, largest_tensor, to_numpy

D, OF_TEACHER = 5, 6


def problem(seed=0, shape=(3, 7), size=11, padding=0.4, bias=True):
    """Variables hidden (B, T, D), kernel (D, V) and bias (V,); those of the teacher; targets and
    weights (B, T)."""
    random = np.random.default_rng(seed)

    def normal(*sizes):
        return keras.Variable(random.normal(size=sizes).astype("float32"), dtype="float32")

    student, teacher = (
        [normal(*shape, width), normal(width, size), *([normal(size)] if bias else [])]
        for width in (D, OF_TEACHER)
    )
    targets = random.integers(0, size, shape).astype("int32")
    weights = (random.random(shape) >= padding) * random.uniform(0.1, 3.0, shape)
    return student, teacher, targets, weights.astype("float32")


def projected(variables, transposed, dtype="float32"):
    hidden, kernel, *bias = (ops.convert_to_tensor(each) for each in variables)
    kernel = ops.transpose(kernel) if transposed else kernel
    return hidden, OutputProjection(kernel, bias[0] if bias else None, transposed, dtype)


def by_chunks(student, teacher, targets, weights, transposed=False, dtype="float32", **options):
    options = {"temperature": 2.0, "hard": 2.0, "soft": 5.0, **options}
    found = (*projected(student, transposed, dtype), *projected(teacher, not transposed, dtype))
    return linear_distillation(*found, targets, weights, **options)


def from_logits(student, teacher, targets, weights, temperature=2.0, smoothing=0.0):
    """The weighted sums of both losses, from logits, and the student's logits."""
    logits, expected = (
        ops.matmul(hidden, kernel) + (bias[0] if bias else 0.0)
        for hidden, kernel, *bias in (map(ops.convert_to_tensor, x) for x in (student, teacher))
    )
    loss = LabelSmoothedCrossEntropy(smoothing, ignore_class=None)
    hard = ops.sum(loss.call(targets, logits) * weights)
    losses = soft_target_losses(logits, ops.stop_gradient(expected), temperature, SINGLE_LABEL)
    return hard, ops.sum(losses * weights), logits


def assert_same(found, expected):
    """float32 rounding, next to the largest number of the tensor."""
    bound = 4e-6 * max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=bound)


@settings(max_examples=examples(7), deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 9)),
    size=st.integers(2, 17),
    padding=st.sampled_from([0.0, 0.4, 1.0]),
    bias=st.booleans(),
    transposed=st.booleans(),
    temperature=st.sampled_from([0.5, 1.0, 4.0]),
    hard=st.sampled_from([0.0, 1.0, 3.0]),
    smoothing=st.sampled_from([0.0, 0.2]),
    chunk_size=st.integers(1, 40),
)
def test_values_and_gradients_are_those_from_logits(
    seed, shape, size, padding, bias, transposed, temperature, hard, smoothing, chunk_size
):
    made = student, teacher, targets, weights = problem(seed, shape, size, padding, bias)
    options = dict(temperature=temperature, hard=hard, soft=5.0, label_smoothing=smoothing)
    options |= dict(transposed=transposed, chunk_size=chunk_size)
    total, hard_sum, soft_sum, log_probabilities, accuracies = by_chunks(*made, **options)
    wanted_hard, wanted_soft, logits = from_logits(*made, temperature, smoothing)
    assert_same(to_numpy(hard_sum), to_numpy(wanted_hard))
    assert_same(to_numpy(soft_sum), to_numpy(wanted_soft))
    assert_same(to_numpy(total), to_numpy(hard * wanted_hard + 5.0 * wanted_soft))
    for metric, values in ((TokenAccuracy, accuracies), (Perplexity, -log_probabilities)):
        wanted = to_numpy(metric(ignore_class=None).values(ops.convert_to_tensor(targets), logits))
        assert_same(to_numpy(values) * (weights > 0), wanted * (weights > 0))

    def expected():
        hard_sum, soft_sum, _ = from_logits(*made, temperature, smoothing)
        return 0.3 * (hard * hard_sum + 5.0 * soft_sum)

    # The upstream is another number than 1.
    found = gradients(lambda: 0.3 * by_chunks(*made, **options)[0], student)
    for gradient, other in zip(found, gradients(expected, student), strict=True):
        assert_same(gradient, other)


def test_the_teacher_has_no_gradient():
    made = problem(1)
    found = gradients(lambda: by_chunks(*made)[0], made[1])
    assert all(gradient is None or not gradient.any() for gradient in found)


def test_rows_that_do_not_count_are_not_read():
    student, teacher, targets, weights = problem(2)
    expected = by_chunks(student, teacher, targets, weights, chunk_size=3)
    is_left_out = weights == 0
    for variables in (student, teacher):
        hidden = to_numpy(variables[0])
        hidden[is_left_out] = 1e3
        variables[0].assign(hidden)
    targets = np.where(is_left_out, -100, targets).astype("int32")
    found = by_chunks(student, teacher, targets, weights, chunk_size=3)
    for value, other in zip(found[:3], expected[:3], strict=True):
        assert float(value) == float(other)


@pytest.mark.parametrize("transposed", [False, True])
def test_compiled(transposed):
    made = student, teacher, targets, weights = problem(3)
    step = compiled(
        lambda weights: by_chunks(student, teacher, targets, weights, transposed, chunk_size=4)[:3]
    )
    for some in (weights, np.zeros_like(weights)):
        hard, soft, _ = from_logits(*made[:3], some)
        total, *sums = step(ops.convert_to_tensor(some))
        for found, expected in zip(sums, (hard, soft), strict=True):
            assert_same(to_numpy(found), to_numpy(expected))
        assert_same(to_numpy(total), to_numpy(2.0 * hard + 5.0 * soft))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    made = problem(4)
    bound = {"float16": 0.01, "bfloat16": 0.06}[dtype]
    # Such as a mean over a million tokens, with a loss scale far above it.
    for scale in (1e-6, 2.0**15):
        found = gradients(lambda s=scale: s * by_chunks(*made, dtype=dtype)[0], made[0])
        wanted = gradients(lambda s=scale: s * by_chunks(*made)[0], made[0])
        for gradient, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(gradient, other, atol=bound * np.abs(other).max())


def test_nothing_has_the_size_of_all_logits():
    shape, size, chunk_size = (4, 32), 512, 8
    made = problem(5, shape, size, padding=0.0)
    found = largest_tensor(lambda: by_chunks(*made, chunk_size=chunk_size)[0], made[0])
    assert found < shape[0] * shape[1] * size / 4
    logits = largest_tensor(lambda: sum(from_logits(*made)[:2]), made[0])
    assert logits >= shape[0] * shape[1] * size
