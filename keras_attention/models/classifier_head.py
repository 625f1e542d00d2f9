"""The base class of heads that tell classes apart."""

from keras import ops

from keras_attention._validation import require
from keras_attention.json_file import is_list_of_names
from keras_attention.models.encoder_head import EncoderHead
from keras_attention.problem_types import MULTI_LABEL, REGRESSION, problem_type_of


class ClassifierHead(EncoderHead):
    """A head whose logits (B, ..., C) are of C classes; not used by itself.

    Attributes:
        num_classes: C.
        labels: names of the classes, a list of C different strings, or None where they are unknown.
            May be set.
        problem_type: what the logits mean: "single_label_classification" (a softmax),
            "multi_label_classification" (a sigmoid each) or "regression" (the numbers themselves).
    """

    task_kind = "classifier"  # a key of `keras_attention.tasks.TASKS`

    _labels = None
    _problem_type = None

    @property
    def labels(self):
        return None if self._labels is None else list(self._labels)

    @labels.setter
    def labels(self, labels):
        if labels is not None:
            labels = require_labels(labels, self.num_classes)
        self._labels = labels

    @property
    def problem_type(self):
        return problem_type_of(self._problem_type, self.num_classes)

    def probabilities(self, token_ids, padding_id, segment_ids=None):
        """The probability of every class, from ids alone.

        Args:
            token_ids: (B, T) int32.
            padding_id: the id that is masked.
            segment_ids: (B, T) int32; all 0 where it is None.

        Returns:
            (B, ..., C) float32.

        Raises:
            ValueError: if the model is a regression.
        """
        require(
            self.problem_type != REGRESSION,
            "model",
            "a classifier: a regression gives numbers by `scores`, no probabilities",
            problem_type=self.problem_type,
        )
        return self.scores(token_ids, padding_id, segment_ids)

    def scores(self, token_ids, padding_id, segment_ids=None):
        """`probabilities`, or the numbers of a regression: what runs and artifacts share."""
        token_ids = ops.convert_to_tensor(token_ids)
        if segment_ids is None:
            segment_ids = ops.zeros_like(token_ids)
        inputs = {
            "token_ids": token_ids,
            "segment_ids": ops.convert_to_tensor(segment_ids),
            "padding_mask": ops.cast(ops.not_equal(token_ids, padding_id), "int32"),
        }
        logits = self(inputs, training=False)
        return scores_of_logits(logits, self.problem_type)


def scores_of_logits(logits, problem_type):
    """What logits (..., C) say, as `problem_type` has it: (..., C) float32."""
    logits = ops.cast(logits, "float32")
    if problem_type == REGRESSION:
        return logits
    return ops.sigmoid(logits) if problem_type == MULTI_LABEL else ops.softmax(logits, axis=-1)


def require_labels(labels, num_classes):
    """The labels as a tuple.

    Raises:
        ValueError: unless they are as many different names as there are classes, of one line each.
    """
    require(
        isinstance(labels, (list, tuple))
        and is_list_of_names(list(labels))
        and len(labels) == num_classes,
        "labels",
        "as many different names as there are classes, each of one line",
        labels=labels,
        num_classes=num_classes,
    )
    return tuple(labels)
