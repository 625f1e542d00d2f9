"""The loss and the metrics of a step from hidden states, without logits, where all of them allow.

It is `loss_terms` for a model that says how its logits come about (`Model.projected_logits`), one
`LabelSmoothedCrossEntropy`, and metrics that read `TokenScores`.
"""

import keras
from keras import ops, tree

from keras_attention.keras_private import given_metrics, output_losses
from keras_attention.masks import implicit_mask
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
    x, y, sample_weight = part
    losses = tree.flatten(model.loss)
    metrics = given_metrics(model)
    if (
        len(losses) != 1
        or not _takes_hidden_states(losses[0])
        or not all(_takes_scores(metric) for metric, _ in metrics)
        or type(model).compute_metrics is not keras.Model.compute_metrics
        or not _holds(type(model), "projected_logits", "call", "__call__")
    ):
        return None
    found = model.projected_logits(x, training=training)
    if found is None:
        return None
    hidden, projection = found
    require_losses(model, hidden)
    targets, sample_weight = (by_output(each, model, hidden) for each in (y, sample_weight))
    ((loss, factor, targets, _, sample_weight),) = output_losses(
        model, targets, hidden, sample_weight
    )
    targets, mask = class_targets(targets, hidden), implicit_mask(hidden)
    weights = ops.cast(loss.token_weights(targets, sample_weight), "float32")
    weights = masked_weights(weights, mask)
    counted = None
    for metric, is_weighted in metrics:
        counts = metric.token_weights(targets, sample_weight if is_weighted else None) != 0
        counted = counts if counted is None else ops.logical_or(counted, counts)
    kernel, bias, transposed, dtype = projection
    size = kernel.shape[0 if transposed else 1]
    total, log_probabilities, accuracies = linear_cross_entropy(
        hidden,
        kernel,
        targets_in_range(targets, size, loss.ignore_class),
        weights,
        bias=bias,
        label_smoothing=loss.label_smoothing,
        transposed=transposed,
        dtype=dtype,
        counted=counted,
        with_accuracies=not all(isinstance(metric, Perplexity) for metric, _ in metrics),
        training=training,
    )
    count = ops.sum(weights)
    mean = ops.divide_no_nan(total, count)
    mean, count = (ops.where(rows > 0, n, 0.0) for n in (mean, count))
    return [(factor, mean, count)], TokenScores(log_probabilities, accuracies, mask)
