"""Rounds of batches: the passes go on from one to the next."""

import itertools

import numpy as np
import pytest

from keras_attention.text.batches.batch_rounds import BatchRounds
from keras_attention.text.batches.bucketed_batches import BucketedBatches


class Numbers(BucketedBatches):
    """Seven rows in batches of two: four batches a pass."""

    shapes, padding = [(2, 1)], 0.0

    def __init__(self):
        super().__init__([np.arange(7)], [2], seed=3)

    def batch(self, bucket, indices):
        return (np.resize(indices, 2).astype("int32"),)


def rows(batches):
    return [batch[0].tolist() for batch in batches]


@pytest.mark.parametrize("steps", [1, 3, 4, 9])
def test_batch_n_of_all_rounds_is_batch_n_of_all_passes(steps):
    rounds = BatchRounds(Numbers(), steps)
    passes = rows(itertools.islice(Numbers().epochs(), 40))
    assert len(rounds) == steps
    assert rows(itertools.islice(rounds.epochs(), 40)) == passes
    assert rows(rounds.epochs(epochs=2)) == passes[: 2 * steps]
    for first_epoch, first_step in ((0, steps - 1), (2, 0), (3, steps // 2)):
        begun = first_epoch * steps + first_step
        found = rows(itertools.islice(rounds.epochs(first_epoch, first_step), 5))
        assert found == passes[begun : begun + 5]
        found = rows(rounds.epochs(first_epoch, first_step, epochs=1))
        assert found == passes[begun : (first_epoch + 1) * steps]
        assert rounds.describe(first_epoch, first_step) == Numbers().describe(*divmod(begun, 4))


def test_fit_gets_them_as_a_dataset():
    rounds = BatchRounds(Numbers(), 3)
    found = [batch[0].numpy().tolist() for batch in rounds.dataset(1, 0, epochs=2)]
    assert found == rows(itertools.islice(Numbers().epochs(), 9))[3:]
    shared = [
        [batch[0].numpy().tolist() for batch in rounds.dataset(0, 0, 1, shares=([index], 2))]
        for index in (0, 1)
    ]
    joined = [a + b for a, b in zip(*shared, strict=True)]
    assert joined == rows(rounds.epochs(epochs=1))


def test_rounds_of_nothing():
    with pytest.raises(ValueError, match="`steps` must be a positive integer"):
        BatchRounds(Numbers(), 0)
