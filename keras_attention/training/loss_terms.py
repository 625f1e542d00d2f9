"""The losses of a compiled model on a part of a batch."""

from keras import tree

from keras_attention.keras_private import output_losses
from keras_attention.training.mean_and_count import has_own_call, mean_and_count


def by_output(structure, model, y_pred):
    """Weights or targets keyed by output name, in the structure of the outputs."""
    if not isinstance(structure, dict):
        return structure
    if isinstance(y_pred, dict):
        return {name: structure.get(name) for name in y_pred}
    by_name = [structure.get(name) for name in model.output_names]
    return by_name if isinstance(y_pred, (list, tuple)) else by_name[0]


def _require_losses(model, y_pred):
    """Raises `ValueError` if the losses do not fit the outputs."""
    loss = model.loss
    if isinstance(loss, dict):
        names = list(y_pred) if isinstance(y_pred, dict) else model.output_names
        if unknown := sorted(set(loss) - set(names)):
            raise ValueError(
                f"`loss` must name outputs of the model, {sorted(names)}. "
                f"Received: loss for {unknown}"
            )
    elif isinstance(loss, (list, tuple)) and len(loss) > 1 and not tree.is_nested(y_pred):
        raise ValueError(
            "`loss` must be one loss for a model with one output: Keras ignores all but the first. "
            f"Received: loss={loss!r}"
        )


def loss_terms(model, part, y_pred, is_whole):
    """The losses of the outputs of a model on a part of a batch.

    Args:
        model: a compiled `keras.Model`.
        part: `(x, y, sample_weight)`, in any structure that `fit` takes; weights may also be keyed
            by output name, and miss some.
        y_pred: the outputs.
        is_whole: whether the part is the whole batch.

    Returns:
        A list of `(weight, mean, count)`, one for each output with a loss: the weight is that of
        `compile(loss_weights=...)`; for mean and count see `mean_and_count`.

    Raises:
        ValueError: if the losses do not fit the outputs, or cannot be joined over parts.
    """
    _, y, sample_weight = part
    _require_losses(model, y_pred)
    if not isinstance(y_pred, dict):  # of which a part may have a loss
        y = by_output(y, model, y_pred)
    sample_weight = by_output(sample_weight, model, y_pred)
    terms = []
    for loss, weight, *tensors in output_losses(model, y, y_pred, sample_weight):
        if not is_whole and has_own_call(loss):
            raise ValueError(
                "A loss for micro-batches or several replicas must implement `call` and leave "
                "`__call__` to Keras, or derive from keras_attention.training.TokenLoss. "
                f"Received: loss={loss!r}"
            )
        terms.append((weight, *mean_and_count(loss, *tensors)))
    if not terms and not model.losses:
        raise ValueError("`loss` must be given to `compile`. Received: loss=None")
    return terms
