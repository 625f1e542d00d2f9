"""The encoder of a first lesson on transformers: one block."""

import keras
from keras import ops

from keras_attention import activations
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.layers.transformer_encoder import TransformerEncoder
from keras_attention.models.encoder import INPUTS, Encoder


@keras.saving.register_keras_serializable(package="keras_attention")
class LessonEncoder(Encoder):
    """Tokens and learned positions, and one transformer block.

    Inputs and outputs are those of every `Encoder`, without a pooler; `segment_ids` are not read.

    Args:
        vocabulary_size: number of tokens V.
        max_sequence_length: the longest input, in tokens.
        num_heads: number of heads H.
        hidden_dim: width D of the model, and of each of its heads.
        intermediate_dim: width of the feed-forward layer.
        dropout: rate in the block.
        layers: pair of layers from `new_layers` with these sizes; None makes new ones.

    Raises:
        ValueError: if a size or rate is out of range.

    Example:

    >>> LessonEncoder().count_params()
    658848

    Reference: Soshnikov, "AI for Beginners", lesson 18 (Microsoft),
    https://github.com/microsoft/AI-For-Beginners
    """

    def __init__(
        self,
        vocabulary_size=20_000,
        max_sequence_length=256,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=32,
        dropout=0.1,
        dtype=None,
        layers=None,
        **kwargs,
    ):
        for name, value in (
            ("vocabulary_size", vocabulary_size),
            ("max_sequence_length", max_sequence_length),
            ("num_heads", num_heads),
            ("hidden_dim", hidden_dim),
            ("intermediate_dim", intermediate_dim),
        ):
            require_positive_integer(name, value)
        require_rate("dropout", dropout)

        # Layers
        self.embedding, self.block = layers or self.new_layers(
            vocabulary_size,
            max_sequence_length,
            num_heads,
            hidden_dim,
            intermediate_dim,
            dropout,
            dtype,
        )

        # Graph
        inputs = self.new_inputs()
        super().__init__(inputs=inputs, outputs={"sequence_output": self.encode(inputs)}, **kwargs)

        # Config
        self.vocabulary_size = vocabulary_size
        self.max_sequence_length = max_sequence_length
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.activation = activations.get("relu")
        self.layer_norm_epsilon = self.block.layer_norm_epsilon

    @staticmethod
    def new_layers(
        vocabulary_size,
        max_sequence_length,
        num_heads,
        hidden_dim,
        intermediate_dim,
        dropout,
        dtype=None,
    ):
        """The embedding and the block, not built yet."""
        embedding = TokenAndPositionEmbedding(
            vocabulary_size, max_sequence_length, hidden_dim, dtype=dtype, name="embedding"
        )
        block = TransformerEncoder(
            intermediate_dim,
            num_heads,
            key_dim=hidden_dim,
            dropout=dropout,
            layer_norm_epsilon=1e-6,
            dtype=dtype,
            name="block",
        )
        return embedding, block

    def encode(self, inputs):
        mask = ops.not_equal(inputs["padding_mask"], 0)
        return self.block(self.embedding(inputs["token_ids"]), padding_mask=mask)

    def initializer(self):
        return keras.initializers.GlorotUniform()

    def layer_names(self):
        return [["embedding"], "block"]

    def attention_scores(self, inputs):
        inputs = {name: ops.convert_to_tensor(inputs[name]) for name in INPUTS}
        mask = ops.not_equal(inputs["padding_mask"], 0)
        x = self.embedding(inputs["token_ids"])
        return [self.block(x, padding_mask=mask, return_attention_scores=True)[1]]

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "vocabulary_size": self.vocabulary_size,
            "max_sequence_length": self.max_sequence_length,
            "num_heads": self.num_heads,
            "hidden_dim": self.hidden_dim,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
        }
