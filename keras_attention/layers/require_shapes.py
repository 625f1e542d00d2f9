"""What layers say of shapes that they do not take, on arrays and on symbolic tensors alike."""

import numpy as np

from keras_attention._validation import require


def pairs(query, key):
    """The shapes of an attention mask, for `require_shapes`, whose axes may also be 1.

    Args:
        query: name of the axis of queries.
        key: name of the axis of keys.
    """
    return f"{query}? {key}? | B? {query}? {key}? | B? H? {query}? {key}?"


def require_shapes(sizes=None, **arguments):
    """Raises `ValueError` unless tensors have the ranks and sizes that the names of their axes say.

    Axes of one name are of one size. A size that is not known yet is not checked.

    Args:
        sizes: dict of sizes that are known already, by the names of their axes.
        **arguments: for each argument a pair of the tensor, or its shape as a tuple, or None, and
            its axes: "B T D", or several such separated by "|". An axis with "?" may also be 1.

    >>> require_shapes(query=((3, 5, 8), "B T D"), value=((3, 7, 8), "B S D"))
    """
    known = {axis: (size, None, None) for axis, size in (sizes or {}).items()}
    for name, (tensor, expected) in arguments.items():
        shape = None if tensor is None else static_shape(tensor)
        if shape is None:
            continue
        choices = [axes.split() for axes in expected.split("|")]
        axes = next((axes for axes in choices if len(axes) == len(shape)), None)
        require(axes is not None, name, f"of shape {_written(choices)}", **{f"{name}.shape": shape})
        for axis, size in zip(axes, shape, strict=True):
            letter = axis.rstrip("?")
            if size is None or (axis != letter and size == 1):
                continue
            first, other, other_shape = known.setdefault(letter, (size, name, shape))
            if size != first:
                where = f" of `{other}`" if other else ""
                received = {f"{other}.shape": other_shape} if other else {}
                require(
                    False,
                    name,
                    f"of shape {_written([axes])}, and its {letter} must be equal to the {letter}, "
                    f"{first},{where or ' of the layer'}",
                    **received,
                    **{f"{name}.shape": shape},
                )


def require_like_value(key, value):
    """Raises `ValueError` unless a key has the sizes of its value, but for the last.

    Args:
        key, value: tensors, or shapes as tuples, or None.
    """
    if key is None or value is None:
        return
    shapes = [static_shape(tensor) for tensor in (key, value)]
    outer = [() if shape is None else shape[:-1] for shape in shapes]
    alike = all(a is None or b is None or a == b for a, b in zip(*outer, strict=False))
    require(
        None in shapes or (alike and len(outer[0]) == len(outer[1])),
        "key",
        "shaped like `value`: all sizes but the last must be equal",
        **{"key.shape": shapes[0], "value.shape": shapes[1]},
    )


def require_recurrent_shapes(inputs, value, summary=None, value_mask=None):
    """`require_shapes` of a call of a `RecurrentDecoder`."""
    require_shapes(
        inputs=(inputs, "B T E"),
        value=(value, "B S W"),
        summary=(summary, "B W"),
        value_mask=(value_mask, "B S"),
    )


def static_shape(tensor):
    """The static shape, None for sizes that are not known; None if not even the rank is known."""
    if isinstance(tensor, tuple):
        return tensor
    shape = tensor.shape if hasattr(tensor, "shape") else np.shape(tensor)
    return None if getattr(shape, "rank", 0) is None else tuple(shape)


def _written(choices):
    written = [f"({', '.join(axis.rstrip('?') for axis in axes)})" for axes in choices]
    return " or ".join(filter(None, [", ".join(written[:-1]), written[-1]]))
