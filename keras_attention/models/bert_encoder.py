"""The encoder of BERT (Devlin et al. 2018) as a functional Keras model."""

import keras
from keras import ops

from keras_attention import activations
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.graph.checked_ids import checked_ids
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.layers.transformer_encoder import TransformerEncoder
from keras_attention.models.bert_presets import PRESETS
from keras_attention.models.encoder import INPUTS, Encoder

INITIALIZER_RANGE = 0.02  # the deviation of the truncated normal that every matrix starts from


@keras.saving.register_keras_serializable(package="keras_attention")
class BertEncoder(Encoder):
    """Embeddings of tokens, positions and segments, transformer blocks, and the pooler.

    Inputs are `{"token_ids": (B, T), "segment_ids": (B, T), "padding_mask": (B, T)}`, integers; the
    mask is 1 at tokens and 0 at padding. Padding changes nothing. The output is
    `{"sequence_output": (B, T, D), "pooled_output": (B, D)}`. The pooled output is made from the
    first token, [CLS].

    Args:
        vocabulary_size: number of tokens V.
        num_layers: number of blocks.
        num_heads: number of heads H; a divisor of D.
        hidden_dim: width D.
        intermediate_dim: width of the feed-forward layers.
        dropout: rate on embeddings and sublayer outputs.
        attention_dropout: rate on attention weights; `dropout` by default.
        max_sequence_length: number of learned positions: the longest input, in tokens.
        num_segments: number of segments.
        activation: of the feed-forward layers. "gelu" is the exact formula, as in most checkpoints
            of HuggingFace; "gelu_new" the approximation by tanh, as in Google's and KerasHub's.
        layer_norm_epsilon: epsilon of the norms.
        has_pooler: whether there is the pooler, and with it the output "pooled_output".

    Raises:
        ValueError: if a size or rate is out of range.

    Example:

    >>> encoder = BertEncoder.from_preset("tiny", vocabulary_size=30522)
    >>> ids = np.array([[101, 7592, 102, 0]])
    >>> mask = np.array([[1, 1, 1, 0]])
    >>> inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}
    >>> encoder(inputs)["pooled_output"].shape
    (1, 128)

    Reference: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for
    Language Understanding", https://arxiv.org/abs/1810.04805
    """

    presets = PRESETS

    def __init__(
        self,
        vocabulary_size,
        num_layers=12,
        num_heads=12,
        hidden_dim=768,
        intermediate_dim=3072,
        dropout=0.1,
        attention_dropout=None,
        max_sequence_length=512,
        num_segments=2,
        activation="gelu",
        layer_norm_epsilon=1e-12,
        has_pooler=True,
        dtype=None,
        **kwargs,
    ):
        for name, value in (
            ("vocabulary_size", vocabulary_size),
            ("num_layers", num_layers),
            ("num_heads", num_heads),
            ("hidden_dim", hidden_dim),
            ("intermediate_dim", intermediate_dim),
            ("max_sequence_length", max_sequence_length),
            ("num_segments", num_segments),
        ):
            require_positive_integer(name, value)
        require_rate("dropout", dropout)

        # Layers
        self.embedding = TokenAndPositionEmbedding(
            vocabulary_size,
            max_sequence_length,
            hidden_dim,
            embeddings_initializer=self.initializer(),
            position_initializer=self.initializer(),
            dtype=dtype,
            name="embedding",
        )
        self.segment_embedding = keras.layers.Embedding(
            num_segments,
            hidden_dim,
            embeddings_initializer=self.initializer(),
            dtype=dtype,
            name="segment_embedding",
        )
        self.embedding_normalization = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=dtype, name="embedding_normalization"
        )
        self.embedding_dropout = Dropout(dropout, dtype=dtype, name="embedding_dropout")
        self.blocks = [
            TransformerEncoder(
                intermediate_dim,
                num_heads,
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
        self.pooler = None
        if has_pooler:
            self.pooler = keras.layers.Dense(
                hidden_dim,
                activation="tanh",
                kernel_initializer=self.initializer(),
                dtype=dtype,
                name="pooler",
            )

        # Graph
        inputs = self.new_inputs()
        sequence = self.encode(inputs)
        outputs = {"sequence_output": sequence}
        if has_pooler:
            outputs["pooled_output"] = self.pool(sequence)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # Config
        self.vocabulary_size = vocabulary_size
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.max_sequence_length = max_sequence_length
        self.num_segments = num_segments
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.has_pooler = has_pooler

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in one of the published sizes.

        Args:
            preset: "tiny", "mini", "small", "medium", "base" or "large".
            **overrides: arguments of this class.

        >>> BertEncoder.from_preset("base", vocabulary_size=30522).count_params()
        109482240
        """
        return super().from_preset(preset, **overrides)

    def initializer(self):
        return keras.initializers.TruncatedNormal(stddev=INITIALIZER_RANGE)

    def embed(self, inputs):
        """What the first block sees (B, T, D), and the mask (B, T), True at tokens."""
        segments = checked_ids(inputs["segment_ids"], self.segment_embedding.input_dim)
        x = self.embedding(inputs["token_ids"]) + self.segment_embedding(segments)
        x = self.embedding_dropout(self.embedding_normalization(x))
        return x, ops.not_equal(inputs["padding_mask"], 0)

    def encode(self, inputs):
        x, mask = self.embed(inputs)
        for block in self.blocks:
            x = block(x, padding_mask=mask)
        return x

    def pool(self, sequence):
        """The pooler's output (B, D) for the first token of `encode`'s output."""
        # A sum of at most one token, so that a text of none has an answer too.
        return self.pooler(ops.sum(sequence[:, :1], axis=1))

    def layer_names(self):
        bottom = ["embedding", "segment_embedding", "embedding_normalization"]
        return [bottom, *(block.name for block in self.blocks)]

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
            "num_segments": self.num_segments,
            "activation": activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "has_pooler": self.has_pooler,
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
        }
