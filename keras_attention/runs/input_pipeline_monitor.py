"""How fast the input pipeline makes batches, compared with the training step."""

import collections
import copy
import time

import keras


class InputPipelineMonitor(keras.callbacks.Callback):
    """Measures how fast batches are made while a model trains on them.

    A batch is made in another thread than the one that takes the steps, some batches ahead. A step
    waits for its batch if it begins before that has been made: both moments are noted, so the
    waiting is measured, not concluded from averages. The first step of each `fit` is left out: it
    finds nothing made, and compiles.

    >>> rate = InputPipelineMonitor()
    >>> model.fit(rate.watch(batches).dataset(), steps_per_epoch=len(batches), callbacks=[rate])
    >>> print(rate.sentence())
    """

    def __init__(self):
        super().__init__()
        self._made = collections.deque()  # when each batch was there that no step has had yet
        self._is_first = True
        self._begin = None
        self.batches, self.working = 0, 0.0  # made, and the seconds that took
        self.steps, self.stepping, self.waiting = 0, 0.0, 0.0

    def watch(self, batches):
        """`batches`, whose generators are timed."""
        watched = copy.copy(batches)

        def epochs(*args, **kwargs):
            made = self._made = collections.deque()
            background = batches.background
            iterator = batches.epochs(*args, **kwargs)
            while True:
                started = time.perf_counter()
                batch = next(iterator, None)
                if batch is None:
                    return
                now = time.perf_counter()
                made.append(now)
                # What another thread has done for this batch counts, waiting for it does not.
                self.working += now - started + batches.background - background
                background = batches.background
                self.batches += 1
                yield batch

        watched.epochs = epochs
        return watched

    def on_train_begin(self, logs=None):
        self._is_first = True

    def on_train_batch_begin(self, batch, logs=None):
        self._begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if not self._made:  # `fit` reads from another generator than the last one that began
            return
        made = self._made.popleft()
        if not self._is_first:
            self.steps += 1
            self.stepping += time.perf_counter() - self._begin
            self.waiting += max(0.0, made - self._begin)
        self._is_first = False

    def sentence(self):
        """What was measured, or "" if there were too few steps.

        The rate of the steps is that without waiting.
        """
        if not self.steps or self.working <= 0:
            return ""
        made, taken = self.batches / self.working, self.steps / (self.stepping - self.waiting)
        share = self.waiting / self.stepping
        says = "never waits for it" if not share else f"waits for it {share:.1%} of the time"
        return (
            f"The input pipeline makes {_number(made)} batches a second, the step takes "
            f"{_number(taken)} a second (a ratio of {_number(made / taken)}): the device {says}."
        )


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
