"""The base class of heads that tell classes apart."""

from keras import ops

from keras_attention._validation import require
from keras_attention.models.encoder_head import EncoderHead


class ClassifierHead(EncoderHead):
    """A head whose logits (B, ..., C) are of C classes; not used by itself.

    Attributes:
        num_classes: C.
        labels: names of the classes, a list of C different strings, or None where they are unknown.
            May be set.
    """

    task_kind = "classifier"  # a key of `keras_attention.tasks.TASKS`

    _labels = None

    @property
    def labels(self):
        return None if self._labels is None else list(self._labels)

    @labels.setter
    def labels(self, labels):
        if labels is not None:
            labels = require_labels(labels, self.num_classes)
        self._labels = labels

    def probabilities(self, token_ids, padding_id, segment_ids=None):
        """The probability of every class, from ids alone: what runs and artifacts share.

        Args:
            token_ids: (B, T) int32.
            padding_id: the id that is masked.
            segment_ids: (B, T) int32; all 0 where it is None.

        Returns:
            (B, ..., C) float32.
        """
        token_ids = ops.convert_to_tensor(token_ids)
        if segment_ids is None:
            segment_ids = ops.zeros_like(token_ids)
        inputs = {
            "token_ids": token_ids,
            "segment_ids": ops.convert_to_tensor(segment_ids),
            "padding_mask": ops.cast(ops.not_equal(token_ids, padding_id), "int32"),
        }
        logits = self(inputs, training=False)
        return ops.softmax(ops.cast(logits, "float32"), axis=-1)


def require_labels(labels, num_classes):
    """The labels as a tuple.

    Raises:
        ValueError: unless they are as many different names as there are classes.
    """
    require(
        len(set(labels)) == len(labels) == num_classes,
        "labels",
        "as many different names as there are classes",
        labels=labels,
        num_classes=num_classes,
    )
    return tuple(labels)
