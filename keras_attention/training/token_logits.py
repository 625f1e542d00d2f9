"""Functions of logits that the loss and the metrics over tokens share.

Loss, perplexity and accuracy need the same maxima and sums over the vocabulary. Because they call
the same functions, a compiled step merges the equal operations and makes each pass once.
"""

from keras import ops

from keras_attention._validation import require


def require_ignore_class(ignore_class):
    """Raises `ValueError` unless `ignore_class` is an integer or None."""
    require(
        ignore_class is None
        or (isinstance(ignore_class, int) and not isinstance(ignore_class, bool)),
        "ignore_class",
        "an integer or None",
        ignore_class=ignore_class,
    )


def token_weights(targets, sample_weight=None, ignore_class=0):
    """float32 weights (B, T) of the targets (B, T).

    Args:
        targets: integers (B, T).
        sample_weight: (B,) or (B, T), what a token counts; 1 by default.
        ignore_class: the target that counts nothing; None if every target counts.
    """
    if ignore_class is None:
        weights = ops.ones(ops.shape(targets), dtype="float32")
    else:
        weights = ops.cast(ops.not_equal(targets, ignore_class), "float32")
    if sample_weight is None:
        return weights
    sample_weight = ops.cast(sample_weight, "float32")
    if len(sample_weight.shape) < len(weights.shape):
        sample_weight = ops.expand_dims(sample_weight, -1)
    return weights * sample_weight


def targets_in_range(targets, size, ignore_class):
    """`targets` with 0 in place of an `ignore_class` that is none of the `size` classes."""
    if ignore_class is None or 0 <= ignore_class < size:
        return targets
    return ops.where(ops.equal(targets, ignore_class), 0, targets)


def target_logits(logits, targets):
    """The logit (B, T) of each target. One flat gather: its gradient is one flat scatter."""
    size = logits.shape[-1]
    flat = ops.reshape(ops.cast(targets, "int32"), (-1,))
    offset = ops.arange(ops.shape(flat)[0], dtype="int32") * size
    gathered = ops.take(ops.reshape(logits, (-1,)), offset + flat, axis=0)
    return ops.reshape(gathered, ops.shape(targets))


def softmax_parts(logits):
    """The parts of a stable softmax: maxima (B, T, 1), exponentials (B, T, V), sums (B, T, 1)."""
    maxima = ops.max(logits, axis=-1, keepdims=True)
    exponentials = ops.exp(logits - maxima)
    return maxima, exponentials, ops.sum(exponentials, axis=-1, keepdims=True)


def log_normalizers(maxima, sums):
    """logsumexp (B, T) of logits, from their `softmax_parts`."""
    return ops.squeeze(ops.log(sums) + maxima, axis=-1)
