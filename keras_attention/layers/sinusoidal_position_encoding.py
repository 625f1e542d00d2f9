"""Fixed sinusoidal positions (Vaswani et al. 2017, section 3.5)."""

import math

import keras
from keras import ops

from keras_attention._validation import require
from keras_attention.layers.layer import Layer
from keras_attention.layers.position_embedding import token_positions
from keras_attention.layers.require_shapes import require_shapes


def sinusoidal_encoding(positions, width, max_wavelength=10000):
    """The encoding of `positions` (...,): float32 (..., D), sine and cosine interleaved.

    PE[p, 2i] = sin(p / max_wavelength^(2i / D)), PE[p, 2i + 1] = cos(the same).
    """
    column = ops.arange(width, dtype="int32")  # (D,)
    pair = ops.cast(2 * (column // 2), "float32")
    rate = ops.exp(pair * (-math.log(max_wavelength) / width))
    angle = ops.expand_dims(ops.cast(positions, "float32"), -1) * rate  # (..., D)
    return ops.where(column % 2 == 0, ops.sin(angle), ops.cos(angle))


@keras.saving.register_keras_serializable(package="keras_attention")
class SinusoidalPositionEncoding(Layer):
    """The paper's fixed positions, sine and cosine interleaved, to be added to the embeddings.

    (Tensor2Tensor and OpenNMT-tf concatenate sines and cosines and space the wavelengths
    differently: their values are not a permutation of these.)

    `+` drops the mask of a stock layer upstream: `keras.layers.Add()([x, layer(x)])` keeps it.

    Args:
        max_wavelength: the longest wavelength, divided by 2 pi.

    Call arguments:
        inputs: (..., T, D); only its shape is used. (D,) is one position.
        start_index: integer or scalar tensor, the position of the first token.
        positions: integer (T,) or (B, T), the position of every token instead.

    Returns:
        The encoding, in the shape of `inputs`.

    Raises:
        ValueError: if `max_wavelength` is not a number above 0, or `start_index` or `positions` do
            not fit the input.

    Example:

    >>> layer = SinusoidalPositionEncoding()
    >>> x = keras.random.normal((2, 5, 8))
    >>> (x + layer(x)).shape
    (2, 5, 8)

    Reference: Vaswani et al. 2017, "Attention Is All You Need", section 3.5,
    https://arxiv.org/abs/1706.03762
    """

    stock_layer = "keras_hub.layers.SinePositionEncoding"

    def __init__(self, max_wavelength=10000, **kwargs):
        super().__init__(**kwargs)
        is_number = isinstance(max_wavelength, (int, float)) and not isinstance(
            max_wavelength, bool
        )
        require(
            is_number and max_wavelength > 0,
            "max_wavelength",
            "a number above 0",
            max_wavelength=max_wavelength,
        )
        self.max_wavelength = max_wavelength
        self.supports_masking = True
        self.built = True

    def call(self, inputs, start_index=0, positions=None):
        require(
            not isinstance(start_index, int) or start_index >= 0,
            "start_index",
            "an integer of at least 0",
            start_index=start_index,
        )
        require_shapes(inputs=(inputs, "... D"))
        positions = token_positions(inputs, start_index, positions)
        encoding = sinusoidal_encoding(positions, inputs.shape[-1], self.max_wavelength)
        return ops.broadcast_to(ops.cast(encoding, self.compute_dtype), ops.shape(inputs))

    def compute_output_shape(self, inputs_shape):
        require_shapes(inputs=(tuple(inputs_shape), "... D"))
        return inputs_shape

    def get_config(self):
        return {**super().get_config(), "max_wavelength": self.max_wavelength}
