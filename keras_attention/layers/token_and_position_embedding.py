"""Token embeddings plus positions, and the way back from vectors to tokens."""

import math

import keras
from keras import ops

from keras_attention import masks
from keras_attention._validation import require, require_positive_integer
from keras_attention.graph.checked_ids import checked_ids
from keras_attention.graph.matmul import linear
from keras_attention.keras_private import set_mask
from keras_attention.layers.adapted_layer import AdaptedLayer
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.position_embedding import PositionEmbedding
from keras_attention.layers.require_shapes import require_shapes
from keras_attention.layers.sinusoidal_position_encoding import SinusoidalPositionEncoding

POSITIONS = ("learned", "sinusoidal", None)


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenAndPositionEmbedding(AdaptedLayer):
    """The sum of a token's embedding and its position; with `reverse=True` the output projection.

    Args:
        vocabulary_size: number of tokens V.
        sequence_length: number of learned positions; not used by sinusoidal ones.
        embedding_dim: width D.
        positions: "learned" or "sinusoidal"; None for tokens alone, where attention has positions.
        scale: whether token embeddings are multiplied by sqrt(D), as in the paper.
        tie_weights: whether the output projection is the embedding matrix itself; if not, it has a
            matrix of its own.
        embeddings_initializer: of the token matrix (and of the output projection).
        embeddings_regularizer, embeddings_constraint: of both tables, as Keras has them of one: not
            of an output projection with a matrix of its own.
        position_initializer: of learned positions; like `embeddings_initializer` by default.
        mask_zero: whether id 0 is padding: the layers downstream then find a mask, as
            `keras.layers.Embedding(mask_zero=True)` leaves one.

    Call arguments:
        inputs: ids (B, T), or (B,) for one token of each sequence, each from 0 to V - 1: -1 is
            out of range as V is; with `reverse` (B, T, D) or (B, D). Ids may be floats, as those of
            `keras.Input` are by default: 2.0 is id 2.
        start_index: integer or scalar tensor, the position of the first token.
        positions: integer (T,) or (B, T), the position of every token instead.
        reverse: whether to map vectors to logits.
        segment_ids: integer (B, T): positions are counted anew in each run of one number.

    Returns:
        (B, T, D), or logits (B, T, V) with `reverse`; for one token without the axis T.

    Raises:
        ValueError: if a size is not a positive integer or `positions` is unknown.

    Example:

    >>> layer = TokenAndPositionEmbedding(100, 16, 8, positions="sinusoidal", scale=True)
    >>> x = layer(np.array([[4, 7, 9]]))
    >>> x.shape, layer(x, reverse=True).shape
    ((1, 3, 8), (1, 3, 100))

    Reference: Vaswani et al. 2017, "Attention Is All You Need", sections 3.4 and 3.5,
    https://arxiv.org/abs/1706.03762
    """

    stock_layer = "keras_hub.layers.TokenAndPositionEmbedding"
    weight_kinds = ("embeddings",)
    lora_kind = "embeddings"
    lora_by_default = False  # what fine-tuning learns is seldom in the tokens

    def __init__(
        self,
        vocabulary_size,
        sequence_length,
        embedding_dim,
        positions="learned",
        scale=False,
        tie_weights=True,
        embeddings_initializer="uniform",
        position_initializer=None,
        mask_zero=False,
        **kwargs,
    ):
        # Ids may be floats, as `keras.Input` has them by default: bfloat16 would change them.
        super().__init__(**{"autocast": False, **kwargs})
        require_positive_integer("vocabulary_size", vocabulary_size)
        require_positive_integer("sequence_length", sequence_length)
        require_positive_integer("embedding_dim", embedding_dim)
        require(positions in POSITIONS, "positions", f"one of {POSITIONS}", positions=positions)
        self.vocabulary_size = vocabulary_size
        self.sequence_length = sequence_length
        self.embedding_dim = embedding_dim
        self.positions = positions
        self.scale = scale
        self.tie_weights = tie_weights
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.position_initializer = (
            clone_initializer(self.embeddings_initializer, skip=1)
            if position_initializer is None
            else keras.initializers.get(position_initializer)
        )
        self.mask_zero = mask_zero
        self.supports_masking = True
        if positions == "learned":
            self.position_layer = PositionEmbedding(
                sequence_length,
                initializer=self.position_initializer,
                **self.part_rules(),
                name="positions",
                dtype=self.dtype_policy,
            )
        elif positions == "sinusoidal":
            self.position_layer = SinusoidalPositionEncoding(
                name="positions", dtype=self.dtype_policy
            )
        else:
            self.position_layer = None

    def __call__(self, inputs, *args, **kwargs):
        outputs = super().__call__(inputs, *args, **kwargs)
        if kwargs.get("reverse"):
            # Keras asked `compute_mask`, which takes vectors for ids.
            set_mask(outputs, masks.implicit_mask(inputs))
        return outputs

    def build(self, inputs_shape):
        self.token_embeddings = self.add_weight(
            name="token_embeddings",
            shape=(self.vocabulary_size, self.embedding_dim),
            initializer=self.embeddings_initializer,
            **self.weight_rules("embeddings"),
        )
        if not self.tie_weights:
            self.output_kernel = self.add_weight(
                name="output_kernel",
                shape=(self.embedding_dim, self.vocabulary_size),
                initializer=clone_initializer(self.embeddings_initializer),
            )
        if self.position_layer is not None:
            self.position_layer.build((None, None, self.embedding_dim))
        self.built = True

    def call(self, inputs, start_index=0, reverse=False, positions=None, segment_ids=None):
        if reverse:
            require_shapes({"D": self.embedding_dim}, inputs=(inputs, "B D | ... B T D"))
            return self._logits(inputs)
        # Rows are taken before the cast, so that their gradient stays as sparse as the batch.
        ids = checked_ids(inputs, self.vocabulary_size)
        tokens = ops.cast(ops.take(self.token_embeddings, ids, axis=0), self.compute_dtype)
        adapter = self.adapter("token_embeddings")
        if adapter is not None:
            tokens = tokens + adapter.rows(ids, self.compute_dtype)
        if self.scale:
            tokens = tokens * math.sqrt(self.embedding_dim)
        if self.position_layer is None:
            return tokens
        if segment_ids is not None:
            positions = masks.segment_positions(segment_ids)
        # Of one row: positions are the same in all of them.
        one_token = len(inputs.shape) == 1
        row = ops.zeros((self.embedding_dim,), tokens.dtype) if one_token else tokens[:1]
        if positions is not None:
            return tokens + self.position_layer(tokens, positions=positions)
        return tokens + self.position_layer(row, start_index=start_index)

    def _logits(self, inputs):
        if not self.tie_weights:
            return linear(inputs, self.output_kernel, self.compute_dtype)
        kernel = ops.transpose(ops.cast(self.token_embeddings, self.compute_dtype))
        logits = linear(inputs, kernel, self.compute_dtype)
        adapter = self.adapter("token_embeddings")
        if adapter is None:
            return logits
        return logits + adapter.product_with_transposed(inputs, self.compute_dtype)

    def lora_kernels(self):
        # An output projection with a matrix of its own stays trainable, as in Keras.
        return {"token_embeddings": (self.token_embeddings, [self.embedding_dim])}

    def compute_mask(self, inputs, mask=None):
        if not self.mask_zero:
            return mask
        # A comparison of symbolic ids would be an operation of the functional model, which .h5
        # files cannot hold. The tensors of every call have their mask all the same.
        return None if isinstance(inputs, keras.KerasTensor) else ops.not_equal(inputs, 0)

    def compute_output_spec(
        self, inputs, start_index=0, reverse=False, positions=None, segment_ids=None
    ):
        if reverse:
            require_shapes({"D": self.embedding_dim}, inputs=(inputs, "B D | ... B T D"))
        width = self.vocabulary_size if reverse else self.embedding_dim
        shape = inputs.shape[:-1] if reverse else inputs.shape
        return keras.KerasTensor((*shape, width), dtype=self.compute_dtype)

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape, self.embedding_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "sequence_length": self.sequence_length,
            "embedding_dim": self.embedding_dim,
            "positions": self.positions,
            "scale": self.scale,
            "tie_weights": self.tie_weights,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "mask_zero": self.mask_zero,
            "position_initializer": keras.initializers.serialize(self.position_initializer),
        }
