"""Batches of a corpus that is read window by window."""

import numpy as np

from keras_attention._validation import InputError
from keras_attention.text.batches.bucketed_batches import BucketedBatches, batch_counts
from keras_attention.text.batches.corpus_measure import encode_in_parts
from keras_attention.text.batches.prefetch import prefetch


class WindowedBatches(BucketedBatches):
    """Batches of a sharded corpus, window by window, in an order that `seed` fixes.

    An epoch goes through all windows. Their order is a pure function of (seed, epoch), and the
    order of the rows and batches in a window is one of (seed, epoch, window). The number of batches
    in each window is known, so a step determines its window. Training can therefore resume exactly
    at any step of any epoch, and reads only that window to do so. While a window is in use, a
    thread reads and encodes the next one. Two windows are in memory.

    Args:
        corpus: `ShardedCorpus`.
        measure: its `CorpusMeasure`, made with the same `encode`.
        buckets: the buckets of the measure, with its `longest`.
        encode: see `measure_corpus`.
        make: function of a list of id lists for each side. It gives the `BucketedBatches` of a
            window, made with `buckets` and `seed`.
        seed: integer.
        pass_on: `pass_on` of the batches that `make` gives: see `BucketedBatches`.

    Attributes:
        dropped: number of rows left out because they are too long.
        padding: share of positions that hold padding.
        shapes: of `buckets`.
    """

    def __init__(self, corpus, measure, buckets, encode, make, seed, pass_on=False):
        self._corpus, self._encode, self._make = corpus, encode, make
        self.seed = seed
        self.shapes = buckets.shapes
        self.dropped = measure.dropped
        rows = [shape[0] for shape in self.shapes]
        self._members = measure.counts
        counts = np.array([batch_counts(members, rows, pass_on) for members in measure.counts])
        self._counts = counts.sum(axis=1).tolist()  # batches of each window
        positions = counts.sum(axis=0) @ [rows * sum(sides) for rows, *sides in self.shapes]
        self.padding = 1 - measure.tokens / float(positions)

    def window_order(self, epoch):
        """The windows in the order of an epoch, integers (W,)."""
        # The 3 makes these numbers differ from others that are drawn from (seed, epoch).
        return np.random.default_rng([self.seed, epoch, 3]).permutation(len(self._counts))

    def _plan(self, epoch, step, epochs):
        """`(epoch, window, its first step, batches of it to pass over)` from a step on."""
        last_epoch = np.inf if epochs is None else epoch + epochs
        while epoch < last_epoch:
            first = 0
            for window in self.window_order(epoch).tolist():
                following = first + self._counts[window]
                if following > max(first, step):
                    yield epoch, window, first, max(0, step - first)
                first = following
            epoch, step = epoch + 1, 0

    def describe(self, epoch, step):
        """The place of a step's batch in the corpus, in words."""
        _, window, _, passed = next(self._plan(epoch, step, 1))
        return f"batch {passed} of window {window} of the corpus, both counted from 0"

    def _load(self, place):
        """The batches of the window at a place in the plan."""
        window = place[1]
        ids = [[] for _ in range(self._corpus.sides)]
        for part, _ in encode_in_parts(self._encode, self._corpus.read(window)):
            for side, rows in zip(ids, part, strict=True):
                side.extend(np.asarray(row, np.int32) for row in rows)
        members = self._members[window]  # an empty window would make no batches at all
        batches = self._make(*ids) if len(ids[0]) >= sum(members) else None
        if batches is None or [len(rows) for rows in batches._buckets] != members:
            raise InputError(
                f"Window {window} of {self._corpus.shards[0][0]} and what follows holds other rows "
                "than were counted: a file has changed."
            )
        return batches

    def epochs(self, first_epoch=0, first_step=0, epochs=None):
        """Batches from a step of an epoch on, for `epochs` epochs or without end."""
        ahead = prefetch(self._load, self._plan(first_epoch, first_step, epochs))
        try:
            for (epoch, window, first, passed), batches, seconds, waited in ahead:
                self.background -= waited
                order = batches.order(epoch, window)
                for index in range(passed, len(order)):
                    self.background += seconds / len(order)
                    yield batches.batch_at(epoch, first + index, *order[index])
                del batches
        finally:
            ahead.close()

    def example(self):
        """A batch with the structure of all batches. No file is read for it."""
        any_id = 3
        return self._make(*[[[any_id]]] * self._corpus.sides).example()
