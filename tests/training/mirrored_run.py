"""Run as `python -m tests.training.mirrored_run REPLICAS OUTPUT.npz CASE ...`: trained weights.

REPLICAS is a number, or "one" for `OneDeviceStrategy` instead of no strategy.
One process holds one strategy: a second one in the same process aborts its collectives.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity, TokenAccuracy
from tests.training.distributed import dropout_model, use_cpus
from tests.training.exact_models import (
    distilled_model,
    masked_outputs,
    recurrent_model,
    skewed_rows,
    token_model,
)

# Those that differ in the update alone: nothing of it is in an evaluation or a prediction.
UPDATES = (
    *("clipped", "clipped_each", "clipped_values"),
    *("micro_batches", "jit_gradients", "adam", "overflow"),
)

# Of batches of 8 rows: 8, then 5 (3 + 2 on two replicas) or 1 (1 + 0).
CASES = {
    "full": dict(rows=16),
    "uneven": dict(rows=13),
    "one_row": dict(rows=9),
    "clipped": dict(rows=13, global_clipnorm=0.05),
    "clipped_each": dict(rows=13, clipnorm=0.03),
    "clipped_values": dict(rows=13, clipvalue=0.004),
    "micro_batches": dict(rows=13, micro_batches=3, global_clipnorm=0.05),
    "regularized": dict(rows=13, regularizer=keras.regularizers.L2(0.1)),
    "half": dict(rows=13, dtype="mixed_float16", global_clipnorm=0.05),
    "jit_gradients": dict(rows=13, global_clipnorm=0.05, jit_gradients=True),
    "adam": dict(rows=13, optimizer=keras.optimizers.Adam, learning_rate=0.01),
    "overflow": dict(rows=16, dtype="mixed_float16", overflow=True),
    "outputs": dict(rows=13, kind="outputs", learning_rate=0.1),
    "outputs_in_parts": dict(
        rows=13, kind="outputs", micro_batches=2, jit_gradients=True, learning_rate=0.1
    ),
    "recurrent": dict(rows=9, kind="recurrent"),
    "distilled": dict(rows=9, kind="distilled", learning_rate=0.1),
    "distilled_in_parts": dict(
        rows=13, kind="distilled", micro_batches=2, jit_gradients=True, learning_rate=0.1
    ),
}


def overflow_in_row_7(model, ids):
    """Makes the first batch overflow on the last replica alone, which has row 7 of 8."""
    table = model.get_layer("embedding").get_weights()[0]
    table[-1] = 1e6  # infinite in half precision
    model.get_layer("embedding").set_weights([table])
    ids[ids == len(table) - 1] = 1
    ids[7, 0] = len(table) - 1


def compile_options(kind):
    """The losses and metrics of a kind of model."""
    if kind == "outputs":  # Keras' own bookkeeping: a mask, an ignored class, a log for each loss
        sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        return dict(loss=[sparse, "mse"], loss_weights=[1.0, 3.0], metrics=[["accuracy"], ["mae"]])
    return dict(loss=LabelSmoothedCrossEntropy(), metrics=[TokenAccuracy(), Perplexity()])


def train(
    rows,
    kind="tokens",
    micro_batches=1,
    jit_gradients=False,
    regularizer=None,
    dtype=None,
    overflow=False,
    evaluated=True,
    optimizer=keras.optimizers.SGD,
    learning_rate=0.5,
    **clip,
):
    if kind == "tokens":
        model = token_model(regularizer=regularizer, dtype=dtype)
    else:
        kinds = {"outputs": masked_outputs, "recurrent": recurrent_model}
        model = {**kinds, "distilled": distilled_model}[kind]()
    optimizer = optimizer(learning_rate, **clip)
    if dtype:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0**10)
    model.compile(
        optimizer=optimizer,
        micro_batches=micro_batches,
        jit_gradients=jit_gradients,
        **compile_options(kind),
    )
    ids, targets = skewed_rows(rows)
    if overflow:
        overflow_in_row_7(model, ids)
    if kind == "outputs":
        targets[targets == 5] = -1
        targets = targets, np.arange(rows, dtype="float32")[:, None] % 3
    dataset = tf.data.Dataset.from_tensor_slices((ids, targets)).batch(8)
    history = model.fit(dataset, verbose=0, shuffle=False).history
    logs = [history[name][0] for name in sorted(history)]
    predicted = np.zeros(0)
    if evaluated:
        found = model.evaluate(dataset, verbose=0, return_dict=True)
        logs += [found[name] for name in sorted(found)]
        predicted = keras.tree.flatten(model.predict(dataset, verbose=0))
        predicted = np.concatenate([np.ravel(each) for each in predicted])
    weights = np.concatenate([np.ravel(w) for w in model.get_weights()])
    scale = [float(optimizer.dynamic_scale.numpy())] if dtype else []
    return weights, np.array(logs + scale), predicted


def results_of(strategy, cases):
    """What these cases train under a strategy: arrays by name."""
    results = {}
    with strategy.scope():
        for name in cases:
            results[name], results[f"{name}_logs"], predicted = train(
                **CASES[name], evaluated=name not in UPDATES
            )
            results[f"{name}_predicted"] = predicted.astype("float32")
        model = dropout_model()
        kept = strategy.run(lambda: model(np.ones((4, 1), "int32"), training=True))
        results["kept"] = np.stack([x.numpy() for x in strategy.experimental_local_results(kept)])
    return results


def main(replicas, output, cases):
    strategy = tf.distribute.get_strategy()
    devices = use_cpus(1 if replicas == "one" else int(replicas))
    if replicas == "one":
        strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    elif len(devices) > 1:
        strategy = tf.distribute.MirroredStrategy(devices)
    np.savez(output, **results_of(strategy, cases))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
