import keras
import numpy as np
import pytest

from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity, TokenAccuracy
from keras_attention.training.token_metrics import target_logits
from tests.backend import BACKEND


def batches(count=3):
    random = np.random.default_rng(0)
    for length in range(2, 2 + count):
        targets = random.integers(0, 7, (4, length)).astype("int32")
        targets[0] = 0
        logits = random.normal(size=(4, length, 7)).astype("float32")
        np.put_along_axis(logits[:2], targets[:2, :, None], 5.0, -1)  # half of them right
        yield targets, logits, random.uniform(0, 2, (4,)).astype("float32")


def flat(weighted):
    """All tokens of all batches: targets (N,), logits (N, V), weights (N,)."""
    targets, logits, weights = [], [], []
    for y, z, w in batches():
        targets.append(y.ravel())
        logits.append(z.reshape(-1, 7).astype("float64"))
        row = w[:, None] if weighted else np.ones((4, 1))
        weights.append(((y != 0) * row).ravel())
    return np.concatenate(targets), np.concatenate(logits), np.concatenate(weights)


def run(metric, weighted):
    for y, z, w in batches():
        metric.update_state(y, z, sample_weight=w if weighted else None)
    return float(metric.result())


@pytest.mark.parametrize("weighted", [False, True])
def test_accuracy_over_all_tokens(weighted):
    y, z, w = flat(weighted)
    expected = (w * (z.argmax(-1) == y)).sum() / w.sum()
    assert 0.1 < expected < 0.9
    assert run(TokenAccuracy(), weighted) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_perplexity_over_all_tokens(weighted):
    y, z, w = flat(weighted)
    entropy = np.log(np.exp(z).sum(-1)) - z[np.arange(len(y)), y]
    expected = np.exp((w * entropy).sum() / w.sum())
    assert run(Perplexity(), weighted) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("metric", [TokenAccuracy, Perplexity])
@pytest.mark.parametrize("ignore_class", [-100, 3, 9])
def test_another_class_is_ignored(metric, ignore_class):
    """As if the tokens that it marks were not there."""
    found, expected = metric(ignore_class=ignore_class), metric(ignore_class=None)
    for y, z, w in batches():
        ignored = (y == 0) | (y == ignore_class)
        marked = np.where(ignored, ignore_class, y).astype("int32")
        found.update_state(marked, z, sample_weight=w)
        expected.update_state(y, z, sample_weight=np.where(ignored, 0, w[:, None]))
    assert float(found.result()) == pytest.approx(float(expected.result()), rel=1e-6)


@pytest.mark.parametrize("metric", [TokenAccuracy, Perplexity])
def test_without_an_ignored_class_weights_do_the_same(metric):
    found, expected, every = metric(ignore_class=None), metric(), metric(ignore_class=None)
    for y, z, _ in batches():
        found.update_state(y, z, sample_weight=(y != 0).astype("float32"))
        expected.update_state(y, z)
        every.update_state(y, z)
    assert float(found.result()) == float(expected.result()) != float(every.result())


def test_untrained_perplexity_is_the_vocabulary_size():
    metric = Perplexity()
    metric.update_state(np.array([[1, 5, 0]]), np.zeros((1, 3, 16), "float32"))
    assert float(metric.result()) == pytest.approx(16.0)


def test_a_tie_counts_its_share():
    metric = TokenAccuracy()
    metric.update_state(np.array([[2]]), np.array([[[0.0, 1.0, 1.0, 1.0, 0.5]]], "float32"))
    assert float(metric.result()) == pytest.approx(1 / 3)


@pytest.mark.parametrize("metric, value", [(TokenAccuracy, 0.0), (Perplexity, 1.0)])
def test_no_token_and_reset(metric, value):
    metric = metric()
    metric.update_state(np.zeros((2, 3), "int32"), np.ones((2, 3, 4), "float32"))
    assert float(metric.result()) == value
    metric.update_state(np.array([[1]]), np.array([[[0.0, -30.0]]], "float32"))
    metric.reset_state()
    assert float(metric.result()) == value


@pytest.mark.parametrize("metric", [TokenAccuracy, Perplexity])
def test_config_round_trip(metric):
    other = metric(name="other", ignore_class=-1)
    again = keras.metrics.deserialize(keras.metrics.serialize(other))
    assert type(again) is metric
    assert (again.name, again.ignore_class) == ("other", -1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits(dtype):
    y, z, _ = next(batches())
    half = keras.ops.cast(z, dtype)
    for make in (TokenAccuracy, Perplexity):
        metric, same = make(), make()
        metric.update_state(y, half)
        same.update_state(y, keras.ops.cast(half, "float32"))
        assert float(metric.result()) == float(same.result())


OUTSIDE = [[[1, 4, 1, 1]], [[4, 1, 1, 1]], [[1, -1, 1, 1]], [[1, 1, 1, 99]], [[1, 1, 1, -100]]]


def judges():
    """A loss and the metrics, as functions of targets and logits."""
    loss = LabelSmoothedCrossEntropy(0.1)

    def judge(metric):
        def value(targets, logits):
            metric.reset_state()
            metric.update_state(targets, logits)
            return metric.result()

        return value

    return {"loss": loss, "accuracy": judge(TokenAccuracy()), "perplexity": judge(Perplexity())}


@pytest.mark.parametrize("name", ["loss", "accuracy", "perplexity"])
@pytest.mark.parametrize(
    "targets, dtype",
    [
        *((targets, "int32") for targets in OUTSIDE),
        (OUTSIDE[-1], "int64"),
        *(pytest.param(targets, "int64", marks=pytest.mark.slow) for targets in OUTSIDE[:-1]),
    ],
)
def test_a_target_that_is_no_class_has_no_logit(name, targets, dtype):
    """It does not take that of another token."""
    targets = np.array(targets, dtype)
    logits = np.random.default_rng(0).normal(size=(1, 4, 4)).astype("float32")
    if BACKEND != "tensorflow":
        value = float(judges()[name](targets, logits))
        assert np.isnan(value) or name == "accuracy"
        return
    import tensorflow as tf

    for run_eagerly in (True, False):
        judge = judges()[name]
        judge = judge if run_eagerly else tf.function(judge)
        with pytest.raises(tf.errors.InvalidArgumentError):
            judge(targets, logits)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="XLA by TensorFlow")
@pytest.mark.parametrize("targets", OUTSIDE)
def test_a_target_that_is_no_class_is_nan_where_nothing_can_raise(targets):
    import tensorflow as tf

    logits = np.random.default_rng(0).normal(size=(1, 4, 4)).astype("float32")
    logits[0, np.arange(4), 1] = 9.0
    loss = tf.function(LabelSmoothedCrossEntropy(0.1), jit_compile=True)
    assert np.isnan(float(loss(np.array(targets), logits)))
    found = tf.function(target_logits, jit_compile=True)(logits, np.array(targets)).numpy()
    outside = (np.array(targets) < 0) | (np.array(targets) > 3)
    assert np.isnan(found[outside]).all() and (found[~outside] == 9.0).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float32"])
def test_targets_of_any_type(dtype):
    logits = np.random.default_rng(0).normal(size=(2, 3, 300)).astype("float32")
    targets = np.array([[1, 255, 7], [0, 200, 128]])
    expected = np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    found = keras.ops.convert_to_numpy(target_logits(logits, targets.astype(dtype)))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("metric", [TokenAccuracy, Perplexity])
def test_a_last_axis_of_1_is_squeezed_as_in_keras(metric):
    found, expected = metric(), metric()
    for y, z, w in batches():
        token_weights = np.repeat(w[:, None], y.shape[1], 1)
        token_weights[:, 0] = 0.5
        expected.update_state(y, z, sample_weight=token_weights)
        found.update_state(y[..., None], z, sample_weight=token_weights[..., None])
    assert float(found.result()) == float(expected.result())


@pytest.mark.parametrize("metric", [TokenAccuracy, Perplexity])
def test_other_shapes_are_refused(metric):
    y, z, w = next(batches())
    with pytest.raises(ValueError, match="`y_true` must be of the shape of the logits without"):
        metric().update_state(y[:, :1], z)
    with pytest.raises(ValueError, match="`sample_weight` must have the sizes of"):
        metric().update_state(y, z, sample_weight=np.ones((1, y.shape[1]), "float32"))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX keeps masks elsewhere")
@pytest.mark.parametrize("metric", [TokenAccuracy, Perplexity])
def test_a_mask_of_the_predictions_leaves_out_tokens(metric):
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(np.array([[5, 3, 0], [2, 0, 0]]))
    logits, targets = keras.layers.Dense(7)(embedded), np.array([[1, 2, 3], [4, 5, 6]])
    targets[0, 0] = keras.ops.convert_to_numpy(logits)[0, 0].argmax()
    weights = np.array([[1, 1, 0], [1, 0, 0]], "float32")
    for given in (None, np.array([[2.0, 1.0, 4.0], [3.0, 1.0, 1.0]], "float32")):
        found, expected = metric(ignore_class=None), metric(ignore_class=None)
        found.update_state(targets, logits, sample_weight=given)
        both = weights if given is None else weights * given
        expected.update_state(targets, keras.ops.convert_to_numpy(logits), sample_weight=both)
        assert float(found.result()) == pytest.approx(float(expected.result()), rel=1e-6)
