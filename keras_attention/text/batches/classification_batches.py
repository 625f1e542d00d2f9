"""Batches of labelled texts for a classifier."""

import numpy as np

from keras_attention._validation import require
from keras_attention.text.batches.encoder_batches import EncoderBatches, class_ids


class ClassificationBatches(EncoderBatches):
    """Labelled texts as batches `(x, y, sample_weight)` of few static shapes.

    Texts of similar lengths share a bucket. Each bucket has one shape `(batch_size, T)`, where T is
    its longest text. Texts that do not fill a batch move to the bucket of the next longer texts, so
    an epoch has ceil(N / batch_size) batches. Rows of padding with weight 0 fill the last batch of
    the longest bucket. The order is a pure function of (seed, epoch), so training can resume at any
    step of any epoch.

    Compile the model with a loss and metrics that use the weights:

    >>> batches = ClassificationBatches(token_ids, segment_ids, labels, batch_size=32)
    >>> model.compile(
    ...     loss=keras.losses.SparseCategoricalCrossentropy(
    ...         from_logits=True, reduction="mean_with_sample_weight"
    ...     ),
    ...     weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    ... )
    >>> model.fit(batches.dataset(), steps_per_epoch=len(batches), epochs=3, shuffle=False)

    Args:
        token_ids: list of N id lists, special tokens included.
        segment_ids: list of N lists of segments, one for each token; None for 0 throughout.
        labels: integers (N,), the class of each text; or numbers (N, C), what the C scores of each
            text should be: see `label_targets`.
        batch_size: rows of a batch.
        max_buckets: maximum number of shapes.
        seed: integer.
        class_weights: the weight of each class, numbers (C,); None for 1. Only where each text has
            one class.
        padding_id: the id that fills rows to equal length: the tokenizer's.

    Attributes:
        shapes: list of `(rows, T)`, one a bucket.
        padding: share of positions that hold padding.

    Raises:
        ValueError: if the lists have different lengths, are empty or hold an empty row, or if a
            label is negative or has no class weight.
    """

    def __init__(
        self,
        token_ids,
        segment_ids,
        labels,
        batch_size,
        max_buckets=4,
        seed=0,
        class_weights=None,
        padding_id=0,
    ):
        super().__init__(
            token_ids, segment_ids, batch_size, max_buckets, seed, padding_id=padding_id
        )
        rows = len(token_ids)
        if np.ndim(labels) == 2:
            self._labels = np.asarray(labels, np.float32)
            require(
                len(self._labels) == rows and np.isfinite(self._labels).all(),
                "labels",
                f"{rows} rows of numbers, one for each row of `token_ids`",
                shape=self._labels.shape,
            )
            is_none = class_weights is None
            require(is_none, "class_weights", "None for rows of numbers", value=class_weights)
            self._weights = np.ones(rows, np.float32)
            return
        self._labels = class_ids("labels", labels, rows)
        classes = int(self._labels.max()) + 1
        weights = np.asarray(np.ones(classes) if class_weights is None else class_weights)
        require(
            weights.ndim == 1 and len(weights) >= classes and (weights >= 0).all(),
            "class_weights",
            "a number from 0 on for each class",
            class_weights=class_weights,
            classes=classes,
        )
        self._weights = weights.astype(np.float32)[self._labels]

    def batch(self, bucket, indices):
        """The arrays of one batch: `(x, y, sample_weight)`.

        y is int32 (B,), or float32 (B, C) where labels are numbers; the weight is float32 (B,).
        """
        rows, count = self.shapes[bucket][0], len(indices)
        labels = np.zeros((rows, *self._labels.shape[1:]), self._labels.dtype)
        weights = np.zeros(rows, np.float32)
        labels[:count] = self._labels[indices]
        weights[:count] = self._weights[indices]
        return self.inputs(bucket, indices), labels, weights


def balanced_class_weights(labels, classes):
    """Weights (C,) that give every class the same total weight; their mean over the texts is 1.

    Args:
        labels: integers (N,).
        classes: number of classes C, each with at least one text.

    >>> balanced_class_weights([0, 0, 0, 1], 2)
    array([0.6666667, 2.       ], dtype=float32)
    """
    counts = np.bincount(labels, minlength=classes)
    require(
        counts.all() and len(counts) == classes,
        "labels",
        "integers below `classes`, each of them once or more",
        counts=counts.tolist(),
        classes=classes,
    )
    return (len(labels) / (classes * counts)).astype(np.float32)
