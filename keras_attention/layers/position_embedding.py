"""Learned positions (Gehring et al. 2017; Vaswani et al. 2017, section 3.5; BERT)."""

import keras
from keras import ops

from keras_attention._validation import require_positive_integer
from keras_attention.layers.layer import Layer


@keras.saving.register_keras_serializable(package="keras_attention")
class PositionEmbedding(Layer):
    """One learned vector for each position, to be added to the token embeddings.

    Args:
        sequence_length: number of positions that have a vector.
        initializer: of the vectors.

    Call arguments:
        inputs: (..., T, D); only its shape is used.
        start_index: integer or scalar tensor, the position of the first token.
        positions: integer (T,) or (B, T), the position of every token instead.

    Returns:
        The vectors, in the shape of `inputs`.

    Raises:
        ValueError: if `sequence_length` is not a positive integer, or a static length is above it.

    Example:

    >>> layer = PositionEmbedding(sequence_length=16)
    >>> x = keras.random.normal((2, 5, 8))
    >>> (x + layer(x)).shape
    (2, 5, 8)

    Reference: Vaswani et al. 2017, "Attention Is All You Need", section 3.5 and table 3 (E),
    https://arxiv.org/abs/1706.03762
    """

    def __init__(self, sequence_length, initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        require_positive_integer("sequence_length", sequence_length)
        self.sequence_length = sequence_length
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True

    def build(self, inputs_shape):
        self.position_embeddings = self.add_weight(
            name="embeddings",
            shape=(self.sequence_length, inputs_shape[-1]),
            initializer=self.initializer,
        )
        self.built = True

    def call(self, inputs, start_index=0, positions=None):
        length = 1 if len(inputs.shape) == 1 else inputs.shape[-2]
        if positions is None and length is not None and length > self.sequence_length:
            raise ValueError(
                f"`inputs` must have at most `sequence_length` positions. Received: "
                f"inputs.shape={tuple(inputs.shape)}, sequence_length={self.sequence_length}"
            )
        if positions is None and len(inputs.shape) == 1:
            positions = start_index
        elif positions is None:
            positions = ops.arange(ops.shape(inputs)[-2], dtype="int32") + start_index
        table = ops.cast(self.position_embeddings, self.compute_dtype)
        vectors = ops.take(table, positions, axis=0)  # (T, D) or (B, T, D)
        return ops.broadcast_to(vectors, ops.shape(inputs))

    def compute_output_shape(self, inputs_shape):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "sequence_length": self.sequence_length,
            "initializer": keras.initializers.serialize(self.initializer),
        }
