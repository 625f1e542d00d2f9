"""Ours from a stock layer, with its weights."""

import keras
import numpy as np

from keras_attention._validation import require
from keras_attention.layers.multi_head_attention import MultiHeadAttention

# What both layers call alike.
SHARED = (
    *("name", "trainable", "dtype", "num_heads", "key_dim", "value_dim", "dropout", "use_bias"),
    *("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
    *("kernel_constraint", "bias_constraint", "sliding_window", "seed"),
)


def from_keras(layer):
    """A `MultiHeadAttention` with the weights of a `keras.layers.MultiHeadAttention`.

    The two give the same answers, but for a query that may attend to nothing: ours gives zeros,
    the stock layer a mean of all values.

    Args:
        layer: a built `keras.layers.MultiHeadAttention` on inputs of three axes, without a gate.

    Returns:
        A built `keras_attention.layers.MultiHeadAttention`.

    Raises:
        ValueError: if `layer` is another layer, is not built, or does what ours does not.

    Example:

    >>> stock, x = keras.layers.MultiHeadAttention(2, 4), keras.random.normal((3, 5, 8))
    >>> expected = stock(x, x)  # builds it
    >>> np.allclose(from_keras(stock)(x), expected, atol=1e-5)
    True
    """
    require(
        type(layer) is keras.layers.MultiHeadAttention and layer.built,
        "layer",
        "a built `keras.layers.MultiHeadAttention`; other layers of Keras have no counterpart with "
        "the same weights",
        layer=layer,
    )
    config = layer.get_config()
    axes, output = config.get("attention_axes"), config.get("output_shape")
    sizes = output if isinstance(output, (list, tuple)) else [output]
    require(
        not config.get("use_gate") and axes in (None, 1, (1,), [1]) and len(sizes) == 1,
        "layer",
        "without a gate, with one axis of positions and one of the output",
        use_gate=config.get("use_gate"),
        attention_axes=axes,
        output_shape=output,
    )
    ours = MultiHeadAttention(
        output_dim=sizes[0], **{name: config[name] for name in SHARED if name in config}
    )
    parts = stock_weights(layer)
    kernels = [parts[name, "kernel"] for name in ("query", "key", "value")]
    query, key, value = (kernel.shape[0] for kernel in kernels)
    shapes = [(None, None, query)]
    if not query == key == value:
        shapes += [(None, None, value)] + ([(None, None, key)] if key != value else [])
    ours.build(*shapes)
    for variable in ours.weights:
        stored, _, kind = variable.name.rpartition("_")
        flat = [_flat(parts[name, kind], name) for name in _names(stored)]
        variable.assign(np.concatenate(flat, axis=-1))
    return ours


def stock_weights(layer):
    """The arrays of a stock layer: `{("query", "kernel"): (D, H, K), ...}`."""
    found = {}
    for weight in layer.weights:
        part, kind = weight.path.split("/")[-2:]
        found[part.removeprefix("attention_"), kind] = keras.ops.convert_to_numpy(weight)
    return found


def _names(stored):
    """The parts that a kernel of ours holds, in order: "key_value" holds "key" and "value"."""
    return ["output"] if stored == "output" else stored.split("_")


def _flat(array, name):
    """A kernel (D, H, K), or a bias (H, K), with the heads side by side; the output's is (H, K,
    D)."""
    if name == "output":
        return array.reshape(-1, array.shape[-1]) if array.ndim == 3 else array
    return array.reshape(array.shape[0], -1) if array.ndim == 3 else array.reshape(-1)
