import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.training import LabelSmoothedCrossEntropy, TokenLoss
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
