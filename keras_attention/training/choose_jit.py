"""Whether XLA compiles a training: decided by timed steps, before the first update."""

import contextlib
import time

import keras
import numpy as np

from keras_attention.training.callback_state import build_metrics
from keras_attention.training.training_state import training_state
from keras_attention.training.workers import any_worker, decide, worker_lost

# Assumptions: docs/lab-notes.md, "XLA by measurement". A trial that cannot pay is not made.
LEAST_COMPILING = 2  # times the first step without XLA, which is traced and not compiled
MOST_GAIN = 2  # times as fast
TIMED_STEPS = 3
AUTO = "auto"


def choose_jit(model, batches, steps, shapes, say=print):
    """Whether XLA makes a training shorter, compiling included.

    It times steps on the first batch without XLA, and with it where that could pay. What they
    change is put back, to the bit. The model keeps the function that it has been compiled with, so
    that `fit` does not compile it again. Of several workers the chief decides.

    Args:
        model: a compiled `keras_attention.models.Model`, untrained.
        batches: those of training, with `dataset` and `example`.
        steps: number of updates to come.
        shapes: number of shapes of batches, which XLA compiles one by one.
        say: function of a sentence that gives the decision and its reason.

    Returns:
        True or False. `model` is compiled accordingly.
    """
    if keras.backend.backend() != "tensorflow":  # without XLA, JAX runs operations one by one
        say("XLA: yes.")
        return True
    if steps <= 2 * LEAST_COMPILING * shapes:  # whatever a step takes
        return _told(say, False, _too_few(steps, shapes))
    from keras_attention.training.distribution import uncompilable

    with worker_lost(), _put_back(model, batches.example()):
        _set_jit(model, False)
        without = _Trial(model, batches)
        without.time_steps(1)
        if decide(lambda: _cannot_pay(without, steps, shapes)):
            return _told(say, False, _too_few(steps, shapes, decide(lambda: without.step)))
        without.time_steps(TIMED_STEPS)
        _set_jit(model, True)
        function, problem = without.function, None
        try:
            with worker_lost():  # that says nothing of the model
                compiled = _Trial(model, batches)
                compiled.time_steps(TIMED_STEPS)
        except uncompilable() as error:
            problem = f"it cannot compile this model ({_first_line(error)})"
        if any_worker(problem is not None):  # all go on alike
            is_better = False
            reason = problem or "another worker cannot compile this model"
        else:
            is_better, reason = decide(lambda: _compared(without, compiled, steps, shapes))
        if not is_better:
            _set_jit(model, False)
            model.train_function = function
    return _told(say, is_better, reason)


class _Trial:
    """Steps on the first batch, one after the other.

    Attributes:
        function: that of the step, as `fit` calls it.
        first: seconds of the first step, tracing and compiling included.
        step: median seconds of the others.
    """

    def __init__(self, model, batches):
        from keras_attention.training.distribution import distributed_dataset

        model.make_train_function(force=True)
        self.function = model.train_function
        self._batches = iter(distributed_dataset(_FirstBatch(batches)))
        self._seconds = []
        self.first = self._time()

    def time_steps(self, count):
        self._seconds += [self._time() for _ in range(count)]
        self.step = float(np.median(self._seconds))

    def _time(self):
        started = time.perf_counter()
        keras.tree.map_structure(np.asarray, self.function(self._batches))  # waits for it
        return time.perf_counter() - started


class _FirstBatch:
    """The first batch again and again, with the signature of all: `fit` then traces nothing new."""

    def __init__(self, batches):
        self._batches = batches

    def dataset(self, **position):
        shares = position.get("shares")
        count = 1 if shares is None else len(shares[0])
        return self._batches.dataset(**position).take(count).cache().repeat()


@contextlib.contextmanager
def _put_back(model, example):
    """What the block changes of a model and its optimizer is put back."""
    with model.distribute_strategy.scope():
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        build_metrics(model, example)
    state = training_state(model)
    before = {name: np.array(variable.numpy()) for name, variable in state.items()}
    yield
    for name, variable in state.items():
        variable.assign(before[name])
    model.reset_metrics()


def _set_jit(model, jit):
    from keras_attention.training.distribution import jit_options

    for name, value in jit_options(jit).items():
        setattr(model, name, value)


def _first_line(error):
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def _cannot_pay(without, steps, shapes):
    saved = steps * without.step * (1 - 1 / MOST_GAIN)
    return saved <= shapes * LEAST_COMPILING * without.first


def _compared(without, compiled, steps, shapes):
    """Whether XLA is better, and why, in words."""
    saved = steps * (without.step - compiled.step)
    compiling = shapes * max(0.0, compiled.first - compiled.step)
    reason = (
        f"a step takes {_duration(compiled.step)} with it and {_duration(without.step)} without, "
        f"so {steps:,} steps {'save' if saved > 0 else 'lose'} {_duration(abs(saved))}; compiling "
        f"{shapes} shapes takes {_duration(compiling)}"
    )
    return saved > compiling, reason


def _too_few(steps, shapes, step=None):
    each = "" if step is None else f" of {_duration(step)}"
    return f"{steps:,} steps{each} are too few for compiling {shapes} shapes"


def _duration(seconds):
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes"


def _told(say, jit, reason):
    say(f"XLA: {'yes' if jit else 'no'}, {reason}.")
    return jit
