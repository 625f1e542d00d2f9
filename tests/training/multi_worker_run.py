"""One of several workers: `python -m tests.training.multi_worker_run OUTPUT CASE ...`.

Trains, evaluates and predicts; prints what it found as a line of JSON. The chief writes OUTPUT.
"""

import json
import os
import sys

import keras
import numpy as np

from keras_attention._validation import InputError
from keras_attention.training import workers
from keras_attention.training.distribution import distributed_dataset, make_strategy
from tests.training.distributed import Rows, compiled_model, flat

EVALUATED = ("sgd", "one_row", "distilled")  # the others differ in the update alone
CASES = {
    "sgd": dict(),
    "one_row": dict(rows=9),
    "adam": dict(optimizer=lambda: keras.optimizers.Adam(0.01)),
    "micro_batches": dict(micro_batches=3),
    "jit_gradients": dict(jit_gradients=True),
    "distilled": dict(distilled=True),
}


def train(name, rows=13, optimizer=None, **options):
    """The weights after two epochs, with the logs of these, and of an evaluation."""
    model, batches = compiled_model(optimizer and optimizer(), **options), Rows(rows)
    validation = {}
    if name in EVALUATED:
        validation["validation_data"] = distributed_dataset(batches, epochs=1)
        validation["validation_steps"] = len(batches)
    history = model.fit(
        distributed_dataset(batches),
        steps_per_epoch=len(batches),
        epochs=2,
        verbose=0,
        shuffle=False,
        **validation,
    ).history
    logs = [value for name in sorted(history) for value in history[name]]
    if name not in EVALUATED:
        return model, flat(model.get_weights()), np.array(logs), np.zeros((0, 0, 0))
    evaluated = model.evaluate(
        distributed_dataset(batches, epochs=1), steps=len(batches), verbose=0, return_dict=True
    )
    predicted = model.predict(distributed_dataset(batches, epochs=1), steps=len(batches), verbose=0)
    return model, flat(model.get_weights()), np.array([*logs, *evaluated.values()]), predicted


def results_of(strategy, cases):
    """What these cases train under a strategy, arrays by name; and the last model."""
    results = {}
    with strategy.scope():
        for name in cases:
            model, results[name], results[f"{name}_logs"], predicted = train(name, **CASES[name])
            results[f"{name}_rows"] = np.sort(predicted.sum(axis=(1, 2)))
    return results, model


def main(output, cases):
    strategy = make_strategy("multi-worker")
    results, model = results_of(strategy, cases)
    with strategy.scope():
        found = {"weights": float(np.abs(results[cases[0]]).sum()), **agreements(model)}
    if found["is_chief"]:
        np.savez(output, **results)
    print(json.dumps(found))


def agreements(model):
    """What this worker is told by `workers`."""

    def fails():
        raise InputError("the chief's files are no good")

    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    try:
        workers.decide(fails)
        error = None
    except InputError as caught:
        error = str(caught)
    data = np.random.default_rng(index).bytes(100_003)
    model.set_weights([array + index for array in model.get_weights()])
    workers.share_weights(model)
    return {
        "is_chief": workers.is_chief(),
        "decided": workers.decide(lambda: {"index": index}),
        "error": error,
        "shared": workers.share_bytes(data) == np.random.default_rng(0).bytes(100_003),
        "none": workers.any_worker(False),
        "one": workers.any_worker(index == 1),
        "given": float(flat(model.get_weights()).sum()),
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
