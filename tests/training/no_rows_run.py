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


def sliceable(structure):
    """Lists as tuples: `tf.data` takes a list for one tensor."""
    if isinstance(structure, dict):
        return {name: sliceable(each) for name, each in structure.items()}
    if isinstance(structure, (list, tuple)):
        return tuple(map(sliceable, structure))
    return structure


def assert_same(found, expected):
    assert np.isfinite(found[2]).all()
    for logs, expected_logs in zip(found[:2], expected[:2], strict=True):
        assert logs == pytest.approx(expected_logs, rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(found[2], expected[2], atol=1e-5, rtol=1e-4)


@settings(max_examples=1, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(cases(), st.integers(1, 3), st.sampled_from([1, 2]))
@example(OF_TOKENS, 1, 3)
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

    data = sliceable([each for each in make_data(case) if each is not None])
    found = fit(STRATEGY, model, lambda: options(micro_batches), data)
    assert_same(found, fit(DEFAULT, model, options, data))


def check_batch_normalization(rows, stock):
    """Each replica normalises its own rows and keeps its own statistics; the first's are saved."""
    data = tuple(np.random.default_rng(0).normal(size=(2, rows, 3)).astype("float32"))

    def trained(strategy, cls):
        return fit(strategy, lambda: kept_model(cls)[0], lambda: kept_model(cls)[1], data)

    assert_same(trained(STRATEGY, Model), trained(*stock))


def check_refusal():
    """A loss that takes rows together; a part of it cannot stand for the whole."""
    inputs = keras.Input((3,))
    data = np.random.default_rng(0).random((2, 4, 3)).astype("float32")
    with STRATEGY.scope():
        model = Model(inputs, layers.Dense(3, "sigmoid")(inputs))
        model.compile("sgd", losses.Dice())
    batch = tf.data.Dataset.from_tensor_slices(tuple(data)).batch(4)
    for step in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="must have a value for each row"):
            step(batch, verbose=0)


if __name__ == "__main__":
    check_replicas_agree_with_one_device()
    check_batch_normalization(rows=1, stock=(DEFAULT, Model))
    check_batch_normalization(rows=4, stock=(STRATEGY, keras.Model))
    check_refusal()
