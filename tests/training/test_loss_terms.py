import keras
import numpy as np
import pytest

from keras_attention.training.loss_terms import mean_and_count

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.integers(0, 5, (3, 4)).astype("int32")
LOGITS = RANDOM.normal(size=(3, 4, 5)).astype("float32")
VECTORS = RANDOM.normal(size=(3, 4)).astype("float32"), RANDOM.normal(size=(3, 4)).astype("float32")


def sparse(reduction="sum_over_batch_size", **options):
    return keras.losses.SparseCategoricalCrossentropy(True, reduction=reduction, **options)


@pytest.mark.parametrize(
    "loss, expected",
    [
        (sparse(), 12),
        (sparse("mean"), 12),
        (sparse("mean_with_sample_weight"), 12),
        (sparse("sum"), None),
        (keras.losses.CategoricalCrossentropy(True), 12),
    ],
)
def test_the_count_is_the_number_of_values(loss, expected):
    targets = TARGETS if "Sparse" in type(loss).__name__ else np.eye(5, dtype="float32")[TARGETS]
    mean, count = mean_and_count(loss, targets, LOGITS)
    assert float(mean) == pytest.approx(float(loss(targets, LOGITS)), rel=1e-6)
    assert count is None if expected is None else float(count) == expected


def test_weights_count_where_the_loss_divides_by_them():
    weights = RANDOM.uniform(size=(3, 4)).astype("float32")
    for reduction, expected in (("mean", 12), ("mean_with_sample_weight", weights.sum())):
        loss = sparse(reduction)
        mean, count = mean_and_count(loss, TARGETS, LOGITS, weights)
        assert float(mean) == pytest.approx(float(loss(TARGETS, LOGITS, weights)), rel=1e-6)
        assert float(count) == pytest.approx(expected)


def test_weights_of_rows_reach_all_their_values():
    rows = np.array([1.0, 0.0, 3.0], "float32")
    for reduction in ("mean", "mean_with_sample_weight"):
        found = mean_and_count(sparse(reduction), TARGETS, LOGITS, rows)
        expected = mean_and_count(
            sparse(reduction), TARGETS, LOGITS, np.repeat(rows[:, None], 4, 1)
        )
        assert [float(x) for x in found] == pytest.approx([float(x) for x in expected])


def test_weights_with_more_axes_than_values_are_refused():
    """Keras would multiply (3,) by (3, 4), or, were there four rows, by the wrong axis."""
    loss, weights = keras.losses.MeanSquaredError(), np.ones((3, 4), "float32")
    with pytest.raises(ValueError, match="`sample_weight` must have at most as many axes"):
        mean_and_count(loss, *VECTORS, weights)


def test_weights_of_one_number_a_row():
    """Keras takes the mean over the rows before it multiplies by their weights."""
    y_true, y_pred = VECTORS[0][:, 0], VECTORS[1][:, 0]
    weights = np.array([1.0, 0.0, 3.0], "float32")
    mean, count = mean_and_count(keras.losses.MeanSquaredError(), y_true, y_pred, weights)
    assert float(mean) == pytest.approx((weights * (y_true - y_pred) ** 2).mean(), rel=1e-6)
    assert float(count) == 3


def test_a_number_for_a_batch_counts_by_rows():
    loss = keras.losses.Dice()
    y_true = np.abs(VECTORS[0])
    mean, count = mean_and_count(loss, y_true, VECTORS[1])
    assert float(mean) == pytest.approx(float(loss(y_true, VECTORS[1])), rel=1e-6)
    assert float(count) == 3


def test_a_loss_without_reduction_is_refused():
    with pytest.raises(ValueError, match="`reduction` of a loss must be .* Received: reduction=No"):
        mean_and_count(sparse(None), TARGETS, LOGITS)
