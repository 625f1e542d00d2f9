"""The losses of a compiled model on a part of a batch, so that those of parts add up."""

import weakref

import keras
import numpy as np
from keras import ops, tree

from keras_attention import masks
from keras_attention._validation import require
from keras_attention.keras_private import mask_of, output_losses, set_mask
from keras_attention.training.multiple_negatives_ranking import MultipleNegativesRanking
from keras_attention.training.token_loss import TokenLoss
from keras_attention.training.with_axes_of import with_axes_of


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
    mask = masks.implicit_mask(y_pred)
    y_true, y_pred = tree.map_structure(
        lambda x: ops.convert_to_tensor(x, dtype=loss.dtype), (y_true, y_pred)
    )
    if sample_weight is not None and all(len(leaf.shape) == 1 for leaf in leaves):
        # One number a row: a loss takes its mean over the last axis, which here are the rows.
        y_true, y_pred = tree.map_structure(lambda x: ops.reshape(x, (-1, 1)), (y_true, y_pred))
    values = loss.call(y_true, y_pred)
    found = [m for m in (mask, masks.implicit_mask(values)) if m is not None]
    values = ops.cast(values, "float32")
    if not len(values.shape) and sample_weight is None and not found:
        return values, None if adds_up else rows
    found = [with_axes_of(values, m, "The mask of an output") for m in found]
    weights = None if sample_weight is None else _weights(values, sample_weight)
    return _reduced(values, weights, found, loss.reduction)


def _reduced(values, weights, found_masks, reduction):
    """The mean and the count of loss values, as Keras takes them."""
    mask = None
    for other in found_masks:
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


def _weights(values, sample_weight):
    """The weights of loss values. One of a row counts as often as the row has values."""
    weights = with_axes_of(values, sample_weight, "`sample_weight`")
    if len(ops.shape(sample_weight)) < len(values.shape):
        weights = weights * ops.ones_like(values)
    return weights


def by_output(structure, model, y_pred):
    """Weights or targets keyed by output name, in the structure of the outputs."""
    if not isinstance(structure, dict):
        return structure
    if isinstance(y_pred, dict):
        return {name: structure.get(name) for name in y_pred}
    by_name = [structure.get(name) for name in model.output_names]
    return by_name if isinstance(y_pred, (list, tuple)) else by_name[0]


def require_losses(model, y_pred):
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


ROWS = 4  # of the numbers on which a loss is tried
LONGEST = 8  # of the axes that a trial may shorten: neither rows nor the last of the predictions
JOINED = weakref.WeakKeyDictionary()  # of each loss, by the shapes of its arguments: what was found


def _drawn(kind, tensor, lengths, draw):
    """Numbers in the place of a tensor: any for targets, of (0, 1) for predictions and weights."""
    shape = [ROWS, *(lengths(tensor, axis) for axis in range(1, len(tensor.shape)))]
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype))
    if kind == "mask" or kind == "labels" or not is_float:
        numbers = draw.integers(0, 2, shape)
        return numbers.astype("bool" if kind == "mask" else "float32" if is_float else "int32")
    return draw.uniform(0.05, 0.95, shape).astype("float32")


def _is_joined(loss, tensors, longest, targets):
    """Whether a loss on numbers of the shapes of `tensors` is that of its parts, joined."""
    draw = np.random.default_rng(0)
    y_true, y_pred, sample_weight = tensors
    known = [leaf for leaf in tree.flatten(tensors) if leaf is not None]
    last = max(len(leaf.shape) for leaf in tree.flatten(y_pred)) - 1

    def lengths(tensor, axis):
        sizes = (leaf.shape[axis] for leaf in (tensor, *known) if axis < len(leaf.shape))
        size = next((size for size in sizes if size is not None), 5)
        return min(size, longest) if longest and 0 < axis < last else size

    def numbers(kind, structure):
        return tree.map_structure(
            lambda leaf: None if leaf is None else _drawn(kind, leaf, lengths, draw), structure
        )

    mask = masks.implicit_mask(y_pred)
    drawn = (
        numbers(targets, y_true),
        numbers("predictions", y_pred),
        numbers("weights", sample_weight),
        numbers("mask", mask),
    )

    def value(rows):
        *tried, of_rows = tree.map_structure(
            lambda leaf: None if leaf is None else ops.convert_to_tensor(leaf[rows]), drawn
        )
        if of_rows is not None:
            set_mask(tried[1], of_rows)
        mean, count = mean_and_count(loss, *tried)
        return float(mean), None if count is None else float(count)

    whole, _ = value(slice(None))
    (first, first_count), (rest, rest_count) = value(slice(1)), value(slice(1, None))
    if first_count is None:
        joined = first + rest
    else:
        joined = (first * first_count + rest * rest_count) / (first_count + rest_count)
    if not np.isfinite([whole, joined]).all():
        raise ArithmeticError("a trial needs numbers")
    is_half = keras.backend.standardize_dtype(loss.dtype) in ("float16", "bfloat16")
    return bool(np.isclose(joined, whole, rtol=2e-2 if is_half else 1e-4, atol=1e-6))


def _tried(loss, tensors):
    """Whether the values of parts, joined, are that of the whole; None if no trial tells."""
    for longest in (LONGEST, None):
        try:
            # Some losses take all labels alike unless they are equal, others need what is not 0.
            return all(_is_joined(loss, tensors, longest, kind) for kind in ("values", "labels"))
        except Exception:  # of a loss of the user's: anything
            continue
    return None


def _require_joinable(loss, tensors, eagerly):
    """Raises `ValueError` unless the values of a loss on parts of a batch make that of the whole.

    Its code does not say so, nor the shape of what it returns: a mean over rows is one number, as
    Dice is, and Circle has a value for each row. So it is tried on numbers.
    """
    if has_own_call(loss):
        raise ValueError(
            "A loss for micro-batches or several replicas must implement `call` and leave "
            "`__call__` to Keras, or derive from keras_attention.training.TokenLoss. "
            f"Received: loss={loss!r}"
        )
    leaves = [leaf for leaf in tree.flatten(tensors) if leaf is not None]
    key = tuple((tuple(leaf.shape)[1:], str(leaf.dtype), mask_of(leaf) is None) for leaf in leaves)
    found = JOINED.setdefault(loss, {})
    if key not in found:
        with eagerly():
            found[key] = _tried(loss, tensors)
    is_joined = found[key]
    if is_joined is None:
        dtype = None if isinstance(loss, TokenLoss) else loss.dtype
        arguments = tree.map_structure(lambda x: ops.convert_to_tensor(x, dtype), tensors[:2])
        is_joined = len(loss.call(*arguments).shape) > 0
    if not is_joined:
        raise ValueError(
            "A loss for micro-batches or several replicas must have a value for each row that "
            "depends on this row alone, such as (B,) or (B, T): parts of a batch cannot be joined "
            "for one that takes rows together, as keras.losses.Dice, Tversky and Circle do. Train "
            "with it on one device with micro_batches=1, or return the values of rows from `call`. "
            f"Received: loss={loss!r}"
        )


def loss_terms(model, part, rows, y_pred, eagerly=None):
    """The losses of the outputs of a model on a part of a batch.

    A part without rows has no loss: its means and counts are 0, whatever is in it.

    Args:
        model: a compiled `keras.Model`.
        part: `(x, y, sample_weight)`, in any structure that `fit` takes; weights may also be keyed
            by output name, and miss some.
        rows: the number of rows of the part.
        y_pred: the outputs.
        eagerly: None for a whole batch. For a part of one a function that returns a context manager
            in which losses can be called on numbers.

    Returns:
        A list of `(weight, mean, count)`, one for each output with a loss: the weight is that of
        `compile(loss_weights=...)`; for mean and count see `mean_and_count`.

    Raises:
        ValueError: if the losses do not fit the outputs, or cannot be joined over parts.
    """
    _, y, sample_weight = part
    require_losses(model, y_pred)
    if not isinstance(y_pred, dict):  # of which a part may have a loss
        y = by_output(y, model, y_pred)
    sample_weight = by_output(sample_weight, model, y_pred)
    terms = []
    for loss, weight, *tensors in output_losses(model, y, y_pred, sample_weight):
        if isinstance(loss, MultipleNegativesRanking):  # which gathers the rows of all replicas
            micro_batches = model.micro_batches
            expected = f"1 with {type(loss).__name__}, whose negatives are of the whole batch"
            require(micro_batches == 1, "micro_batches", expected, micro_batches=micro_batches)
        elif eagerly is not None:
            _require_joinable(loss, tensors, eagerly)
        mean, count = mean_and_count(loss, *tensors)
        mean, count = (None if n is None else ops.where(rows > 0, n, 0.0) for n in (mean, count))
        terms.append((weight, mean, count))
    if not terms and not model.losses:
        raise ValueError("`loss` must be given to `compile`. Received: loss=None")
    return terms
