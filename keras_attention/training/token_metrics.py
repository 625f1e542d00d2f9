"""Metrics over tokens, and the functions of logits that they share with the loss.

Loss, perplexity and accuracy need the same maxima and sums over the vocabulary. Because they call
the same functions, a compiled step merges the equal operations and makes each pass once.
"""

import keras
from keras import ops

from keras_attention._validation import require, with_python_numbers


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
    # With `initial`, because Keras refuses the maximum of no rows in eager mode.
    maxima = ops.max(logits, axis=-1, keepdims=True, initial=-float("inf"))
    exponentials = ops.exp(logits - maxima)
    return maxima, exponentials, ops.sum(exponentials, axis=-1, keepdims=True)


def log_normalizers(maxima, sums):
    """logsumexp (B, T) of logits, from their `softmax_parts`."""
    return ops.squeeze(ops.log(sums) + maxima, axis=-1)


class TokenMean(keras.metrics.Metric):
    """The mean over all tokens of `values(y_true, logits)`, which a subclass computes.

    Args:
        ignore_class: the target that does not count; may be negative. None if every target does:
            then padding has to have the weight 0. `fit` gives the weights of a batch to those
            metrics that `compile` takes as `weighted_metrics`.
    """

    @with_python_numbers
    def __init__(self, name, dtype=None, ignore_class=0, **kwargs):
        super().__init__(name=name, dtype=dtype, **kwargs)
        require_ignore_class(ignore_class)
        self.ignore_class = ignore_class
        self.total = self.add_variable((), initializer="zeros", name="total")
        self.count = self.add_variable((), initializer="zeros", name="count")

    def values(self, y_true, logits):
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.convert_to_tensor(y_true)
        weights = token_weights(y_true, sample_weight, self.ignore_class)
        logits = ops.cast(y_pred, "float32")
        y_true = targets_in_range(y_true, logits.shape[-1], self.ignore_class)
        values = ops.cast(self.values(y_true, logits), "float32")
        self.total.assign(self.total + ops.sum(values * weights))
        self.count.assign(self.count + ops.sum(weights))

    def get_config(self):
        return {**super().get_config(), "ignore_class": self.ignore_class}

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenAccuracy(TokenMean):
    """The share of targets whose logit is the largest. In a tie of k logits each counts 1 / k.

    Targets (B, T), logits (B, T, V), `sample_weight` (B,) or (B, T); `ignore_class` as in
    `TokenMean`, 0 by default.

    >>> metric = TokenAccuracy()
    >>> metric.update_state(np.array([[1, 2, 0]]), np.array([[[0.0, 9, 0], [9, 0, 0], [9, 0, 0]]]))
    >>> float(metric.result())  # the padding at the end is left out
    0.5
    """

    def __init__(self, name="accuracy", dtype=None, ignore_class=0, **kwargs):
        super().__init__(name, dtype, ignore_class, **kwargs)

    def values(self, y_true, logits):
        # No argmax: maxima are at hand (see `softmax_parts`), and half precision has many ties.
        maxima, _, _ = softmax_parts(logits)
        tied = ops.sum(ops.cast(ops.equal(logits, maxima), "float32"), axis=-1)
        is_largest = ops.equal(target_logits(logits, y_true), ops.squeeze(maxima, axis=-1))
        return ops.divide_no_nan(ops.cast(is_largest, "float32"), tied)


@keras.saving.register_keras_serializable(package="keras_attention")
class Perplexity(TokenMean):
    """exp of the mean cross-entropy of a token, without label smoothing.

    Targets (B, T), logits (B, T, V), `sample_weight` (B,) or (B, T); `ignore_class` as in
    `TokenMean`, 0 by default.

    >>> metric = Perplexity()
    >>> metric.update_state(np.array([[1, 0]]), np.zeros((1, 2, 4)))
    >>> float(metric.result())
    4.0
    """

    def __init__(self, name="perplexity", dtype=None, ignore_class=0, **kwargs):
        super().__init__(name, dtype, ignore_class, **kwargs)

    def values(self, y_true, logits):
        maxima, _, sums = softmax_parts(logits)
        return log_normalizers(maxima, sums) - target_logits(logits, y_true)

    def result(self):
        return ops.exp(super().result())
