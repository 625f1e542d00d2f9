"""Batches of pairs of texts, to train sentence vectors on."""

import copy

import numpy as np

from keras_attention._validation import require, require_positive_integer
from keras_attention.text.batches.bucketed_batches import BucketedBatches, id_arrays, padded
from keras_attention.text.batches.encoder_batches import LengthBuckets


class TextPairBatches(BucketedBatches):
    """Pairs of texts as batches `(x, y, sample_weight)` of few static shapes.

    A batch has `batch_size` pairs and so twice as many rows: row 2i is the first text of pair i and
    row 2i + 1 the second one. Pairs whose longer texts have similar lengths share a bucket. Pairs
    that do not fill a batch move to the bucket of the next longer ones; rows of padding with
    weight 0 fill the last batch of the longest bucket. The order is a pure function of
    (seed, epoch), so training can resume at any step of any epoch.

    Compile the model with the loss that reads such rows:

    >>> batches = TextPairBatches(first_ids, second_ids, batch_size=64)
    >>> model.compile(optimizer, loss=MultipleNegativesRanking())
    >>> model.fit(batches.dataset(), steps_per_epoch=len(batches), epochs=3, shuffle=False)

    Args:
        first_ids, second_ids: lists of N id lists, special tokens included.
        batch_size: pairs of a batch.
        max_buckets: maximum number of shapes.
        seed: integer.
        padding_id: the id that fills rows to equal length: the tokenizer's.

    Attributes:
        shapes: list of `(rows, T)`, one a bucket; a batch has half as many pairs.
        padding: share of positions that hold padding.

    Raises:
        ValueError: if there is no pair, not as many texts of both kinds, or a text has no id.
    """

    together = 2

    def __init__(self, first_ids, second_ids, batch_size, max_buckets=4, seed=0, padding_id=0):
        require_positive_integer("batch_size", batch_size)
        require_positive_integer("max_buckets", max_buckets)
        self.padding_id = padding_id
        require(
            len(first_ids) and len(first_ids) == len(second_ids),
            "first_ids",
            "as many rows as `second_ids`, not none",
            first_ids=len(first_ids),
            second_ids=len(second_ids),
        )
        rows = [row for pair in zip(first_ids, second_ids, strict=True) for row in pair]
        self._tokens, self._lengths = id_arrays(rows)
        require(
            self._lengths.all(),
            "first_ids",
            "rows of one token or more, as those of `second_ids`",
            empty_rows=int((self._lengths == 0).sum()),
        )
        # The same number for the same text, from 1 on.
        known = {}
        self._texts = np.array([known.setdefault(tuple(row), len(known) + 1) for row in rows])
        self._arrange(batch_size, max_buckets, seed)

    def _arrange(self, batch_size, max_buckets, seed):
        longest = self._lengths.reshape(-1, 2).max(axis=1)
        buckets = LengthBuckets.choose(longest, batch_size, max_buckets)
        self._pairs = batch_size
        self.shapes = [(2 * rows, length) for rows, length in buckets.shapes]
        bucket = buckets.of(longest)
        super().__init__(
            [np.flatnonzero(bucket == index) for index in range(len(self.shapes))],
            [batch_size] * len(self.shapes),
            seed,
            pass_on=True,
        )
        positions = sum(
            count * rows * length
            for count, (rows, length) in zip(self._counts, self.shapes, strict=True)
        )
        self.padding = 1 - float(self._lengths.sum()) / positions

    def with_max_buckets(self, max_buckets):
        """The same pairs in batches of at most `max_buckets` shapes."""
        other = copy.copy(self)
        other._arrange(self._pairs, max_buckets, self.seed)
        return other

    def batch(self, bucket, indices):
        """The arrays of one batch: `(x, y, sample_weight)`.

        x is a dict of int32 (B, T) with B twice the pairs, y int32 (B,) has the same number for the
        same text and 0 for rows that fill the batch, the weight is float32 (B,).
        """
        shape = self.shapes[bucket]
        rows = (2 * np.asarray(indices)[:, None] + [0, 1]).ravel()
        padding_mask = np.zeros(shape, np.int32)
        padding_mask[: len(rows)] = np.arange(shape[1]) < self._lengths[rows][:, None]
        texts, weights = np.zeros(shape[0], np.int32), np.zeros(shape[0], np.float32)
        # Small numbers, which a loss in float32 tells apart.
        texts[: len(rows)] = 1 + np.unique(self._texts[rows], return_inverse=True)[1]
        weights[: len(rows)] = 1
        inputs = {
            "token_ids": padded(self._tokens, rows, shape, self.padding_id),
            "segment_ids": np.zeros(shape, np.int32),
            "padding_mask": padding_mask,
        }
        return inputs, texts, weights
