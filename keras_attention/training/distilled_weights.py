"""What tokens and rows count in the losses of a distillation."""

import keras
from keras import ops, tree

from keras_attention import masks
from keras_attention.keras_private import set_mask
from keras_attention.training.label_smoothed_cross_entropy import LabelSmoothedCrossEntropy
from keras_attention.training.token_loss import TokenLoss
from keras_attention.training.token_metrics import class_targets
from keras_attention.training.with_axes_of import with_axes_of, without_last_axis


def counted_tokens(x, outputs, token_mask):
    """The mask of tokens, where it says which of the outputs count; else None.

    Args:
        x: inputs.
        outputs: (B, ..., C), or what comes before the logits.
        token_mask: True (B, T) at tokens; None where the inputs do not say.
    """
    is_given = isinstance(x, dict) and x.get("mask_positions") is not None
    return None if is_given or len(outputs.shape) != 3 else token_mask


def weighted_part(part, outputs, token_mask):
    """A part of a batch with what each of its outputs counts, and that.

    Logits (B, T, C) of all tokens count at tokens alone, where a mask says which these are.

    Args:
        part: `(x, y, sample_weight)`.
        outputs: (B, ..., C), or what comes before the logits.
        token_mask: True (B, T) at tokens; None where the inputs do not say.

    Returns:
        The part, whose weights leave out padding, for the hard loss, which reads masks of Keras by
        itself; and float32 weights that broadcast to (B, ...), or None, for the soft one.
    """
    x, y, sample_weight = part
    like = outputs[..., 0]
    weights = None
    if sample_weight is not None:
        weights = with_axes_of(like, sample_weight, "`sample_weight`")
    token_mask = counted_tokens(x, outputs, token_mask)
    if token_mask is not None:
        token_mask = ops.cast(token_mask, "float32")
        weights = sample_weight = token_mask if weights is None else weights * token_mask
    own = masks.implicit_mask(outputs)
    if own is not None:
        own = with_axes_of(like, own, "The mask of an output")
        weights = own if weights is None else weights * own
    return (x, y, sample_weight), weights


def soft_weights(loss, targets, outputs, weights):
    """The weights of soft targets without those that the loss of hard ones leaves out.

    Args:
        loss: what the model was compiled with.
        targets, outputs: of the hard loss.
        weights: of `weighted_part`.
    """
    losses = tree.flatten(loss)
    if len(losses) != 1 or not isinstance(losses[0], LabelSmoothedCrossEntropy):
        return weights
    own = ops.cast(losses[0].token_weights(class_targets(targets, outputs)), "float32")
    return own if weights is None else own * with_axes_of(own, weights, "`sample_weight`")


def without_padding(given, part, outputs, token_mask, loss):
    """The part and the outputs of which the hard loss is taken.

    A weight of 0 counts in the divisor of Keras' default reduction, and what is masked out does
    not: so padding gets a mask where arrays may have one. Those of JAX may not: there the weights
    of tokens make good for the divisor, as Keras does it with a mask.

    Args:
        given, part: before and after `weighted_part`.
        outputs: (B, ..., C).
        token_mask: as in `weighted_part`.
        loss: what the model was compiled with.
    """
    mask = counted_tokens(given[0], outputs, token_mask)
    if mask is None:
        return part, outputs
    if keras.backend.backend() != "tensorflow":
        (loss,) = tree.flatten(loss)
        # The name of a loss, or a function, has the default reduction.
        if getattr(loss, "reduction", "mean") not in ("mean", "sum_over_batch_size"):
            return part, outputs
        if isinstance(loss, TokenLoss):  # which divides by the sum of weights
            return part, outputs
        x, y, weights = part
        mask = ops.cast(mask, "float32")
        return (x, y, weights * ops.divide_no_nan(1.0, ops.mean(mask))), outputs
    mask, outputs = masks.combine(masks.implicit_mask(outputs), mask), ops.copy(outputs)
    set_mask(outputs, mask)
    return given, outputs


def hidden_weights(losses, token_mask, sample_weight):
    """What the hidden states of each token count, float32 in the shape of their losses (B, ...).

    They count at all tokens of a row of which anything counts.

    Args:
        losses: (B, ...).
        token_mask: True (B, T) at tokens, or None.
        sample_weight: (B,), or (B, ...) of which a row counts 1 if any is not 0; None for 1.
    """
    weights = ops.ones_like(losses)
    if token_mask is not None:
        weights = weights * with_axes_of(losses, token_mask, "The mask of tokens")
    if sample_weight is None:
        return weights
    of_rows = without_last_axis(ops.cast(sample_weight, "float32"), 1)
    if len(of_rows.shape) > 1:
        axes = tuple(range(1, len(of_rows.shape)))
        of_rows = ops.cast(ops.any(ops.not_equal(of_rows, 0.0), axis=axes), "float32")
    return weights * with_axes_of(losses, of_rows, "`sample_weight`")


def mean_of_counted(losses, weights, rows):
    """The mean of losses (B, ...) by weights that broadcast to them, and the sum of the weights.

    Both are 0 for a part without rows. Without weights (None) each loss counts 1.
    """
    ones = ops.ones_like(losses)
    weights = ones if weights is None else weights * ones
    count = ops.sum(weights)
    mean = ops.divide_no_nan(ops.sum(losses * weights), count)
    return tuple(ops.where(rows > 0, number, 0.0) for number in (mean, count))
