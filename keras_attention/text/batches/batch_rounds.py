"""Rounds of a number of batches each, in the place of whole passes over the data."""

from keras_attention._validation import require_positive_integer
from keras_attention.text.batches.bucketed_batches import BucketedBatches


class BatchRounds(BucketedBatches):
    """Batches by rounds of `steps` instead of passes over all rows.

    To `fit` a round is an epoch: validation and snapshots come after each. The passes go on from
    one round to the next: batch n of all rounds is batch n of all passes. So whatever the rounds,
    a training sees the same batches.

    Args:
        batches: `BucketedBatches`.
        steps: batches of a round.

    >>> rounds = BatchRounds(batches, 200)
    >>> model.fit(rounds.dataset(), steps_per_epoch=len(rounds), epochs=10, shuffle=False)
    """

    def __init__(self, batches, steps):
        require_positive_integer("steps", steps)
        self._batches, self._steps = batches, steps
        self.seed, self.together = batches.seed, batches.together
        self.shapes, self.padding = batches.shapes, batches.padding

    def __len__(self):
        """Number of batches of a round."""
        return self._steps

    @property
    def background(self):
        return self._batches.background

    def _place(self, epoch, step):
        """The pass and its step that a step of a round is."""
        return divmod(epoch * self._steps + step, len(self._batches))

    def order(self, epoch, window=None):
        raise NotImplementedError("A round has no order of its own: that is one of a pass.")

    def describe(self, epoch, step):
        return self._batches.describe(*self._place(epoch, step))

    def epochs(self, first_epoch=0, first_step=0, epochs=None):
        left = None if epochs is None else epochs * self._steps - first_step
        if left is None:
            yield from self._batches.epochs(*self._place(first_epoch, first_step))
            return
        if left <= 0:
            return
        batches = self._batches.epochs(*self._place(first_epoch, first_step))
        try:
            for batch in batches:
                yield batch
                left -= 1
                if not left:
                    return
        finally:
            batches.close()

    def example(self):
        return self._batches.example()
