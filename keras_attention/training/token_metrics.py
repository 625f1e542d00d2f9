"""Metrics over tokens that leave out one class, usually padding."""

import keras
from keras import ops

from keras_attention.training.token_logits import (
    log_normalizers,
    require_ignore_class,
    softmax_parts,
    target_logits,
    targets_in_range,
    token_weights,
)


class TokenMean(keras.metrics.Metric):
    """The mean over all tokens of `values(y_true, logits)`, which a subclass computes.

    Args:
        ignore_class: the target that does not count; may be negative. None if every target does:
            then padding has to have the weight 0. `fit` gives the weights of a batch to those
            metrics that `compile` takes as `weighted_metrics`.
    """

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
        # No argmax: maxima are at hand (see `token_logits`), and half precision has many ties.
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
