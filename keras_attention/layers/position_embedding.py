"""Learned positions (Gehring et al. 2017; Vaswani et al. 2017, section 3.5; BERT)."""

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer
from keras_attention.graph.checked_ids import checked_ids
from keras_attention.layers.adapted_layer import AdaptedLayer
from keras_attention.layers.require_shapes import require_shapes, static_shape


def token_positions(inputs, start_index=0, positions=None):
    """The positions (T,) or (B, T) int32 of the tokens of `inputs`; () for one position (D,).

    Args:
        inputs: (..., T, D), or (D,).
        start_index: integer or scalar tensor, the position of the first token.
        positions: the positions themselves, (T,), (B, T) or (1, T) for one of all rows, or None.

    Raises:
        ValueError: if `start_index` is no scalar, or `positions` do not fit `inputs`.
    """
    start, outer = static_shape(start_index), static_shape(inputs)[:-1]
    require(
        not start,
        "start_index",
        "an integer or a scalar; `positions` has one for every token",
        **{"start_index.shape": start},
    )
    if positions is None:
        first = ops.cast(start_index, "int32")
        return ops.arange(ops.shape(inputs)[-2], dtype="int32") + first if outer else first
    shape = static_shape(positions)
    fit = all(
        None in (size, other) or size == other or (size == 1 and axis > 0)
        for axis, (size, other) in enumerate(zip(reversed(shape), reversed(outer), strict=False))
    )
    require(
        len(shape) <= len(outer) and fit,
        "positions",
        "one for each token, (T,) or (B, T)",
        **{"positions.shape": shape, "inputs.shape": static_shape(inputs)},
    )
    return positions


@keras.saving.register_keras_serializable(package="keras_attention")
class PositionEmbedding(AdaptedLayer):
    """One learned vector for each position, to be added to the token embeddings.

    `+` drops the mask of a stock layer upstream: `keras.layers.Add()([x, layer(x)])` keeps it.

    Args:
        sequence_length: number of positions that have a vector.
        initializer, embeddings_regularizer, embeddings_constraint: of the vectors.

    Call arguments:
        inputs: (..., T, D); only its shape is used.
        start_index: integer or scalar tensor, the position of the first token.
        positions: integer (T,) or (B, T), the position of every token instead.

    Returns:
        The vectors, in the shape of `inputs`.

    Raises:
        ValueError: if `sequence_length` is not a positive integer, a static length is above it, or
            `start_index` or `positions` do not fit the input.

    Example:

    >>> layer = PositionEmbedding(sequence_length=16)
    >>> x = keras.random.normal((2, 5, 8))
    >>> (x + layer(x)).shape
    (2, 5, 8)

    Reference: Vaswani et al. 2017, "Attention Is All You Need", section 3.5 and table 3 (E),
    https://arxiv.org/abs/1706.03762
    """

    stock_layer = "keras_hub.layers.PositionEmbedding"
    weight_kinds = ("embeddings",)
    lora_kind = "embeddings"
    lora_by_default = False  # as of `TokenAndPositionEmbedding`

    def __init__(self, sequence_length, initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        require_positive_integer("sequence_length", sequence_length)
        self.sequence_length = sequence_length
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True

    width_axes = {"inputs": "D"}

    def build(self, inputs_shape):
        self.position_embeddings = self.add_weight(
            name="embeddings",
            shape=(self.sequence_length, inputs_shape[-1]),
            initializer=self.initializer,
            **self.weight_rules("embeddings"),
        )
        self.built = True

    def call(self, inputs, start_index=0, positions=None):
        require_shapes(self.known_sizes(), inputs=(inputs, "... D"))
        length = 1 if len(inputs.shape) == 1 else inputs.shape[-2]
        if positions is None and length is not None and length > self.sequence_length:
            raise ValueError(
                f"`inputs` must have at most `sequence_length` positions. Received: "
                f"inputs.shape={tuple(inputs.shape)}, sequence_length={self.sequence_length}"
            )
        counted = positions is None and isinstance(start_index, int) and start_index >= 0
        positions = token_positions(inputs, start_index, positions)
        if not counted:
            positions = checked_ids(positions, self.sequence_length)
        table = ops.cast(self.position_embeddings, self.compute_dtype)
        vectors = ops.take(table, positions, axis=0)  # (T, D) or (B, T, D)
        adapter = self.adapter("embeddings")
        if adapter is not None:
            vectors = vectors + adapter.rows(positions, self.compute_dtype)
        return ops.broadcast_to(vectors, ops.shape(inputs))

    def lora_kernels(self):
        return {"embeddings": (self.position_embeddings, [self.position_embeddings.shape[1]])}

    def compute_output_shape(self, inputs_shape):
        require_shapes(self.known_sizes(), inputs=(tuple(inputs_shape), "... D"))
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "sequence_length": self.sequence_length,
            "initializer": keras.initializers.serialize(self.initializer),
        }
