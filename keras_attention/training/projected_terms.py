"""The loss and the metrics of a step from hidden states, without logits, where all of them allow.

It is `loss_terms` for a model that says how its logits come about (`Model.projected_logits`), one
`LabelSmoothedCrossEntropy`, and metrics that read `TokenScores`.
"""

import keras
from keras import ops, tree

from keras_attention import masks
from keras_attention.keras_private import given_metrics, output_losses
from keras_attention.training.label_smoothed_cross_entropy import LabelSmoothedCrossEntropy
from keras_attention.training.linear_cross_entropy import linear_cross_entropy
from keras_attention.training.loss_terms import by_output, require_losses
from keras_attention.training.token_metrics import (
    Perplexity,
    TokenMean,
    TokenScores,
    class_targets,
    masked_weights,
    targets_in_range,
)


def _holds(kind, name, *others):
    """Whether no class below the one that defines `name` replaces one of `others`.

    What a class says of its other methods holds until a subclass has others of its own.
    """
    for cls in kind.__mro__:
        if name in vars(cls):
            return True
        if any(other in vars(cls) for other in others):
            return False
    return False


def _takes_hidden_states(loss):
    if not isinstance(loss, LabelSmoothedCrossEntropy):
        return False
    return all(
        getattr(type(loss), name) is getattr(LabelSmoothedCrossEntropy, name)
        for name in ("call", "mean_and_count")
    )


def _takes_scores(metric):
    return isinstance(metric, TokenMean) and _holds(
        type(metric), "values_of_scores", "values", "update_state"
    )


def takes_projection(model):
    """Whether the loss and the metrics of a compiled model can do without logits."""
    losses = tree.flatten(model.loss)
    return (
        len(losses) == 1
        and _takes_hidden_states(losses[0])
        and all(_takes_scores(metric) for metric, _ in given_metrics(model))
        and type(model).compute_metrics is keras.Model.compute_metrics
    )


def gives_projection(model, name="projected_logits"):
    """Whether the method `name` of a model says what its logits are made of.

    It does unless a subclass computes its outputs in a way of its own.
    """
    return _holds(type(model), name, "call", "__call__")


def cross_entropy_arguments(model, part, hidden, size):
    """What the compiled loss and metrics of a model ask of the logits of hidden states.

    Args:
        model: a compiled model that `takes_projection`.
        part: as in `loss_terms`.
        hidden: (B, T, D), with the mask that the logits would have.
        size: number of tokens V.

    Returns:
        The weight of the loss in `compile`; the arguments of `linear_cross_entropy` that say what
        counts, a dict; and the mask (B, T) or None.
    """
    _, y, sample_weight = part
    metrics = given_metrics(model)
    require_losses(model, hidden)
    targets, sample_weight = (by_output(each, model, hidden) for each in (y, sample_weight))
    ((loss, factor, targets, _, sample_weight),) = output_losses(
        model, targets, hidden, sample_weight
    )
    targets, mask = class_targets(targets, hidden), masks.implicit_mask(hidden)
    weights = ops.cast(loss.token_weights(targets, sample_weight), "float32")
    counted = None
    for metric, is_weighted in metrics:
        counts = metric.token_weights(targets, sample_weight if is_weighted else None) != 0
        counted = counts if counted is None else ops.logical_or(counted, counts)
    return (
        factor,
        dict(
            targets=targets_in_range(targets, size, loss.ignore_class),
            weights=masked_weights(weights, mask),
            counted=counted,
            label_smoothing=loss.label_smoothing,
            with_accuracies=not all(isinstance(metric, Perplexity) for metric, _ in metrics),
        ),
        mask,
    )


def projected_terms(model, part, rows, training):
    """The losses of a part of a batch as `loss_terms` gives them, and what metrics read.

    Args:
        model: a compiled `keras_attention.models.Model`.
        part, rows: as in `loss_terms`.
        training: whether the model is trained by this step.

    Returns:
        A list of one `(weight, mean, count)`, and `TokenScores` (B, T); or None for a model, a loss
        or metrics that need logits.
    """
    if not takes_projection(model) or not gives_projection(model):
        return None
    found = model.projected_logits(part[0], training=training)
    if found is None:
        return None
    hidden, projection = found
    kernel, bias, transposed, dtype = projection
    size = kernel.shape[0 if transposed else 1]
    factor, arguments, mask = cross_entropy_arguments(model, part, hidden, size)
    total, log_probabilities, accuracies = linear_cross_entropy(
        hidden,
        kernel,
        bias=bias,
        transposed=transposed,
        dtype=dtype,
        training=training,
        **arguments,
    )
    count = ops.sum(arguments["weights"])
    mean = ops.divide_no_nan(total, count)
    mean, count = (ops.where(rows > 0, n, 0.0) for n in (mean, count))
    return [(factor, mean, count)], TokenScores(log_probabilities, accuracies, mask)
