"""Buckets for texts of similar lengths."""

import dataclasses

import numpy as np

from keras_attention.text.batches.bucketed_batches import bucket_bounds


@dataclasses.dataclass
class LengthBuckets:
    """Assigns texts to buckets and gives the shape of each bucket's batches.

    Attributes:
        bounds: increasing, the largest length of each bucket; the last bucket takes longer texts.
        longest: list of `[T]`, the longest text of each bucket.
        batch_size: rows of a batch.
    """

    bounds: list
    longest: list
    batch_size: int

    @classmethod
    def choose(cls, lengths, batch_size, max_buckets):
        """Chooses at most `max_buckets` buckets with the least padding.

        >>> LengthBuckets.choose([3, 3, 4, 9, 9], batch_size=2, max_buckets=2).shapes
        [(2, 4), (2, 9)]
        """
        bounds = bucket_bounds(lengths, max_buckets)
        return cls(bounds, [[bound] for bound in bounds], batch_size)

    @property
    def shapes(self):
        """List of `(rows, T)`."""
        return [(self.batch_size, length) for (length,) in self.longest]

    def of(self, lengths):
        """The bucket of each text, integers (N,)."""
        return np.searchsorted(self.bounds[:-1], lengths)
