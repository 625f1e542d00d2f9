"""Batches of sentence pairs: length buckets, token budgets, few static shapes."""

import numpy as np

from keras_attention._validation import require, require_positive_integer
from keras_attention.text.batches.bucketed_batches import BucketedBatches, id_arrays, padded
from keras_attention.text.batches.pair_buckets import PairBuckets
from keras_attention.token_ids import SpecialIds


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
        if buckets is None:
            buckets = PairBuckets.choose(sources[kept], targets[kept], batch_tokens, max_buckets)
        self.shapes, bucket = buckets.shapes, buckets.of(sources[kept], targets[kept])
        super().__init__(
            [kept[bucket == index] for index in range(len(self.shapes))],
            [rows for rows, _, _ in self.shapes],
            seed,
        )
        positions = sum(
            count * rows * (source + target)
            for count, (rows, source, target) in zip(self._counts, self.shapes, strict=True)
        )
        self.padding = 1 - float(sources[kept].sum() + targets[kept].sum()) / positions

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
