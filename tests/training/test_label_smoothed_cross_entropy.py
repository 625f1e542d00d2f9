import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.training import LabelSmoothedCrossEntropy
from tests.backend import to_numpy


def log_softmax(logits):
    logits = logits.astype("float64")
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def smoothed_targets(targets, size, label_smoothing):
    """The definition: one-hot targets whose mass is spread; what the loss itself never makes."""
    dense = np.full((*targets.shape, size), label_smoothing / (size - 1))
    np.put_along_axis(dense, targets[..., None], 1.0 - label_smoothing, axis=-1)
    return dense


def plain_loss(targets, logits, label_smoothing):
    """(B, T), by the definition, in float64."""
    dense = smoothed_targets(targets, logits.shape[-1], label_smoothing)
    return -(dense * log_softmax(logits)).sum(-1)


def value_and_gradient(function, x, compiled):
    if keras.backend.backend() == "jax":
        import jax

        function = jax.value_and_grad(function)
        value, gradient = (jax.jit(function) if compiled else function)(x)
        return float(value), np.array(gradient)
    import tensorflow as tf

    @tf.function(jit_compile=compiled)
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return value, tape.gradient(value, x)

    value, gradient = run(tf.constant(x))
    return float(value), gradient.numpy()


def batch(seed=0, shape=(3, 5, 11)):
    random = np.random.default_rng(seed)
    targets = random.integers(0, shape[-1], shape[:2]).astype("int32")
    targets[0, -2:] = 0
    targets[0, 0] = shape[-1] - 1
    return targets, random.normal(0, 3, shape).astype("float32")


@pytest.mark.parametrize("size, minimum", [(37000, 1.376948), (10000, 1.246107)])
def test_golden_minimum(size, minimum):
    # The loss is least where the softmax is the smoothed target itself.
    logits = np.full((1, 1, size), np.log(0.1 / (size - 1)), "float32")
    logits[0, 0, 7] = np.log(0.9)
    assert float(LabelSmoothedCrossEntropy()(np.array([[7]]), logits)) == pytest.approx(
        minimum, abs=2e-5
    )


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.4])
def test_per_token_values_match_the_definition(label_smoothing):
    targets, logits = batch()
    loss = LabelSmoothedCrossEntropy(label_smoothing)
    values = ops.convert_to_numpy(loss.call(targets, logits))
    np.testing.assert_allclose(values, plain_loss(targets, logits, label_smoothing), atol=1e-5)


@pytest.mark.parametrize(
    "label_smoothing, compiled",
    [
        (0.0, False),
        (0.1, True),
        pytest.param(0.0, True, marks=pytest.mark.slow),
        pytest.param(0.1, False, marks=pytest.mark.slow),
    ],
)
def test_gradient_matches_the_definition(label_smoothing, compiled):
    targets, logits = batch(1)
    sample_weight = np.array([1.0, 2.5, 0.5], "float32")
    loss = LabelSmoothedCrossEntropy(label_smoothing)
    value, gradient = value_and_gradient(
        lambda z: loss(targets, z, sample_weight), logits, compiled
    )
    weights = (targets != 0) * sample_weight[:, None]
    expected = (weights * plain_loss(targets, logits, label_smoothing)).sum() / weights.sum()
    softmax = np.exp(log_softmax(logits))
    difference = softmax - smoothed_targets(targets, logits.shape[-1], label_smoothing)
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient, weights[..., None] * difference / weights.sum(), atol=1e-6)
    assert not gradient[targets == 0].any()


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 4))
def test_padding_columns_change_nothing(seed, columns, rows):
    targets, logits = batch(seed, (rows, 4, 6))
    wider = np.concatenate([targets, np.zeros((rows, columns), "int32")], 1)
    more = np.random.default_rng(seed).normal(0, 50, (rows, columns, 6)).astype("float32")
    loss = LabelSmoothedCrossEntropy()
    assert float(loss(wider, np.concatenate([logits, more], 1))) == pytest.approx(
        float(loss(targets, logits)), rel=1e-6
    )


def test_sums_over_tokens_and_divides_by_their_count():
    targets = np.array([[1, 2, 3, 1], [2, 0, 0, 0]], "int32")
    logits = batch(2, (2, 4, 4))[1]
    values = plain_loss(targets, logits, 0.1)
    expected = (values[0].sum() + values[1, 0]) / 5
    assert float(LabelSmoothedCrossEntropy()(targets, logits)) == pytest.approx(expected, rel=1e-6)
    assert abs(expected - (values[0].mean() + values[1, 0]) / 2) > 1e-3  # a mean of means differs


def test_sample_weight_of_tokens():
    targets, logits = batch(3)
    weight = np.random.default_rng(0).uniform(0, 2, targets.shape).astype("float32")
    weights = weight * (targets != 0)
    expected = (weights * plain_loss(targets, logits, 0.1)).sum() / weights.sum()
    loss = LabelSmoothedCrossEntropy()
    assert float(loss(targets, logits, weight)) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(loss.token_weights(targets, weight)), weights)


@pytest.mark.parametrize(
    "ignore_class, compiled",
    [
        *((each, each in (-100, 7)) for each in (-100, -1, 7, 10, 255)),
        *(
            pytest.param(each, each not in (-100, 7), marks=pytest.mark.slow)
            for each in (-100, -1, 7, 10, 255)
        ),
    ],
)
def test_another_class_is_ignored(ignore_class, compiled):
    """Wherever it lies: the loss and its gradient are those of the other tokens."""
    targets, logits = batch(5)
    ignored = np.random.default_rng(0).random(targets.shape) < 0.3
    ignored |= targets == ignore_class
    weights = np.where(ignored, 0.0, 1.0)
    expected = (weights * plain_loss(targets, logits, 0.1)).sum() / weights.sum()
    loss = LabelSmoothedCrossEntropy(0.1, ignore_class=ignore_class)
    marked = np.where(ignored, ignore_class, targets).astype("int32")
    value, gradient = value_and_gradient(lambda z: loss(marked, z), logits, compiled)
    assert value == pytest.approx(expected, rel=1e-6)
    assert not gradient[ignored].any() and gradient[~ignored].any(axis=-1).all()
    np.testing.assert_array_equal(to_numpy(loss.token_weights(marked)), weights)


def test_without_an_ignored_class_weights_do_the_same():
    targets, logits = batch(6)
    weights = (targets != 0).astype("float32")
    every, ignoring = LabelSmoothedCrossEntropy(ignore_class=None), LabelSmoothedCrossEntropy()
    found = value_and_gradient(lambda z: every(targets, z, weights), logits, False)
    expected = value_and_gradient(lambda z: ignoring(targets, z), logits, False)
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])
    assert float(every(targets, logits)) == pytest.approx(
        plain_loss(targets, logits, 0.1).mean(), rel=1e-6
    )


def test_padding_alone_is_zero():
    loss, targets = LabelSmoothedCrossEntropy(), np.zeros((2, 3), "int32")
    value, gradient = value_and_gradient(lambda z: loss(targets, z), np.ones((2, 3, 5), "f"), False)
    assert value == 0.0
    assert not gradient.any()


@pytest.mark.parametrize("dtype, tolerance", [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_half_precision_is_computed_in_float32(dtype, tolerance):
    targets, logits = batch(4)
    logits = np.round(logits * 4) / 4 + 60000 * (dtype == "float16")  # exp would overflow
    logits = np.minimum(logits, 65000)
    half = ops.cast(logits, dtype)
    loss = LabelSmoothedCrossEntropy()(targets, half)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    exact = ops.convert_to_numpy(ops.cast(half, "float32"))
    expected = plain_loss(targets, exact, 0.1)[targets != 0].mean()
    assert float(loss) == pytest.approx(expected, rel=tolerance)


def test_large_logits_stay_finite():
    logits = np.array([[[1e4, -1e4, 0.0, 5.0]]], "float32")
    value, gradient = value_and_gradient(
        lambda z: LabelSmoothedCrossEntropy(0.0)(np.array([[1]]), z), logits, False
    )
    assert value == pytest.approx(2e4)
    np.testing.assert_allclose(gradient[0, 0], [1, -1, 0, 0])


def test_config_round_trip():
    loss = LabelSmoothedCrossEntropy(0.25, ignore_class=-1, name="smooth")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is LabelSmoothedCrossEntropy
    assert (again.label_smoothing, again.ignore_class, again.name) == (0.25, -1, "smooth")


@pytest.mark.parametrize("value", [1.5, "0", True])
def test_bad_ignore_class(value):
    with pytest.raises(ValueError, match="`ignore_class` must be an integer or None. Received"):
        LabelSmoothedCrossEntropy(ignore_class=value)


@pytest.mark.parametrize("value", [-0.1, 1.0, "0.1", True])
def test_bad_label_smoothing(value):
    with pytest.raises(ValueError, match=r"`label_smoothing` must be a number in \[0, 1\)\. Rec"):
        LabelSmoothedCrossEntropy(value)


def test_a_vocabulary_of_one_token_has_nothing_to_spread():
    logits = np.random.default_rng(0).normal(size=(2, 3, 1)).astype("float32")
    loss = LabelSmoothedCrossEntropy(0.1)(np.zeros((2, 3), "int32"), logits)
    assert to_numpy(loss) == pytest.approx(0, abs=1e-6)
