"""The base class of encoders that are a stack of transformer blocks."""

import keras
from keras import ops

from keras_attention import activations
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.layers.transformer_encoder import TransformerEncoder
from keras_attention.models.encoder import INPUTS, Encoder

INITIALIZER_RANGE = 0.02  # the deviation of the truncated normal that every matrix starts from


class BlockEncoder(Encoder):
    """Embeddings, their norm, and post-norm transformer blocks; not used by itself.

    `BertEncoder` and the families after it derive from this class. A family's `__init__` calls
    `make_layers`, makes what layers it has besides, then its graph, and then calls `keep_config`.
    It may override `make_embedding`, `make_block`, `embed`, `normalized` and
    `add_to_embedding`.
    """

    def make_layers(
        self,
        vocabulary_size,
        num_layers,
        num_heads,
        hidden_dim,
        intermediate_dim,
        dropout,
        attention_dropout,
        max_sequence_length,
        activation,
        layer_norm_epsilon,
        dtype,
    ):
        """Makes the embedding, its norm and the blocks.

        Raises:
            ValueError: if a size or rate is out of range.
        """
        for name, value in (
            ("vocabulary_size", vocabulary_size),
            ("num_layers", num_layers),
            ("num_heads", num_heads),
            ("hidden_dim", hidden_dim),
            ("intermediate_dim", intermediate_dim),
            ("max_sequence_length", max_sequence_length),
        ):
            require_positive_integer(name, value)
        require_rate("dropout", dropout)
        self.embedding = self.make_embedding(
            vocabulary_size,
            max_sequence_length,
            hidden_dim,
            embeddings_initializer=self.initializer(),
            position_initializer=self.initializer(),
            dtype=dtype,
            name="embedding",
        )
        self.make_other_embeddings(hidden_dim, dtype)
        self.embedding_normalization = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=dtype, name="embedding_normalization"
        )
        self.embedding_dropout = Dropout(dropout, dtype=dtype, name="embedding_dropout")
        self.blocks = [
            self.make_block(
                index,
                intermediate_dim=intermediate_dim,
                num_heads=num_heads,
                dropout=dropout,
                attention_dropout=attention_dropout,
                activation=activation,
                layer_norm_epsilon=layer_norm_epsilon,
                kernel_initializer=self.initializer(),
                dtype=dtype,
                name=f"block_{index}",
            )
            for index in range(num_layers)
        ]

    def keep_config(
        self,
        vocabulary_size,
        num_layers,
        num_heads,
        hidden_dim,
        intermediate_dim,
        dropout,
        attention_dropout,
        max_sequence_length,
        activation,
        layer_norm_epsilon,
    ):
        """Keeps the arguments of `make_layers` as attributes."""
        self.vocabulary_size = vocabulary_size
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.max_sequence_length = max_sequence_length
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon

    def make_embedding(self, *arguments, **options):
        """A new embedding, of the arguments of `TokenAndPositionEmbedding`."""
        return TokenAndPositionEmbedding(*arguments, **options)

    def make_other_embeddings(self, hidden_dim, dtype):
        """Makes the layers of what `add_to_embedding` adds. They come second among the weights."""

    def make_block(self, index, **arguments):
        """A new block, the one after `index` others.

        Args:
            index: number of the block, from 0.
            **arguments: of `TransformerBlock`.
        """
        return TransformerEncoder(**arguments)

    def initializer(self):
        return keras.initializers.TruncatedNormal(stddev=INITIALIZER_RANGE)

    def embed(self, inputs):
        """What the first block sees (B, T, D), and the mask (B, T), True at tokens."""
        x = self.add_to_embedding(self.embedding(inputs["token_ids"]), inputs)
        return self.normalized(x), ops.not_equal(inputs["padding_mask"], 0)

    def normalized(self, x):
        """The embeddings x (B, T, D) after norm and dropout."""
        return self.embedding_dropout(self.embedding_normalization(x))

    def add_to_embedding(self, x, inputs):
        """The sum of token and position embeddings x (B, T, D) and what a family adds to it."""
        return x

    def encode(self, inputs):
        x, mask = self.embed(inputs)
        for block in self.blocks:
            x = block(x, padding_mask=mask)
        return x

    def layer_names(self):
        return [["embedding", "embedding_normalization"], *(block.name for block in self.blocks)]

    def attention_scores(self, inputs):
        scores = []
        x, mask = self.embed({name: ops.convert_to_tensor(inputs[name]) for name in INPUTS})
        for block in self.blocks:
            x, weights = block(x, padding_mask=mask, return_attention_scores=True)
            scores.append(weights)
        return scores

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "vocabulary_size": self.vocabulary_size,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "hidden_dim": self.hidden_dim,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "max_sequence_length": self.max_sequence_length,
            "activation": activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
        }
