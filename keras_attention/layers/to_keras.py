"""A stock layer from one of ours, with its weights."""

import keras
from keras import ops

from keras_attention._validation import require
from keras_attention.layers.from_keras import SHARED
from keras_attention.layers.multi_head_attention import MultiHeadAttention


def to_keras(layer):
    """A `keras.layers.MultiHeadAttention` with the weights of a `MultiHeadAttention`.

    Args:
        layer: a built `keras_attention.layers.MultiHeadAttention`.

    Returns:
        A built `keras.layers.MultiHeadAttention`: see `from_keras` for where their answers differ.

    Raises:
        ValueError: if `layer` is another layer, a subclass for example, or is not built.

    Example:

    >>> ours, x = MultiHeadAttention(2, 4), keras.random.normal((3, 5, 8))
    >>> expected = ours(x)  # builds it
    >>> np.allclose(to_keras(ours)(x, x), expected, atol=1e-5)
    True
    """
    require(
        type(layer) is MultiHeadAttention and layer.built,
        "layer",
        "a built `keras_attention.layers.MultiHeadAttention`; what derives from it, and our other "
        "layers, have no counterpart in Keras with the same weights",
        layer=layer,
    )
    config = layer.get_config()
    stock = keras.layers.MultiHeadAttention(
        output_shape=layer.output_dim, **{name: config[name] for name in SHARED}
    )
    projections = [layer.projection(name) for name in ("query", "key", "value")]
    query, key, value = ((None, None, kernel.shape[0]) for kernel, _ in projections)
    stock.build(query, value, key)
    arrays = []
    for kernel, bias in projections:
        width, heads = kernel.shape[0], layer.num_heads
        arrays.append(ops.reshape(kernel, (width, heads, -1)))
        if bias is not None:
            arrays.append(ops.reshape(bias, (heads, -1)))
    arrays.append(
        ops.reshape(layer.output_kernel, (layer.num_heads, -1, layer.output_kernel.shape[1]))
    )
    if layer.use_bias:
        arrays.append(layer.output_bias)
    stock.set_weights([ops.convert_to_numpy(array) for array in arrays])
    return stock
