"""Which tensors are stored in lower precision, and how: the same rule for every format."""

import numpy as np

PRECISIONS = ("float32", "float16", "int8")
MIN_ELEMENTS = 4096  # of a tensor worth storing in less
LEVELS = 127  # of int8 on either side of zero: symmetric, so that no zero point is needed

KEPT = (
    f"tensors of one axis or of fewer than {MIN_ELEMENTS:,} elements (norms, biases, positions, "
    "small projections)"
)


def is_weight(array):
    """Whether a constant is stored in lower precision: large, of two axes or more, float32.

    By size and not by name, so that it holds for every graph. Norms and biases have one axis.
    """
    return array.dtype == np.float32 and array.ndim >= 2 and array.size >= MIN_ELEMENTS


def quantize(array, reduced_axes):
    """Symmetric int8 values and the scales that give `array` back: `values * scale`.

    Args:
        array: float32.
        reduced_axes: tuple of the axes that share a scale, those that a product sums over.

    Returns:
        `(values, scale)`: int8 of the same shape, float32 with `reduced_axes` of size 1.

    >>> values, scale = quantize(np.array([[1.0, -2.0], [0.5, 0.1]], "float32"), (1,))
    >>> values.tolist()
    [[64, -127], [127, 25]]
    """
    largest = np.abs(array).max(axis=reduced_axes, keepdims=True)
    scale = np.where(largest > 0, largest / LEVELS, 1).astype("float32")
    return np.clip(np.rint(array / scale), -LEVELS, LEVELS).astype("int8"), scale


def describe_storage(precision, size, float32_size, elements, arithmetic):
    """What a manifest says of a file in lower precision.

    Args:
        precision: "float16" or "int8".
        size: of the file in bytes.
        float32_size: of the same file in float32.
        elements: list of the numbers of elements of the tensors stored in `precision`.
        arithmetic: sentence on how the runtime computes.
    """
    return {
        "precision": precision,
        "bytes": size,
        "float32_bytes": float32_size,
        "size_ratio": size / float32_size,
        "tensors": len(elements),
        "elements": int(sum(elements)),
        "kept_float32": KEPT,
        "arithmetic": arithmetic,
    }
