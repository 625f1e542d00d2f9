"""Batches of sentence pairs: length buckets, token budgets, few static shapes."""

import copy
import dataclasses

import numpy as np

from keras_attention._validation import require, require_positive_integer
from keras_attention.text.batches.bucketed_batches import (
    BucketedBatches,
    batch_count,
    bucket_bounds,
    id_arrays,
    padded,
)
from keras_attention.token_ids import SpecialIds


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


class TranslationBatches(BucketedBatches):
    """Pairs of id lists as batches of few static shapes, in an order that `seed` fixes.

    A batch is `(x, y)`, or `(x, y, weights)` with `return_weights`.

    Pairs of like lengths share a bucket, and each bucket has one shape `(rows, S, T)`: its longest
    source and target, and the rows that `batch_tokens` allows. The last batch of a bucket is filled
    with rows of padding, which carry no loss, so that XLA compiles each bucket once.

    The order is a pure function of (seed, epoch), so training resumes at any step of any epoch.

    Args:
        source_ids: list of id lists, each ending with END.
        target_ids: list of id lists, each ending with END.
        batch_tokens: padded positions of a batch on its longer side; a longer pair is a batch of
            its own.
        max_buckets: number of shapes at most.
        max_length: pairs with a longer side are left out and counted in `dropped`; None keeps all.
        seed: integer.
        buckets: `PairBuckets` that are larger than these pairs need, such as those of a corpus
            of which they are a part; None chooses the best `max_buckets`.
        special_ids: the `SpecialIds` of both vocabularies, with padding and start; None for the
            default ones.
        return_weights: whether to return float32 weights (B, T) too, 1 at the target's tokens and 0
            at padding: for losses and metrics whose `ignore_class` is None.

    Attributes:
        dropped: number of pairs left out.
        padding: share of positions that hold padding, both sides together.
        shapes: list of `(rows, S, T)`, one a bucket.

    Raises:
        ValueError: if the lists differ in length, hold an empty row, or hold no pair to keep, or
            `special_ids` lacks padding or start.

    >>> batches = TranslationBatches(sources, targets, batch_tokens=2048)
    >>> model.fit(batches.dataset(), steps_per_epoch=len(batches), epochs=3, shuffle=False)
    """

    def __init__(
        self,
        source_ids,
        target_ids,
        batch_tokens,
        max_buckets=7,
        max_length=None,
        seed=0,
        buckets=None,
        special_ids=None,
        return_weights=False,
    ):
        special_ids = SpecialIds.of(special_ids)
        require(
            special_ids.padding is not None and special_ids.start is not None,
            "special_ids",
            "`SpecialIds` with padding and start",
            special_ids=special_ids,
        )
        require_positive_integer("batch_tokens", batch_tokens)
        require_positive_integer("max_buckets", max_buckets)
        require(
            len(source_ids) == len(target_ids),
            "target_ids",
            "as many rows as `source_ids`",
            source_ids=len(source_ids),
            target_ids=len(target_ids),
        )
        self.special_ids = special_ids
        self.return_weights = return_weights
        self._sources, sources = id_arrays(source_ids)
        self._targets, targets = id_arrays(target_ids)
        require(
            sources.all() and targets.all(),
            "source_ids` and `target_ids",
            "rows that end with END",
            empty_rows=int((sources == 0).sum() + (targets == 0).sum()),
        )
        lengths = np.maximum(sources, targets)
        kept = np.flatnonzero(lengths <= (max_length or np.inf))
        require(
            len(kept),
            "source_ids` and `target_ids",
            "lists with a pair of at most `max_length` tokens a side",
            pairs=len(lengths),
            max_length=max_length,
        )
        self.dropped = len(lengths) - len(kept)
        self._kept, self._lengths = kept, (sources[kept], targets[kept])
        self._batch_tokens = batch_tokens
        if buckets is None:
            buckets = PairBuckets.choose(*self._lengths, batch_tokens, max_buckets)
        self._arrange(buckets, seed)

    def _arrange(self, buckets, seed):
        self.shapes, bucket = buckets.shapes, buckets.of(*self._lengths)
        super().__init__(
            [self._kept[bucket == index] for index in range(len(self.shapes))],
            [rows for rows, _, _ in self.shapes],
            seed,
        )
        positions = sum(
            count * rows * (source + target)
            for count, (rows, source, target) in zip(self._counts, self.shapes, strict=True)
        )
        self.padding = 1 - float(sum(side.sum() for side in self._lengths)) / positions

    def with_max_buckets(self, max_buckets):
        """The same pairs in batches of at most `max_buckets` shapes."""
        other = copy.copy(self)
        buckets = PairBuckets.choose(*self._lengths, self._batch_tokens, max_buckets)
        other._arrange(buckets, self.seed)
        return other

    def batch(self, bucket, indices):
        """The arrays of one batch: `({"encoder_token_ids", "decoder_token_ids"}, y[, weights])`.

        int32 (B, S), (B, T) and (B, T); float32 (B, T).
        """
        rows, source_length, target_length = self.shapes[bucket]
        padding, start = self.special_ids.padding, self.special_ids.start
        source = padded(self._sources, indices, (rows, source_length), padding)  # (B, S)
        target = padded(self._targets, indices, (rows, target_length), padding)  # (B, T)
        lengths = np.zeros((rows, 1), int)
        lengths[: len(indices), 0] = [len(self._targets[index]) for index in indices]
        is_token = np.arange(target_length) < lengths  # (B, T)
        decoder = np.full_like(target, start)
        decoder[:, 1:] = target[:, :-1]
        decoder[~is_token] = padding  # no row reads its END, fillers read nothing
        x = {"encoder_token_ids": source, "decoder_token_ids": decoder}
        return (x, target, is_token.astype(np.float32)) if self.return_weights else (x, target)
