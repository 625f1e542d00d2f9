"""Buckets for sentence pairs of similar lengths."""

import dataclasses

import numpy as np

from keras_attention.text.batches.bucketed_batches import batch_count, bucket_bounds


@dataclasses.dataclass
class PairBuckets:
    """Assigns pairs to buckets and gives the shape of each bucket's batches.

    The key of a pair is its target length or its scaled source length, whichever is larger.

    Attributes:
        scale: factor of the source lengths.
        bounds: increasing, the largest key of each bucket; the last bucket takes longer pairs too.
        longest: list of `[S, T]`, the longest source and the longest target of each bucket.
        batch_tokens: padded positions of a batch on its longer side.
    """

    scale: float
    bounds: list
    longest: list
    batch_tokens: int

    @classmethod
    def choose(cls, source_lengths, target_lengths, batch_tokens, max_buckets):
        """Chooses buckets with little padding.

        If one language is generally longer than the other, scaling by the ratio of their lengths
        pads both sides least. If only single pairs differ, a scale of 1 does. Both are tried, and
        the one with less padding is taken.

        Args:
            source_lengths: integers (N,), at least 1.
            target_lengths: integers (N,), at least 1.
            batch_tokens: padded positions of a batch on its longer side.
            max_buckets: maximum number of buckets.

        >>> PairBuckets.choose([3, 3, 9], [2, 2, 6], batch_tokens=18, max_buckets=2).shapes
        [(6, 3, 2), (2, 9, 6)]
        """
        lengths = np.asarray(source_lengths), np.asarray(target_lengths)
        best = None
        for scale in (1.0, float(lengths[1].sum() / lengths[0].sum())):
            bounds = bucket_bounds(_keys(scale, *lengths), max_buckets)
            found = cls(scale, bounds, [], batch_tokens)
            bucket, positions = found.of(*lengths), 0
            members = [bucket == index for index in range(len(bounds))]
            found.longest = [[int(side[m].max()) for side in lengths] for m in members]
            for m, (rows, *longest) in zip(members, found.shapes, strict=True):
                positions += batch_count(int(m.sum()), rows) * rows * sum(longest)
            if best is None or positions < best[0]:
                best = positions, found
        return best[1]

    @property
    def shapes(self):
        """List of `(rows, S, T)`. A pair of more than `batch_tokens` is a batch of its own."""
        return [(max(1, self.batch_tokens // max(sides)), *sides) for sides in self.longest]

    def of(self, source_lengths, target_lengths):
        """The bucket of each pair, integers (N,)."""
        return np.searchsorted(self.bounds[:-1], _keys(self.scale, source_lengths, target_lengths))


def _keys(scale, source_lengths, target_lengths):
    return np.maximum(np.ceil(source_lengths * scale).astype(int), target_lengths)
