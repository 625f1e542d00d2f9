"""Batches of token ids for an encoder: length buckets, one number of rows, few static shapes."""

import copy
import dataclasses

import numpy as np

from keras_attention._validation import require, require_positive_integer
from keras_attention.text.batches.bucketed_batches import (
    BucketedBatches,
    bucket_bounds,
    id_arrays,
    padded,
)


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


class EncoderBatches(BucketedBatches):
    """Rows for an encoder in batches of `batch_size`; only one batch an epoch is not full.

    Args:
        token_ids: list of N id lists, special tokens included.
        segment_ids: list of N lists of as many segments; None for 0 throughout.
        batch_size: rows of a batch.
        max_buckets: number of shapes at most.
        seed: integer.
        buckets: `LengthBuckets` that are larger than these rows need, such as those of a corpus of
            which they are a part; None chooses the best `max_buckets`.
        padding_id: the id that fills rows to equal length.

    Attributes:
        shapes: list of `(rows, T)`, one a bucket.
        padding: share of positions that hold padding.

    Raises:
        ValueError: if there is no row, or a row is empty or has another number of segments.
    """

    def __init__(
        self, token_ids, segment_ids, batch_size, max_buckets, seed, buckets=None, padding_id=0
    ):
        require_positive_integer("batch_size", batch_size)
        require_positive_integer("max_buckets", max_buckets)
        self.padding_id = padding_id
        self._tokens, lengths = id_arrays(token_ids)
        self._lengths = lengths
        require(
            len(lengths) and lengths.all(),
            "token_ids",
            "rows of one token or more, not none",
            rows=len(lengths),
            empty_rows=int((lengths == 0).sum()),
        )
        self._segments = None
        if segment_ids is not None:
            self._segments, segments = id_arrays(segment_ids)
            require(
                np.array_equal(segments, lengths),
                "segment_ids",
                "as many rows, as long as those of `token_ids`",
                token_ids=f"{len(lengths)} rows, {lengths.sum()} tokens",
                segment_ids=f"{len(segments)} rows, {segments.sum()} segments",
            )
        if buckets is None:
            buckets = LengthBuckets.choose(lengths, batch_size, max_buckets)
        self._arrange(buckets, seed)

    def _arrange(self, buckets, seed):
        self.shapes, bucket = buckets.shapes, buckets.of(self._lengths)
        super().__init__(
            [np.flatnonzero(bucket == index) for index in range(len(self.shapes))],
            [rows for rows, _ in self.shapes],
            seed,
            pass_on=True,
        )
        positions = sum(
            count * rows * length
            for count, (rows, length) in zip(self._counts, self.shapes, strict=True)
        )
        self.padding = 1 - float(self._lengths.sum()) / positions

    def with_max_buckets(self, max_buckets):
        """The same rows in batches of at most `max_buckets` shapes."""
        other = copy.copy(self)
        rows = self.shapes[0][0]
        other._arrange(LengthBuckets.choose(self._lengths, rows, max_buckets), self.seed)
        return other

    def inputs(self, bucket, indices):
        """What the encoder reads: a dict of int32 (B, T); rows that fill the batch are padding."""
        shape = self.shapes[bucket]
        token_ids = padded(self._tokens, indices, shape, self.padding_id)
        if self._segments is None:
            segment_ids = np.zeros(shape, np.int32)
        else:
            segment_ids = padded(self._segments, indices, shape, 0)
        padding_mask = np.zeros(shape, np.int32)
        padding_mask[: len(indices)] = np.arange(shape[1]) < self._lengths[indices][:, None]
        return {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}


def class_ids(name, values, rows):
    """`values`, the argument `name`, as int32 (N,); ValueError unless N is `rows` and none < 0."""
    ids = np.asarray(values)
    require(
        ids.shape == (rows,) and ids.dtype.kind in "iu" and (ids >= 0).all(),
        name,
        f"{rows} integers from 0 on, one for each row of `token_ids`",
        **{name: values},
    )
    return ids.astype(np.int32)
