import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.models import Model
from keras_attention.training import (
    LabelSmoothedCrossEntropy,
    Perplexity,
    TokenAccuracy,
    TokenLoss,
)
from tests.backend import BACKEND


class SquaredError(TokenLoss):
    """Targets below 0 are no values."""

    def call(self, y_true, y_pred):
        return ops.square(ops.cast(y_true, "float32") - y_pred)

    def token_weights(self, y_true, sample_weight=None):
        weights = super().token_weights(y_true, sample_weight)
        return weights * ops.cast(y_true >= 0, "float32")


TARGETS = np.array([[1.0, -1.0, 3.0], [2.0, 5.0, -1.0]], "float32")
ZEROS = np.zeros((2, 3), "float32")


def test_divides_by_the_weights():
    assert float(SquaredError()(TARGETS, ZEROS)) == pytest.approx((1 + 9 + 4 + 25) / 4)
    found = float(SquaredError()(TARGETS, ZEROS, np.array([1.0, 3.0], "float32")))
    assert found == pytest.approx((1 + 9 + 3 * 4 + 3 * 25) / 8)


def test_its_count_is_what_divides():
    mean, count = SquaredError().mean_and_count(TARGETS, ZEROS)
    assert (float(mean), float(count)) == (pytest.approx(39 / 4), 4.0)
    mean, count = SquaredError().mean_and_count(-TARGETS - 9, ZEROS)
    assert (float(mean), float(count)) == (0.0, 0.0)  # not 0 / 0


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX keeps masks elsewhere")
def test_a_mask_of_the_predictions_leaves_out_tokens():
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(np.array([[5, 3, 0], [2, 0, 0]]))
    logits, targets = keras.layers.Dense(7)(embedded), np.array([[1, 2, 3], [4, 5, 6]])
    loss = LabelSmoothedCrossEntropy(ignore_class=None)
    weights = np.array([[1, 1, 0], [1, 0, 0]], "float32")
    expected = float(loss(targets, ops.convert_to_numpy(logits), weights))
    assert float(loss(targets, logits)) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="The mask of an output must have as many axes as its tar"):
        SquaredError()(targets[:, 0], logits)


LOGITS = np.random.default_rng(0).normal(size=(2, 3, 7)).astype("float32")
CLASSES = np.array([[1, 2, 3], [4, 5, 6]])
WEIGHTS = np.array([[1.0, 2.0, 0.5], [3.0, 0.0, 1.0]], "float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_last_axis_of_1_is_squeezed_as_in_keras(smoothing):
    loss = LabelSmoothedCrossEntropy(smoothing, ignore_class=None)
    expected = float(loss(CLASSES, LOGITS, WEIGHTS))
    for targets in (CLASSES, CLASSES[..., None]):
        for weights in (WEIGHTS, WEIGHTS[..., None]):
            assert float(loss(targets, LOGITS, weights)) == expected
    rows = float(loss(CLASSES[:, 0], LOGITS[:, 0], WEIGHTS[:, 0]))
    assert float(loss(CLASSES[:, :1], LOGITS[:, 0], WEIGHTS[:, :1])) == rows
    of_rows = float(loss(CLASSES, LOGITS, WEIGHTS[:, 0]))
    assert float(loss(CLASSES, LOGITS, WEIGHTS[:, :1])) == of_rows


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (3, 3), (2, 3, 2), (3,), (1, 3, 1)])
def test_weights_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="`sample_weight` must have .* Received: shape=") as caught:
        LabelSmoothedCrossEntropy()(CLASSES, LOGITS, np.ones(shape, "float32"))
    assert str(shape if shape != (1, 3, 1) else (1, 3)) in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (2, 3, 2), (2,), (1, 3, 1), (2, 3, 1, 1)])
def test_targets_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="`y_true` must be of the shape of the logits without"):
        LabelSmoothedCrossEntropy()(np.ones(shape, "int32"), LOGITS)


def test_values_that_do_not_belong_to_the_targets_are_refused():
    for targets in (TARGETS[:, :1], TARGETS[:1], TARGETS[0, 0]):
        with pytest.raises(ValueError, match="`call` of SquaredError must return a value for each"):
            SquaredError()(targets, ZEROS)


def test_in_training_steps():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,), dtype="int32")
    model = Model(inputs, keras.layers.Dense(7)(keras.layers.Embedding(9, 4)(inputs)))
    metrics = [TokenAccuracy(), Perplexity()]
    loss = LabelSmoothedCrossEntropy()
    weighted = [Perplexity(name="weighted")]
    model.compile(keras.optimizers.SGD(1e-9), loss, metrics=metrics, weighted_metrics=weighted)
    logits = ops.convert_to_numpy(model(CLASSES))
    expected = {"loss": loss(CLASSES, logits, WEIGHTS)}
    for metric, weights in ((TokenAccuracy(), None), (Perplexity(), None), (weighted[0], WEIGHTS)):
        metric.update_state(CLASSES, logits, weights)
        expected[metric.name] = metric.result()
        metric.reset_state()
    batch = CLASSES, CLASSES[..., None], WEIGHTS[..., None]
    for step in (model.train_on_batch, model.test_on_batch):
        found = step(*batch, return_dict=True)
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert float(found[name]) == pytest.approx(float(value), rel=1e-5)
        with pytest.raises(ValueError, match="`sample_weight` must have "):
            step(CLASSES, CLASSES[..., None], WEIGHTS[:1])
    # Targets of the other form, in a step that has been traced for this one.
    found = model.test_on_batch(CLASSES, CLASSES, return_dict=True)
    assert float(found["loss"]) == pytest.approx(float(loss(CLASSES, logits)), rel=1e-5)
