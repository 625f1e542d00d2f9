"""Batches of sentence pairs: length buckets, token budgets, few static shapes."""

import numpy as np

from keras_attention._validation import require, require_positive_integer
from keras_attention.token_ids import PADDING_ID, START_ID


def bucket_bounds(lengths, max_buckets):
    """Upper bounds of at most `max_buckets` length buckets with the least padding in all.

    Exact, by dynamic programming over the histogram of lengths.

    Args:
        lengths: integers, one a pair.
        max_buckets: number of bounds at most.

    Returns:
        Increasing list; the last is the greatest length.

    >>> bucket_bounds([3, 3, 4, 9, 9], 2)
    [4, 9]
    """
    values, counts = np.unique(lengths, return_counts=True)
    n = len(values)
    total = np.concatenate([[0], np.cumsum(counts)])
    # cost[j]: padded size of the first j lengths in the buckets used so far.
    cost = np.concatenate([[0.0], np.full(n, np.inf)])
    choices = []
    for _ in range(min(max_buckets, n)):
        candidates = cost[:, None] + (total[None, 1:] - total[:, None]) * values[None, :]
        candidates[np.arange(n + 1)[:, None] > np.arange(n)[None, :]] = np.inf
        choice = np.argmin(candidates, axis=0)
        cost = np.concatenate([[0.0], candidates[choice, np.arange(n)]])
        choices.append(choice)
    bounds, end = [], n
    for choice in reversed(choices):
        bounds.append(int(values[end - 1]))
        end = int(choice[end - 1])
        if end == 0:
            break
    return bounds[::-1]


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
            positions += _batch_count(int(members.sum()), rows) * rows * sum(longest)
        if best is None or positions < best[0]:
            best = positions, shapes, buckets
    return best[1:]


def _batch_count(pairs, rows):
    return -(-pairs // rows)


class TranslationBatches:
    """Pairs of id lists as batches `(x, y)` of few static shapes, in an order that `seed` fixes.

    Pairs of like lengths share a bucket, and each bucket has one shape `(rows, S, T)`: its longest
    source and target, and the rows that `batch_tokens` allows. The last batch of a bucket is filled
    with rows of padding, which carry no loss, so that XLA compiles each bucket once.

    The order is a pure function of (seed, epoch), so training resumes at any step of any epoch.
    Batches are assembled with numpy in a generator under `tf.data`: a shuffling `tf.data` pipeline
    would keep its order in an iterator, to be saved and restored, and a `keras.utils.PyDataset`
    cannot start within an epoch.

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
        self._sources = [np.asarray(row, np.int32) for row in source_ids]
        self._targets = [np.asarray(row, np.int32) for row in target_ids]
        sources = np.array([len(row) for row in self._sources], dtype=int)
        targets = np.array([len(row) for row in self._targets], dtype=int)
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
        self.seed = seed
        self.dropped = len(lengths) - len(kept)
        self.shapes, buckets = bucket_shapes(
            sources[kept], targets[kept], batch_tokens, max_buckets
        )
        self._buckets = [kept[buckets == index] for index in range(len(self.shapes))]
        counts = [
            _batch_count(len(members), rows)
            for members, (rows, _, _) in zip(self._buckets, self.shapes, strict=True)
        ]
        self._length = sum(counts)
        positions = sum(n * r * (s + t) for n, (r, s, t) in zip(counts, self.shapes, strict=True))
        self.padding = 1 - float(sources[kept].sum() + targets[kept].sum()) / positions

    def __len__(self):
        """Number of batches, the same in every epoch."""
        return self._length

    def order(self, epoch):
        """The batches of an epoch as a list of (bucket, indices of pairs)."""
        random = np.random.default_rng([self.seed, epoch])
        batches = []
        for bucket, members in enumerate(self._buckets):
            members, rows = random.permutation(members), self.shapes[bucket][0]
            batches += [(bucket, members[i : i + rows]) for i in range(0, len(members), rows)]
        return [batches[i] for i in random.permutation(len(batches))]

    def batch(self, bucket, indices):
        """The arrays of one batch: `({"encoder_token_ids", "decoder_token_ids"}, y)`, int32."""
        rows, source_length, target_length = self.shapes[bucket]
        source = np.full((rows, source_length), PADDING_ID, np.int32)  # (B, S)
        decoder = np.full((rows, target_length), PADDING_ID, np.int32)  # (B, T)
        target = np.full((rows, target_length), PADDING_ID, np.int32)  # (B, T)
        for row, index in enumerate(indices):
            source_ids, target_ids = self._sources[index], self._targets[index]
            source[row, : len(source_ids)] = source_ids
            target[row, : len(target_ids)] = target_ids
            decoder[row, 0] = START_ID
            decoder[row, 1 : len(target_ids)] = target_ids[:-1]
        return {"encoder_token_ids": source, "decoder_token_ids": decoder}, target

    def epochs(self, first_epoch=0, first_step=0, epochs=None):
        """Batches from a step of an epoch on, for `epochs` epochs or for ever."""
        epoch = first_epoch
        while epochs is None or epoch < first_epoch + epochs:
            for bucket, indices in self.order(epoch)[first_step:]:
                yield self.batch(bucket, indices)
            epoch, first_step = epoch + 1, 0

    def dataset(self, first_epoch=0, first_step=0, epochs=None):
        """`epochs` as a prefetched `tf.data.Dataset`; give `fit` `steps_per_epoch=len(batches)`."""
        import tensorflow as tf

        ids = tf.TensorSpec((None, None), tf.int32)
        dataset = tf.data.Dataset.from_generator(
            lambda: self.epochs(first_epoch, first_step, epochs),
            output_signature=({"encoder_token_ids": ids, "decoder_token_ids": ids}, ids),
        )
        return dataset.prefetch(8)
