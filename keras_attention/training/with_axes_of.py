"""Weights, masks and targets with the axes of loss values."""

from keras import ops

from keras_attention.layers.require_shapes import static_shape


def without_last_axis(tensor, rank):
    """`tensor` as Keras' losses take it: a last axis of 1 beyond `rank` axes is squeezed."""
    shape = static_shape(tensor)
    if shape is not None and len(shape) == rank + 1 and shape[-1] == 1:
        return ops.squeeze(tensor, -1)
    return tensor


def with_axes_of(values, tensor, what):
    """float32 `tensor` with as many axes as `values`: missing ones have length 1 at the end.

    Args:
        values: (B, ...).
        tensor: (B, ...), with at most as many axes, or with one more of length 1 at the end. Any
            axis but the first may have length 1.
        what: what it is, for messages.

    Raises:
        ValueError: if it has more axes, or other sizes, or a graph does not know how many it has.
    """
    tensor = ops.cast(tensor, "float32")
    if static_shape(tensor) is None:  # Keras' steps forget them where batches do not agree
        raise ValueError(
            f"{what} must have as many axes in every batch. Received: shape={tensor.shape}"
        )
    rank = len(values.shape)
    tensor = without_last_axis(tensor, rank)
    shape = tuple(tensor.shape)
    if len(shape) > max(rank, 1):
        raise ValueError(
            f"{what} must have at most as many axes as the loss values, {rank}. "
            f"Received: shape={shape}"
        )
    sizes = zip(shape, values.shape, strict=False)
    if any(
        None not in (size, other) and size != other and not (axis and size == 1)
        for axis, (size, other) in enumerate(sizes)
    ):
        raise ValueError(
            f"{what} must have the sizes of the loss values, {tuple(values.shape)}. "
            f"Received: shape={shape}"
        )
    while len(tensor.shape) < rank:
        tensor = ops.expand_dims(tensor, -1)
    return tensor
