"""Windows of a stream of tokens for a language model, in batches of one static shape."""

import numpy as np

from keras_attention._validation import InputError, require_positive_integer
from keras_attention.text.batches.bucketed_batches import BucketedBatches


class LanguageModelBatches(BucketedBatches):
    """Windows of `context` tokens, each of which is to predict the token after it.

    Shuffled, for training, the windows of an epoch stand one after the other from an offset on
    that (seed, epoch) fixes, as it fixes their order. Every batch is full, so a few windows are
    left out, other ones in each epoch. A corpus too small for one batch gives windows that overlap.

    Not shuffled, for evaluation, the windows stand without overlap from the first token on. So
    every token but the first of each document is a target once, and what is left of the last batch
    is filled.

    Where documents follow each other in a window, attention must not pass from one to the other:
    `segment_ids` numbers them. A stream of one document has none.

    Args:
        stream: a `TokenStream`.
        context: number of tokens T of a window.
        batch_size: windows of a batch, B.
        seed: integer.
        shuffled: see above.

    Attributes:
        shapes: `[(B, T)]`.
        padding: share of positions that are filled.

    Raises:
        InputError: if the stream has too few tokens: to train on, for one window and the token
            after it; to evaluate on, two.

    >>> batches = LanguageModelBatches(stream, context=64, batch_size=12)
    >>> inputs, targets, weights = batches.example()
    >>> inputs["token_ids"].shape, targets.shape, weights.shape
    ((12, 64), (12, 64), (12, 64))
    """

    def __init__(self, stream, context, batch_size, seed=0, shuffled=True):
        require_positive_integer("context", context)
        require_positive_integer("batch_size", batch_size)
        least = context + 1 if shuffled else 2
        if stream.tokens < least:
            raise InputError(
                f"The corpus has {stream.tokens:,} tokens; {least:,} are needed at least"
                + (f", a window of {context:,} and the token after it." if shuffled else ".")
            )
        self._stream, self.seed, self._shuffled = stream, seed, shuffled
        self.shapes = [(batch_size, context)]
        self._targets = stream.tokens - 1
        if shuffled:
            # One window less than there is room for, so that the offset has room.
            windows = max(1, (stream.tokens - context) // context)
            self._counts = [max(1, windows // batch_size)]
            self.padding = 0.0
        else:
            windows = -(-self._targets // context)
            self._counts = [-(-windows // batch_size)]
            self.padding = 1 - self._targets / (self._counts[0] * batch_size * context)

    def with_max_buckets(self, max_buckets):
        """These batches, which have one shape."""
        return self

    def order(self, epoch, window=None):
        """The batches of an epoch as a list of (0, where each window begins in the stream)."""
        rows, length = self.shapes[0]
        count = self._counts[0]
        if not self._shuffled:
            starts = np.arange(0, self._targets, length)
            return [(0, starts[i : i + rows]) for i in range(0, len(starts), rows)]
        random = np.random.default_rng([self.seed, epoch])
        room = self._targets - length  # where the last window may begin
        windows = max(1, (room + 1) // length)
        if windows < rows:
            starts = random.integers(0, room + 1, (1, rows))
        else:
            offset = random.integers(0, self._targets - windows * length + 1)
            chosen = random.permutation(windows)[: count * rows]
            starts = (offset + chosen * length).reshape(count, rows)
        return [(0, batch) for batch in starts]

    def describe(self, epoch, step):
        """Which tokens the batch of a step of an epoch holds, in words."""
        _, starts = self.order(epoch)[step]
        length = self.shapes[0][1]
        shown = ", ".join(f"{start:,} to {start + length:,}" for start in starts[:10].tolist())
        return f"tokens {shown}{', ...' if len(starts) > 10 else ''} of the corpus"

    def batch(self, bucket, indices):
        """The windows that begin at `indices`: `(inputs, targets, weights)`.

        Returns:
            `inputs`, a dict of int32 (B, T): `token_ids` and, where the stream has several
            documents, `segment_ids`, the number of the document in the window; `targets`, int32
            (B, T); and `weights`, float32 (B, T), 0 where a target begins a document, or is filled.
        """
        rows, length = self.shapes[bucket]
        tokens = np.zeros((rows, length + 1), np.int32)
        begins = np.zeros((rows, length + 1), bool)
        weights = np.zeros((rows, length), np.float32)
        for row, start in enumerate(indices.tolist()):
            ids = self._stream.ids[start : start + length + 1]
            tokens[row, : len(ids)] = ids
            first, last = np.searchsorted(self._stream.begins, [start, start + len(ids)])
            begins[row, self._stream.begins[first:last] - start] = True
            begins[row, len(ids) :] = True  # what is filled follows no text
            weights[row, : len(ids) - 1] = 1.0
        weights[begins[:, 1:]] = 0.0
        inputs = {"token_ids": tokens[:, :-1]}
        if self._stream.documents > 1:
            begins[:, 0] = False
            inputs["segment_ids"] = np.cumsum(begins[:, :-1], axis=1, dtype=np.int32)
        return inputs, tokens[:, 1:], weights
