"""XLA by measurement: what is measured decides, and leaves nothing behind."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("JAX always compiles", allow_module_level=True)

import tensorflow as tf

from keras_attention.layers import Dropout
from keras_attention.models import Model
from keras_attention.training import LabelSmoothedCrossEntropy, workers
from keras_attention.training import choose_jit as module
from keras_attention.training.choose_jit import choose_jit
from keras_attention.training.training_state import training_state
from tests.training.distributed import Rows
from tests.training.exact_models import VOCABULARY

PAYS = 10**7  # steps


def made():
    """A compiled model of tokens, with dropout, a metric and an optimizer that remembers."""
    keras.utils.set_random_seed(3)
    ids = keras.Input((None,), dtype="int32")
    x = Dropout(0.3)(keras.layers.Embedding(VOCABULARY, 6)(ids))
    model = Model(ids, keras.layers.Dense(VOCABULARY)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def state(model):
    return {name: v.numpy().tobytes() for name, v in training_state(model).items()}


def choose(model, batches, steps=PAYS, shapes=1):
    said = []
    return choose_jit(model, batches, steps, shapes, said.append), said[0]


def trained(model, batches):
    model.fit(batches.dataset(), steps_per_epoch=len(batches), epochs=2, shuffle=False, verbose=0)
    return state(model)


def test_few_steps_are_not_timed():
    choice, said = choose(None, None, steps=28, shapes=7)
    assert (choice, said) == (False, "XLA: no, 28 steps are too few for compiling 7 shapes.")


def of_two_workers(monkeypatch, other_fails=False):
    """As the chief of two workers sees it, the other of which decides as this one."""
    monkeypatch.setattr(workers, "current_strategy", object)
    monkeypatch.setattr(module, "any_worker", lambda flag: flag or other_fails)
    monkeypatch.setattr(module, "decide", lambda function: function())
    monkeypatch.setattr(module, "_cannot_pay", lambda *args: False)
    monkeypatch.setattr(module, "_compared", lambda *args: (True, "as measured"))


def failing_when_compiled(error):
    class Trial(module._Trial):
        def __init__(self, model, batches):
            if model.jit_compile:
                raise error
            super().__init__(model, batches)

    return Trial


def test_a_worker_that_is_gone_is_no_model_that_cannot_be_compiled(monkeypatch):
    of_two_workers(monkeypatch)
    lost = tf.errors.UnavailableError(None, None, "connection reset")
    monkeypatch.setattr(module, "_Trial", failing_when_compiled(lost))
    with pytest.raises(workers.WorkerLost, match="Start all workers again"):
        choose(made(), Rows(16))


def test_what_one_worker_cannot_compile_none_compiles(monkeypatch):
    of_two_workers(monkeypatch, other_fails=True)
    choice, said = choose(made(), Rows(16))
    assert (choice, said) == (False, "XLA: no, another worker cannot compile this model.")
    failure = tf.errors.UnimplementedError(None, None, "no kernel\nand a long story")
    monkeypatch.setattr(module, "_Trial", failing_when_compiled(failure))
    choice, said = choose(made(), Rows(16))
    assert (choice, said) == (False, "XLA: no, it cannot compile this model (no kernel).")


@pytest.mark.parametrize("is_faster", [True, False])
def test_the_faster_one_is_taken_and_nothing_else_changes(monkeypatch, is_faster):
    """The training that follows is that without a trial, bit for bit, and nothing is retraced."""
    traces = []

    def train_step(self, data):
        traces.append(self.jit_compile)
        return stock(self, data)

    stock = Model.train_step
    monkeypatch.setattr(Model, "train_step", train_step)
    batches = Rows(16)
    monkeypatch.setattr(module, "_cannot_pay", lambda *args: False)
    monkeypatch.setattr(module, "_compared", lambda *args: (is_faster, "as measured"))
    model = made()
    model.optimizer.build(model.trainable_variables)
    before = state(model)
    choice, said = choose(model, batches)
    after = state(model)
    assert choice is is_faster and said == f"XLA: {'yes' if is_faster else 'no'}, as measured."
    assert model.jit_compile is is_faster and not model.jit_gradients
    assert {name: after[name] for name in before} == before
    function = model.train_function
    found = trained(model, batches)
    assert model.train_function is function and traces == [False, True]
    other = made()
    other.jit_compile = is_faster
    expected = trained(other, batches)
    assert found == {name: expected[name] for name in found}


def test_it_is_measured():
    """Compiling one shape pays where there are ever so many steps, if XLA is faster at all."""
    seconds = {}

    def noting(without, compiled, steps, shapes):
        seconds.update(without=without.step, compiled=compiled.step, first=compiled.first)
        assert compiled.first > compiled.step > 0 and without.first > without.step > 0
        assert without.function is not compiled.function
        return compared(without, compiled, steps, shapes)

    compared, module._compared = module._compared, noting
    try:
        choice, said = choose(made(), Rows(16))
    finally:
        module._compared = compared
    saved = PAYS * (seconds["without"] - seconds["compiled"])
    assert choice == (saved > seconds["first"] - seconds["compiled"])
    assert "a step takes" in said and "compiling 1 shapes takes" in said


@pytest.mark.parametrize(
    ("first", "step", "steps", "shapes", "is_over"),
    [(5, 0.2, 600, 9, True), (5, 0.2, 1000, 9, False), (5, 0.01, 8000, 9, True)],
)
def test_a_trial_that_cannot_pay(first, step, steps, shapes, is_over):
    class Without:
        pass

    Without.first, Without.step = first, step
    assert module._cannot_pay(Without, steps, shapes) is is_over


@pytest.mark.parametrize(
    ("compiled", "steps", "is_better", "said"),
    [
        (0.15, 10_000, True, "150 ms with it and 250 ms without, so 10,000 steps save 17 minutes"),
        (0.15, 1000, False, "1,000 steps save 100 s; compiling 5 shapes takes 2 minutes"),
        (0.3, 10**6, False, "lose 833 minutes"),
    ],
)
def test_steps_to_come_and_shapes_decide(compiled, steps, is_better, said):
    class Without:
        step = 0.25

    class Compiled:
        first, step = 29.75, compiled

    found, reason = module._compared(Without, Compiled, steps, 5)
    assert found is is_better and said in reason


def test_what_xla_cannot_compile(monkeypatch):
    monkeypatch.setattr(module, "_cannot_pay", lambda *args: False)
    batches = Rows(16)

    class Loss(LabelSmoothedCrossEntropy):
        """A loss that leaves the graph."""

        def call(self, y_true, y_pred):
            scale = tf.numpy_function(lambda: np.float32(1), [], tf.float32)
            return super().call(y_true, y_pred) * scale

    model = made()
    model.compile("adam", Loss(0.1))
    choice, said = choose(model, batches)
    assert choice is False and said.startswith("XLA: no, it cannot compile this model (")
    assert "\n" not in said
    trained(model, batches)


def test_on_two_replicas():
    command = [sys.executable, "-m", "tests.training.choose_jit_run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.stdout, done.stderr[-3000:]
    choice, said, own, is_unchanged, steps = json.loads(done.stdout.splitlines()[-1])
    assert is_unchanged and steps == 0
    assert own == [False, choice]  # XLA compiles the passes of a replica, not the exchange
    assert len(said) == 1 and "a step takes" in said[0]
