"""Probabilities from token ids alone: what runs and artifacts share."""

from keras import ops


def classify(model, padding_id, token_ids, segment_ids=None):
    """The probability of every label: (B, C) float32.

    Args:
        model: a classifier with the inputs "token_ids", "segment_ids" and "padding_mask", whose
            output is logits (B, C).
        padding_id: the id that is masked.
        token_ids: (B, T) int32.
        segment_ids: (B, T) int32; all 0 where it is None.
    """
    if segment_ids is None:
        segment_ids = ops.zeros_like(token_ids)
    inputs = {
        "token_ids": token_ids,
        "segment_ids": segment_ids,
        "padding_mask": ops.cast(ops.not_equal(token_ids, padding_id), "int32"),
    }
    logits = model(inputs, training=False)
    return ops.softmax(ops.cast(logits, "float32"), axis=-1)
