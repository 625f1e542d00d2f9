"""A training that is interrupted at a known update."""

import contextlib
from unittest import mock

import pytest

from keras_attention.training import Snapshots


@contextlib.contextmanager
def stopped_at(step):
    """In the block a training ends, as by an interrupt, after the update of that number."""
    ended = Snapshots.on_train_batch_end

    def end_and_stop(self, batch, logs=None):
        ended(self, batch, logs)
        if self.step == step:
            raise KeyboardInterrupt

    with mock.patch.object(Snapshots, "on_train_batch_end", end_and_stop):
        with pytest.raises(KeyboardInterrupt):
            yield
