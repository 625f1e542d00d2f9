"""A loss as a mean and the number that divides the sum in it, so that means of parts add up."""

import keras
from keras import ops, tree

from keras_attention.masks import implicit_mask
from keras_attention.training.token_loss import TokenLoss


def has_own_call(loss):
    """Whether a loss replaces what Keras does around `call`, so that nobody knows its divisor."""
    return type(loss).__call__ is not keras.losses.Loss.__call__ and not isinstance(loss, TokenLoss)


def mean_and_count(loss, y_true, y_pred, sample_weight=None):
    """The value of a loss, and what it counts when it is joined with those of other parts.

    The mean is what `loss(y_true, y_pred, sample_weight)` returns, masks of the predictions and of
    the loss values included. Only weights with fewer axes than the loss values differ: here a
    weight of a row is one of all values in it, where Keras aligns the last axes.

    Args:
        loss: a `keras.losses.Loss`.
        y_true: targets (B, ...).
        y_pred: predictions (B, ...).
        sample_weight: None, or a tensor with at most as many axes as the loss values.

    Returns:
        The mean and the count, float32 scalars. The mean of several parts is the sum of mean times
        count over the sum of counts. The count is None if the values of parts add up (reduction
        "sum"). A loss that gives one number for a batch counts by its rows.

    Raises:
        ValueError: if the loss has no reduction, or a weight or mask has more axes than its values.
    """
    leaves = tree.flatten(y_pred)
    rows = ops.cast(ops.shape(leaves[0])[0], "float32")
    adds_up = loss.reduction == "sum"
    if has_own_call(loss):
        mean = ops.cast(loss(y_true, y_pred, sample_weight), "float32")
        return mean, None if adds_up else rows
    if isinstance(loss, TokenLoss):
        mean, count = loss.mean_and_count(y_true, y_pred, sample_weight)
        return ops.cast(mean, "float32"), ops.cast(count, "float32")
    if loss.reduction in (None, "none"):
        raise ValueError(
            "`reduction` of a loss must be 'sum', 'sum_over_batch_size', 'mean' or "
            f"'mean_with_sample_weight'. Received: reduction={loss.reduction!r}"
        )
    mask = implicit_mask(y_pred)
    y_true, y_pred = tree.map_structure(
        lambda x: ops.convert_to_tensor(x, dtype=loss.dtype), (y_true, y_pred)
    )
    if sample_weight is not None and all(len(leaf.shape) == 1 for leaf in leaves):
        # One number a row: a loss takes its mean over the last axis, which here are the rows.
        y_true, y_pred = tree.map_structure(lambda x: ops.reshape(x, (-1, 1)), (y_true, y_pred))
    values = loss.call(y_true, y_pred)
    masks = [m for m in (mask, implicit_mask(values)) if m is not None]
    values = ops.cast(values, "float32")
    if not len(values.shape) and sample_weight is None and not masks:
        return values, None if adds_up else rows
    masks = [_with_axes_of(values, m, "The mask of an output") for m in masks]
    weights = None if sample_weight is None else _weights(values, sample_weight)
    return _reduced(values, weights, masks, loss.reduction)


def _reduced(values, weights, masks, reduction):
    """The mean and the count of loss values, as Keras takes them."""
    mask = None
    for other in masks:
        mask = other if mask is None else mask * other
    weighted = values
    for factor in (weights, mask):
        weighted = weighted if factor is None else weighted * factor
    total = ops.sum(weighted)
    if reduction == "sum":
        return total, None
    if reduction == "mean_with_sample_weight" and not (weights is None and mask is None):
        each = weights if mask is None else mask if weights is None else weights * mask
        count = ops.sum(each)
    else:
        count = _size(weighted)
        if mask is not None and reduction != "mean_with_sample_weight":
            # What the mask leaves out does not count; a weight of 0 does.
            count = count * ops.divide_no_nan(ops.sum(mask), _size(mask))
    return ops.divide_no_nan(total, count), count


def _size(tensor):
    """The number of elements, as float32."""
    return ops.cast(ops.prod(ops.convert_to_tensor(ops.shape(tensor), dtype="int32")), "float32")


def _with_axes_of(values, tensor, what):
    """float32 `tensor` with as many axes as `values`: missing ones have length 1 at the end."""
    tensor = ops.cast(tensor, "float32")
    rank = len(values.shape)
    if len(tensor.shape) == rank + 1 and tensor.shape[-1] == 1:
        tensor = ops.squeeze(tensor, -1)
    while len(tensor.shape) < rank:
        tensor = ops.expand_dims(tensor, -1)
    if len(tensor.shape) > max(rank, 1):
        raise ValueError(
            f"{what} must have at most as many axes as the loss values, {rank}. "
            f"Received: shape={tuple(tensor.shape)}"
        )
    return tensor


def _weights(values, sample_weight):
    """The weights of loss values. One of a row counts as often as the row has values."""
    weights = _with_axes_of(values, sample_weight, "`sample_weight`")
    if len(ops.shape(sample_weight)) < len(values.shape):
        weights = weights * ops.ones_like(values)
    return weights
