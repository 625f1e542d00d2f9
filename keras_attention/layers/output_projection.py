"""The output projection of a model as what a loss can multiply by itself."""

from typing import NamedTuple

import keras

from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding


class OutputProjection(NamedTuple):
    """Logits are `hidden @ kernel + bias`, computed in `dtype`.

    Attributes:
        kernel: Keras variable or tensor, (D, V), or with `transposed` (V, D).
        bias: (V,) or None.
        transposed: whether the kernel is (V, D), as an embedding matrix is.
        dtype: of the product.
    """

    kernel: object
    bias: object = None
    transposed: bool = False
    dtype: str = "float32"


def output_projection(layer, reverse=False):
    """What a layer multiplies by and adds, if it does nothing else; otherwise None.

    Args:
        layer: any operation; a `keras.layers.Dense` without an activation, or with `reverse` a
            `TokenAndPositionEmbedding` or `keras.layers.ReversibleEmbedding`. A subclass may do
            more than these, and gives None.
        reverse: whether the layer is called with `reverse=True`.

    >>> layer = keras.layers.Dense(5)
    >>> layer.build((None, 3))
    >>> output_projection(layer).kernel.shape
    (3, 5)
    """
    if not isinstance(layer, keras.layers.Layer) or not layer.built:
        return None
    if layer.activity_regularizer is not None:
        return None
    kind, dtype = type(layer), layer.compute_dtype
    if kind is TokenAndPositionEmbedding and reverse:
        tied = layer.tie_weights
        kernel = layer.adapted_kernel("token_embeddings") if tied else layer.output_kernel
        return OutputProjection(kernel, None, tied, dtype)
    if kind not in (keras.layers.Dense, keras.layers.ReversibleEmbedding):
        return None
    if layer.quantization_mode is not None or layer.lora_enabled:
        return None
    if kind is keras.layers.Dense:
        is_linear = layer.activation is keras.activations.linear
        return OutputProjection(layer.kernel, layer.bias, False, dtype) if is_linear else None
    if not reverse or layer.logit_soft_cap is not None:
        return None
    kernel = layer.embeddings if layer.tie_weights else layer.reverse_embeddings
    return OutputProjection(kernel, None, layer.tie_weights, layer.reverse_dtype or dtype)
