"""Batches for masked language models, with new masks in every epoch."""

import numpy as np

from keras_attention._validation import require
from keras_attention.text.batches.encoder_batches import EncoderBatches, class_ids
from keras_attention.text.batches.token_masking import mask_tokens, select_tokens, selection_count


class MaskedLMBatches(EncoderBatches):
    """Texts with masked tokens as batches `(x, y, sample_weight)` of few static shapes.

    `x` is `{"token_ids", "segment_ids", "padding_mask"}`, int32 (B, T), and `"mask_positions"`,
    int32 (B, P). `y` are the original tokens at these positions, int32 (B, P), and the weight is
    float32 (B, P). Each shape has a fixed number P of slots, which is `rate` of its length. Slots
    that a shorter text does not need have label 0 and weight 0.
    `keras_attention.text.batches.token_masking` selects and replaces tokens. Special tokens are
    never selected, and never replace others.

    The order and the masks are pure functions of (seed, epoch, step). So every epoch masks other
    tokens, and training can resume at any step of any epoch.

    Compile the model with a loss and metrics that are means over the tokens to predict. (Keras' own
    accuracy gives tokens less weight in shapes with many slots.) No label is ignored: the weights
    say which slots count.

    >>> batches = MaskedLMBatches.of_tokenizer(tokenizer, ids, 64)
    >>> model.compile(
    ...     loss=keras.losses.SparseCategoricalCrossentropy(
    ...         from_logits=True, reduction="mean_with_sample_weight"
    ...     ),
    ...     weighted_metrics=[TokenAccuracy(ignore_class=None)],
    ... )
    >>> model.fit(batches.dataset(), steps_per_epoch=len(batches), epochs=3, shuffle=False)

    Args:
        token_ids: list of N id lists, special tokens included.
        segment_ids: list of N lists of segments, one for each token; None for 0 throughout.
        batch_size: rows of a batch.
        mask_id: id of the mask.
        special_ids: the tokens that are not text, padding and mask included.
        is_continuation: boolean (V,), whether a token continues the word of the token before it.
        whole_words: whether all tokens of a word are selected together.
        rate: share of the tokens to select.
        next_sentence_labels: integers (N,), 0 where the second segment follows the first in its
            text and 1 where it does not, from `next_sentence_pairs`. `y` and the weights then are
            `{"logits": ..., "next_sentence": ...}`, the latter (B,). None for no such task.
        max_buckets: maximum number of shapes.
        seed: integer.
        buckets: `LengthBuckets` to use, such as those of a whole corpus for a part of it; None
            chooses the best `max_buckets`.
        padding_id: the id that fills rows to equal length.

    Attributes:
        shapes: list of `(rows, T)`, one a bucket.
        slots: list of P, one a bucket.
        padding: share of positions that hold padding.

    Raises:
        ValueError: if the lists have different lengths, are empty or hold an empty row, or if a
            token is outside the vocabulary.
    """

    def __init__(
        self,
        token_ids,
        segment_ids,
        batch_size,
        mask_id,
        special_ids,
        is_continuation,
        whole_words=True,
        rate=0.15,
        next_sentence_labels=None,
        max_buckets=4,
        seed=0,
        buckets=None,
        padding_id=0,
    ):
        super().__init__(token_ids, segment_ids, batch_size, max_buckets, seed, buckets, padding_id)
        self._continues = np.asarray(is_continuation, bool) & whole_words
        size = len(self._continues)
        largest = max(int(row.max()) for row in self._tokens)
        require(
            max(largest, mask_id, *special_ids) < size,
            "is_continuation",
            "as long as the vocabulary",
            is_continuation=f"{size} values",
            largest_token=largest,
            mask_id=mask_id,
            special_ids=special_ids,
        )
        require(0 < rate < 1, "rate", "a number between 0 and 1", rate=rate)
        self._is_text = np.ones(size, bool)
        self._is_text[[mask_id, *special_ids]] = False
        require(
            self._is_text.any(), "special_ids", "not the whole vocabulary", special_ids=special_ids
        )
        self._replacements = np.flatnonzero(self._is_text)
        self.mask_id = mask_id
        self.rate = rate
        self._next_sentence_labels = next_sentence_labels
        if next_sentence_labels is not None:
            self._next_sentence_labels = class_ids(
                "next_sentence_labels", next_sentence_labels, len(token_ids)
            )

    @property
    def slots(self):
        return [int(selection_count(length, self.rate)) for _, length in self.shapes]

    @classmethod
    def of_tokenizer(cls, tokenizer, token_ids, batch_size, segment_ids=None, **options):
        """The batches of texts that a tokenizer has encoded, with its special ids and its words.

        Args:
            tokenizer: of an encoder, such as a `WordPieceTokenizer`.
            token_ids, batch_size, segment_ids, **options: those of this class.
        """
        special = tokenizer.special_ids
        ids = [special.padding, special.start, *special.ends]
        return cls(
            token_ids,
            segment_ids,
            batch_size,
            mask_id=tokenizer.mask_id,
            special_ids=[token_id for token_id in ids if token_id is not None],
            is_continuation=tokenizer.is_continuation,
            padding_id=tokenizer.padding_id,
            **options,
        )

    def batch_at(self, epoch, step, bucket, indices):
        """The arrays of one batch: `(x, y, sample_weight)`."""
        # The 1 sets it apart from the order's seed, to which zeros at the end make no difference.
        random = np.random.default_rng([self.seed, epoch, step, 1])
        x = self.inputs(bucket, indices)
        token_ids = x["token_ids"]
        may_select = self._is_text[token_ids] & (x["padding_mask"] == 1)
        is_selected = select_tokens(
            may_select,
            self._continues[token_ids],
            selection_count(may_select.sum(axis=1), self.rate),
            random,
        )
        x["token_ids"], x["mask_positions"], labels, weights = mask_tokens(
            token_ids,
            is_selected,
            self.slots[bucket],
            self.mask_id,
            self._replacements,
            random,
        )
        if self._next_sentence_labels is None:
            return x, labels, weights
        follows, counts = np.zeros(len(labels), np.int32), np.zeros(len(labels), np.float32)
        follows[: len(indices)] = self._next_sentence_labels[indices]
        counts[: len(indices)] = 1.0
        return (
            x,
            {"logits": labels, "next_sentence": follows},
            {"logits": weights, "next_sentence": counts},
        )
