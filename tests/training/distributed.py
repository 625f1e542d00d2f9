"""What the processes of the tests of `tf.distribute` share: strategies, and one training."""

import json
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_attention.layers import Dropout
from keras_attention.models import Model
from keras_attention.text.batches.bucketed_batches import BucketedBatches
from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity, TokenAccuracy
from tests.training.exact_models import distilled_model, skewed_rows, token_model


def use_cpus(count):
    """Parts of the CPU as so many devices; their names."""
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    return [f"CPU:{i}" for i in range(count)]


class Rows(BucketedBatches):
    """Length-skewed rows in batches of 8 whose last one has 5, or 1; in an order of their own."""

    def __init__(self, rows=13):
        self.ids, self.targets = skewed_rows(rows)
        super().__init__([np.arange(rows)], [8], seed=3)

    def batch(self, bucket, indices):
        return self.ids[indices], self.targets[indices]


def compiled_model(optimizer=None, distilled=False, **options):
    """A small model of tokens."""
    model = distilled_model() if distilled else token_model(Model)
    model.compile(
        optimizer=optimizer or keras.optimizers.SGD(0.5, global_clipnorm=0.05),
        loss=LabelSmoothedCrossEntropy(),
        metrics=[TokenAccuracy(), Perplexity()],
        **options,
    )
    return model


def dropout_model():
    """ids (B, T) -> whether each of 64 units was kept (B, 64), in training."""
    keras.utils.set_random_seed(1)
    ids = keras.Input((None,), dtype="int32")
    ones = keras.layers.Lambda(lambda x: keras.ops.ones((keras.ops.shape(x)[0], 64)))(ids)
    return Model(ids, Dropout(0.5)(ones))


def flat(weights):
    """A list of arrays as one vector."""
    return np.concatenate([np.ravel(array) for array in weights])


def run_workers(module, arguments, count=2, timeout=600, environment=None):
    """Runs `python -m module arguments` as so many workers; their standard outputs."""
    from keras_attention.cli.launch import worker_environments

    processes = [
        subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            env={**worker, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for worker in worker_environments(count)
    ]
    try:
        results = [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, err) in zip(processes, results, strict=True):
        assert process.returncode == 0, err[-3000:]
    return [json.loads(out.splitlines()[-1]) for out, _ in results]
