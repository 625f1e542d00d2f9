"""Batches of sentence pairs: length buckets, token budgets, few static shapes."""

import numpy as np

from keras_attention._validation import require, require_positive_integer
from keras_attention.text.bucketed_batches import (
    BucketedBatches,
    batch_count,
    bucket_bounds,
    id_arrays,
    padded,
)
from keras_attention.token_ids import PADDING_ID, START_ID


def bucket_shapes(source_lengths, target_lengths, batch_tokens, max_buckets):
    """Buckets of pairs with few padded positions: `(shapes, bucket of each pair)`.

    A pair's key is the larger of its target length and its scaled source length. Where one language
    is longer than the other throughout, a scale of their ratio fills both sides of a batch; where
    only single pairs differ, a scale of one does. The better one is taken.

    Args:
        source_lengths: integers (N,), at least 1.
        target_lengths: integers (N,), at least 1.
        batch_tokens: padded positions of a batch on its longer side.
        max_buckets: number of buckets at most.

    Returns:
        List of `(rows, S, T)`, and integers (N,).

    >>> bucket_shapes([3, 3, 9], [2, 2, 6], batch_tokens=18, max_buckets=2)
    ([(6, 3, 2), (2, 9, 6)], array([0, 0, 1]))
    """
    source_lengths, target_lengths = np.asarray(source_lengths), np.asarray(target_lengths)
    best = None
    for scale in (1.0, target_lengths.sum() / source_lengths.sum()):
        keys = np.maximum(np.ceil(source_lengths * scale).astype(int), target_lengths)
        bounds = bucket_bounds(keys, max_buckets)
        buckets = np.searchsorted(bounds, keys)
        shapes, positions = [], 0
        for bucket in range(len(bounds)):
            members = buckets == bucket
            longest = int(source_lengths[members].max()), int(target_lengths[members].max())
            rows = max(1, batch_tokens // max(longest))
            shapes.append((rows, *longest))
            positions += batch_count(int(members.sum()), rows) * rows * sum(longest)
        if best is None or positions < best[0]:
            best = positions, shapes, buckets
    return best[1:]


class TranslationBatches(BucketedBatches):
    """Pairs of id lists as batches `(x, y)` of few static shapes, in an order that `seed` fixes.

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

    Attributes:
        dropped: number of pairs left out.
        padding: share of positions that hold padding, both sides together.
        shapes: list of `(rows, S, T)`, one a bucket.

    Raises:
        ValueError: if the lists differ in length, hold an empty row, or hold no pair to keep.

    >>> batches = TranslationBatches(sources, targets, batch_tokens=2048)
    >>> model.fit(batches.dataset(), steps_per_epoch=len(batches), epochs=3, shuffle=False)
    """

    def __init__(
        self, source_ids, target_ids, batch_tokens, max_buckets=7, max_length=None, seed=0
    ):
        require_positive_integer("batch_tokens", batch_tokens)
        require_positive_integer("max_buckets", max_buckets)
        require(
            len(source_ids) == len(target_ids),
            "target_ids",
            "as many rows as `source_ids`",
            source_ids=len(source_ids),
            target_ids=len(target_ids),
        )
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
        self.shapes, buckets = bucket_shapes(
            sources[kept], targets[kept], batch_tokens, max_buckets
        )
        super().__init__(
            [kept[buckets == index] for index in range(len(self.shapes))],
            [rows for rows, _, _ in self.shapes],
            seed,
        )
        positions = sum(
            count * rows * (source + target)
            for count, (rows, source, target) in zip(self._counts, self.shapes, strict=True)
        )
        self.padding = 1 - float(sources[kept].sum() + targets[kept].sum()) / positions

    def batch(self, bucket, indices):
        """The arrays of one batch: `({"encoder_token_ids", "decoder_token_ids"}, y)`, int32."""
        rows, source_length, target_length = self.shapes[bucket]
        source = padded(self._sources, indices, (rows, source_length))  # (B, S)
        target = padded(self._targets, indices, (rows, target_length))  # (B, T)
        decoder = np.full_like(target, START_ID)
        decoder[:, 1:] = target[:, :-1]
        decoder[target == PADDING_ID] = PADDING_ID  # no row reads its END, fillers read nothing
        return {"encoder_token_ids": source, "decoder_token_ids": decoder}, target
