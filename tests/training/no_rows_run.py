"""Run as `python -m tests.training.no_rows_run`: trainings on two replicas, often with one idle.

It ends with an error if one differs from that on one device. One process holds one strategy, and
the replicas run eagerly, so that no example takes the time of a trace.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from keras import layers, losses

from keras_attention.models import Model
from keras_attention.training import LabelSmoothedCrossEntropy
from tests.training.distributed import use_cpus
from tests.training.test_exact_losses import (
    FEW_ROWS,
    STRUCTURES,
    cases,
    kept_model,
    make_data,
    make_model,
    one_number,
)

STRATEGY = tf.distribute.MirroredStrategy(use_cpus(2))
DEFAULT = tf.distribute.get_strategy()
OF_TOKENS = {**FEW_ROWS, "structure": "tokens", "chosen": [LabelSmoothedCrossEntropy()]}
OF_SEVERAL = {
    **FEW_ROWS,
    "structure": "nested",
    "chosen": ["mse", LabelSmoothedCrossEntropy(), losses.BinaryCrossentropy(True)],
    "loss_weights": [0.5, 3.0, 2.0],
}


def fit(strategy, model, options, data):
    """The logs of `fit` and `evaluate` on one batch, and the weights."""
    with strategy.scope():
        model = model()
        model.compile(**options(), run_eagerly=True)
    batch = tf.data.Dataset.from_tensor_slices(data).batch(99)
    logs = model.fit(batch, shuffle=False, verbose=0).history
    evaluated = model.evaluate(batch, verbose=0, return_dict=True)
    logs = {name: value for name, (value,) in logs.items()}
    return logs, evaluated, np.concatenate([np.ravel(w) for w in model.get_weights()])


def assert_same(found, expected):
    assert np.isfinite(found[2]).all()
    for logs, expected_logs in zip(found[:2], expected[:2], strict=True):
        assert logs == pytest.approx(expected_logs, rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(found[2], expected[2], atol=1e-5, rtol=1e-4)


@settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(cases(), st.integers(1, 3), st.sampled_from([1, 2]))
@example(OF_TOKENS, 1, 1)
@example(OF_TOKENS, 1, 3)
@example({**FEW_ROWS, "chosen": ["mse"]}, 1, 1)
@example({**FEW_ROWS, "chosen": ["mse"], "regularizer": "added"}, 1, 1)
@example({**FEW_ROWS, "chosen": [one_number], "regularizer": "added"}, 1, 2)
@example(OF_SEVERAL, 1, 1)
@example(OF_SEVERAL, 3, 2)
def check_replicas_agree_with_one_device(case, rows, micro_batches):
    case = {**case, "rows": rows}
    _, pack = STRUCTURES[case["structure"]]
    factors = case["loss_weights"]
    if factors:
        several = len(case["chosen"]) > 1
        factors = pack(factors[: len(case["chosen"])]) if several else 0.5

    def options(parts=1):
        return dict(
            optimizer=keras.optimizers.SGD(1.0, global_clipnorm=0.5),
            loss=pack(case["chosen"]),
            loss_weights=factors,
            micro_batches=parts,
        )

    def model():
        return make_model(Model, case)

    data = tuple(each for each in make_data(case) if each is not None)
    data = tuple(tuple(each) if isinstance(each, list) else each for each in data)
    data = keras.tree.map_structure(np.asarray, data)
    found = fit(STRATEGY, model, lambda: options(micro_batches), data)
    assert_same(found, fit(DEFAULT, model, options, data))


def check_batch_normalization():
    """Each replica normalises its own rows and keeps its own statistics; the first's are saved."""
    random = np.random.default_rng(0)

    def trained(strategy, cls, rows):
        data = random.normal(size=(2, rows, 3)).astype("float32")
        return fit(strategy, lambda: kept_model(cls)[0], lambda: kept_model(cls)[1], tuple(data))

    random = np.random.default_rng(0)
    found = trained(STRATEGY, Model, 1)
    random = np.random.default_rng(0)
    assert_same(found, trained(DEFAULT, Model, 1))
    random = np.random.default_rng(0)
    found = trained(STRATEGY, Model, 4)
    random = np.random.default_rng(0)
    assert_same(found, trained(STRATEGY, keras.Model, 4))


def check_refusal():
    """A loss that takes rows together; a part of it cannot stand for the whole."""
    model = lambda: Model(inputs := keras.Input((3,)), layers.Dense(3, "sigmoid")(inputs))  # noqa: E731
    data = np.random.default_rng(0).random((2, 4, 3)).astype("float32")
    with pytest.raises(ValueError, match="must have a value for each row"):
        fit(STRATEGY, model, lambda: dict(loss=losses.Dice()), tuple(data))


if __name__ == "__main__":
    check_replicas_agree_with_one_device()
    check_batch_normalization()
    check_refusal()
