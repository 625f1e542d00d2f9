"""Metrics over tokens, and the functions of logits that they share with the loss.

Loss, perplexity and accuracy need the same maxima and sums over the vocabulary. Because they call
the same functions, a compiled step merges the equal operations and makes each pass once.
"""

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require, with_python_numbers
from keras_attention.graph.checked_ids import checked_ids
from keras_attention.layers.require_shapes import static_shape
from keras_attention.training.with_axes_of import with_axes_of, without_last_axis


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
        sample_weight: (B,), (B, T) or (B, T, 1), what a token counts; 1 by default.
        ignore_class: the target that counts nothing; None if every target counts.

    Raises:
        ValueError: if `sample_weight` has another shape.
    """
    if ignore_class is None:
        weights = ops.ones(ops.shape(targets), dtype="float32")
    else:
        weights = ops.cast(ops.not_equal(targets, ignore_class), "float32")
    if sample_weight is None:
        return weights
    return weights * with_axes_of(weights, sample_weight, "`sample_weight`")


def masked_weights(weights, mask):
    """Weights (B, T), 0 where the mask that Keras attached to predictions, or None, is False.

    Raises:
        ValueError: if the mask has other axes than the targets.
    """
    if mask is None:
        return weights
    if len(mask.shape) != len(weights.shape):
        raise ValueError(
            "The mask of an output must have as many axes as its targets, "
            f"{len(weights.shape)}. Received: shape={tuple(mask.shape)}"
        )
    return weights * ops.cast(mask, "float32")


def class_targets(y_true, logits):
    """The targets (B, T) of logits (B, T, V), which may come as (B, T, 1), as Keras takes them.

    Raises:
        ValueError: if they have another shape.
    """
    outer = static_shape(logits)[:-1]
    y_true = without_last_axis(ops.convert_to_tensor(y_true), len(outer))
    shape = static_shape(y_true)
    if shape is None:  # of batches with targets of both forms
        return ops.reshape(y_true, ops.shape(logits)[:-1])
    sizes = zip(shape, outer, strict=False)
    require(
        len(shape) == len(outer) and all(None in pair or pair[0] == pair[1] for pair in sizes),
        "y_true",
        "of the shape of the logits without their last axis",
        **{"y_true.shape": shape, "y_pred.shape": static_shape(logits)},
    )
    return y_true


def targets_in_range(targets, size, ignore_class):
    """`targets` with 0 in place of an `ignore_class` that is none of the `size` classes."""
    if ignore_class is None or 0 <= ignore_class < size:
        return targets
    return ops.where(ops.equal(targets, ignore_class), 0, targets)


def target_logits(logits, targets):
    """The logit (B, T) of each target. One flat gather: its gradient is one flat scatter.

    A target that is none of the V classes has no logit. TensorFlow raises an error on a CPU; where
    nothing can be raised (XLA, a GPU, JAX) it is NaN.
    """
    size = logits.shape[-1]
    flat = checked_ids(ops.reshape(targets, (-1,)), size)
    count, is_class = ops.shape(flat)[0], flat < size
    index = ops.arange(count, dtype="int32") * size + flat
    # Beyond all logits, where it would be the first logits of the next token.
    index = ops.where(is_class, index, count * size)
    gathered = ops.take(ops.reshape(logits, (-1,)), index, axis=0)
    gathered = ops.where(is_class, gathered, float("nan"))
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


def tie_shares(logits, of_targets, maxima):
    """1 (B, T) where the target's logit is the largest, 1 / k where k logits are, 0 elsewhere.

    Args:
        logits: (B, T, V).
        of_targets: their `target_logits` (B, T).
        maxima: of their `softmax_parts` (B, T, 1).
    """
    # No argmax: maxima are at hand, and half precision has many ties.
    tied = ops.sum(ops.cast(ops.equal(logits, maxima), "float32"), axis=-1)
    is_largest = ops.equal(of_targets, ops.squeeze(maxima, axis=-1))
    return ops.divide_no_nan(ops.cast(is_largest, "float32"), tied)


class TokenScores:
    """What a metric of this module reads in the place of logits, where there are none.

    Args:
        log_probabilities: (B, T), of the targets.
        accuracies: (B, T), their `tie_shares`; None where no metric asks for them.
        mask: (B, T), the mask that Keras would have attached to the logits, or None.
    """

    def __init__(self, log_probabilities, accuracies=None, mask=None):
        self.log_probabilities = log_probabilities
        self.accuracies = accuracies
        self.mask = mask

    def tensors(self):
        """The arguments that make another one."""
        return self.log_probabilities, self.accuracies, self.mask


class TokenMean(keras.metrics.Metric):
    """The mean over all tokens of `values(y_true, logits)`, which a subclass computes.

    A mask that Keras attached to the logits leaves out what it is False at, as in metrics of Keras.
    A subclass that also has `values_of_scores(scores)`, the same from `TokenScores`, lets a
    training step do without the logits.

    Args:
        ignore_class: the target that does not count; may be negative. None if every target does:
            then padding has to have the weight 0. `fit` gives the weights of a batch to those
            metrics that `compile` takes as `weighted_metrics`.

    Any other target must be one of the V classes: see `target_logits`.
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

    def token_weights(self, y_true, sample_weight=None):
        """What each token counts: see `token_weights`."""
        return token_weights(y_true, sample_weight, self.ignore_class)

    def update_state(self, y_true, y_pred, sample_weight=None):
        if isinstance(y_pred, TokenScores):
            mask = y_pred.mask
            y_true = class_targets(y_true, ops.expand_dims(y_pred.log_probabilities, -1))
            values = self.values_of_scores(y_pred)
        else:
            mask = masks.implicit_mask(y_pred)
            logits = ops.cast(y_pred, "float32")
            y_true = class_targets(y_true, logits)
            in_range = targets_in_range(y_true, logits.shape[-1], self.ignore_class)
            values = self.values(in_range, logits)
        weights = masked_weights(self.token_weights(y_true, sample_weight), mask)
        values = ops.cast(values, "float32")
        self.total.assign(self.total + ops.sum(values * weights))
        self.count.assign(self.count + ops.sum(weights))

    def get_config(self):
        return {**super().get_config(), "ignore_class": self.ignore_class}

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenAccuracy(TokenMean):
    """The share of targets whose logit is the largest. In a tie of k logits each counts 1 / k.

    Targets (B, T) or (B, T, 1), logits (B, T, V), `sample_weight` (B,), (B, T) or (B, T, 1);
    `ignore_class` as in `TokenMean`, 0 by default.

    >>> metric = TokenAccuracy()
    >>> metric.update_state(np.array([[1, 2, 0]]), np.array([[[0.0, 9, 0], [9, 0, 0], [9, 0, 0]]]))
    >>> float(metric.result())  # the padding at the end is left out
    0.5
    """

    def __init__(self, name="accuracy", dtype=None, ignore_class=0, **kwargs):
        super().__init__(name, dtype, ignore_class, **kwargs)

    def values(self, y_true, logits):
        maxima, _, _ = softmax_parts(logits)
        return tie_shares(logits, target_logits(logits, y_true), maxima)

    def values_of_scores(self, scores):
        return scores.accuracies


@keras.saving.register_keras_serializable(package="keras_attention")
class Perplexity(TokenMean):
    """exp of the mean cross-entropy of a token, without label smoothing.

    Targets (B, T) or (B, T, 1), logits (B, T, V), `sample_weight` (B,), (B, T) or (B, T, 1);
    `ignore_class` as in `TokenMean`, 0 by default.

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

    def values_of_scores(self, scores):
        return -scores.log_probabilities

    def result(self):
        return ops.exp(super().result())
