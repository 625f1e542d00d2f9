"""Label-smoothed cross-entropy from logits and integer targets (Szegedy et al. 2016)."""

import keras
from keras import ops

from keras_attention._validation import require_rate, with_python_numbers
from keras_attention.training.row_chunks import smoothed_target
from keras_attention.training.token_loss import TokenLoss
from keras_attention.training.token_metrics import (
    class_targets,
    log_normalizers,
    require_ignore_class,
    softmax_parts,
    target_logits,
    targets_in_range,
    token_weights,
)


def smoothed_cross_entropies(targets, logits, label_smoothing):
    """The loss (B, T) of every token, padding included, from float32 logits (B, T, V).

    The gradient, softmax minus smoothed target, is written out. It reuses the exponentials of the
    forward pass and is one expression over (B, T, V), the largest tensor of a training step.
    """
    size = logits.shape[-1]
    gold, other = smoothed_target(size, label_smoothing)

    @ops.custom_gradient
    def cross_entropies(logits):
        maxima, exponentials, sums = softmax_parts(logits)
        loss = log_normalizers(maxima, sums) - (gold - other) * target_logits(logits, targets)
        if other:
            loss = loss - other * ops.sum(logits, axis=-1)

        def gradient(*args, upstream=None):
            upstream = ops.expand_dims(args[0] if upstream is None else upstream, -1)  # (B, T, 1)
            vocabulary = ops.arange(size, dtype="int32")
            is_gold = ops.equal(vocabulary, ops.expand_dims(ops.cast(targets, "int32"), -1))
            return (exponentials * (1.0 / sums) - ops.where(is_gold, gold, other)) * upstream

        return loss, gradient

    return cross_entropies(logits)


@keras.saving.register_keras_serializable(package="keras_attention")
class LabelSmoothedCrossEntropy(TokenLoss):
    """Cross-entropy of a target with `1 - label_smoothing` on the gold token, the rest evenly.

    No one-hot target is made. With V tokens, logits z, and e' = label_smoothing / (V - 1) as the
    mass of each other token, the loss is
    `logsumexp(z) - (1 - label_smoothing - e') z_gold - e' sum(z)`.

    The value is the sum over tokens divided by their count, never a mean of means. It is computed
    in float32 whatever the dtype of the logits.

    Args:
        label_smoothing: mass taken from the gold token, in [0, 1).
        ignore_class: the target that carries no loss, usually padding; may be negative. None if
            every target does: then padding has to have the weight 0.

    Call arguments:
        y_true: integer targets (B, T), or (B, T, 1).
        y_pred: logits (B, T, V).
        sample_weight: (B,), (B, T) or (B, T, 1); a weighted token counts as that many.

    Raises:
        ValueError: if `label_smoothing` is not in [0, 1), `ignore_class` no integer, or targets,
            logits and weights do not belong together.
        InvalidArgumentError: of TensorFlow on a CPU, if a target is neither `ignore_class` nor one
            of the V tokens. Where nothing can be raised (XLA, a GPU, JAX) the loss is NaN.

    Example:

    >>> loss = LabelSmoothedCrossEntropy(label_smoothing=0.1)
    >>> round(float(loss(np.array([[1, 0]]), np.zeros((1, 2, 4), "float32"))), 6)  # log 4
    1.386294

    Reference: Vaswani et al. 2017, section 5.4; Szegedy et al. 2016, section 7,
    https://arxiv.org/abs/1512.00567
    """

    @with_python_numbers
    def __init__(
        self,
        label_smoothing=0.1,
        ignore_class=0,
        name="label_smoothed_cross_entropy",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        require_rate("label_smoothing", label_smoothing)
        require_ignore_class(ignore_class)
        self.label_smoothing = label_smoothing
        self.ignore_class = ignore_class

    def token_weights(self, y_true, sample_weight=None):
        """What each token counts: see `token_weights`."""
        return token_weights(y_true, sample_weight, self.ignore_class)

    def mean_and_count(self, y_true, y_pred, sample_weight=None):
        return super().mean_and_count(class_targets(y_true, y_pred), y_pred, sample_weight)

    def call(self, y_true, y_pred):
        """The loss of every token (B, T), not yet weighted."""
        logits = ops.cast(y_pred, "float32")
        y_true = targets_in_range(y_true, logits.shape[-1], self.ignore_class)
        return smoothed_cross_entropies(y_true, logits, self.label_smoothing)

    def get_config(self):
        return {
            **super().get_config(),
            "label_smoothing": self.label_smoothing,
            "ignore_class": self.ignore_class,
        }
