import time

import keras
import numpy as np
import pytest

from keras_attention.runs.input_pipeline_monitor import InputPipelineMonitor
from keras_attention.text.batches.bucketed_batches import BucketedBatches


class SlowBatches(BucketedBatches):
    """Twelve batches of two rows, each of which takes its time."""

    def __init__(self, seconds):
        super().__init__([np.arange(24)], [2], seed=0)
        self.seconds = seconds

    def batch(self, bucket, indices):
        time.sleep(self.seconds)
        rows = indices.astype("float32")[:, None]
        return rows, rows


class SlowStep(keras.callbacks.Callback):
    """A step that takes its time."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)


def measured(making, stepping):
    batches = SlowBatches(making)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    rate = InputPipelineMonitor()
    watched = rate.watch(batches)
    assert len(watched) == 12
    assert batches.epochs.__func__ is BucketedBatches.epochs  # the caller's are as they were
    # The step's own callback comes first, so that what it takes belongs to the step.
    callbacks = [SlowStep(stepping), rate]
    for epoch in range(2):  # as a training that resumes within an epoch calls it
        model.fit(
            watched.dataset(epoch, 0),
            steps_per_epoch=12,
            callbacks=callbacks,
            verbose=0,
            shuffle=False,
        )
    return rate


def test_the_device_never_waits_for_a_fast_pipeline():
    rate = measured(making=0.0, stepping=0.05)
    assert rate.steps == 22  # all but the first of each fit
    assert rate.stepping > 22 * 0.05
    assert rate.waiting == 0
    said = rate.sentence()
    assert said.startswith("The input pipeline makes ")
    assert said.endswith("): the device never waits for it.")
    ratio = float(said.split("a ratio of ")[1].split(")")[0].replace(",", ""))
    assert ratio > 5


def test_the_device_waits_for_a_slow_pipeline():
    rate = measured(making=0.05, stepping=0.0)
    assert rate.working / rate.batches >= 0.05
    # Batches are made while the first step of a fit compiles; the others must be waited for.
    assert rate.waiting > 0.1
    assert "the device waits for it " in rate.sentence()
    assert "never" not in rate.sentence()


def test_work_of_other_threads_counts():
    class Helped(SlowBatches):
        def batch(self, bucket, indices):
            self.background += 2.0
            return super().batch(bucket, indices)

    rate = InputPipelineMonitor()
    list(rate.watch(Helped(0.0)).epochs(epochs=1))
    assert rate.batches == 12
    assert rate.working == pytest.approx(24, abs=1)


def test_too_few_steps_say_nothing():
    assert InputPipelineMonitor().sentence() == ""
