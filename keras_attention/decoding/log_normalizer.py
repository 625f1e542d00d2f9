"""What turns logits into log-probabilities."""

from keras import ops


def log_normalizer(logits, largest):
    """log(sum(exp(logits))) of each row (R, 1): a logit less this is its log-probability.

    Args:
        logits: (R, V) float32.
        largest: (R, 1), the largest of each row, which is known wherever the best are.
    """
    total = ops.sum(ops.exp(logits - largest), axis=-1, keepdims=True)
    return largest + ops.log(total)
