"""The encoder of BERT (Devlin et al. 2018) as a functional Keras model."""

import keras

from keras_attention import masks
from keras_attention._validation import require_positive_integer
from keras_attention.graph.checked_ids import checked_ids
from keras_attention.models.bert_presets import PRESETS
from keras_attention.models.block_encoder import BlockEncoder


@keras.saving.register_keras_serializable(package="keras_attention")
class BertEncoder(BlockEncoder):
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
        # Layers
        require_positive_integer("num_segments", num_segments)
        self.num_segments = num_segments
        sizes = dict(
            vocabulary_size=vocabulary_size,
            num_layers=num_layers,
            num_heads=num_heads,
            hidden_dim=hidden_dim,
            intermediate_dim=intermediate_dim,
            dropout=dropout,
            attention_dropout=attention_dropout,
            max_sequence_length=max_sequence_length,
            activation=activation,
            layer_norm_epsilon=layer_norm_epsilon,
        )
        self.make_layers(**sizes, dtype=dtype)
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
        self.keep_config(**sizes)
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

    def make_other_embeddings(self, hidden_dim, dtype):
        self.segment_embedding = keras.layers.Embedding(
            self.num_segments,
            hidden_dim,
            embeddings_initializer=self.initializer(),
            dtype=dtype,
            name="segment_embedding",
        )

    def add_to_embedding(self, x, inputs):
        segments = checked_ids(inputs["segment_ids"], self.segment_embedding.input_dim)
        return x + self.segment_embedding(segments)

    def pool(self, sequence):
        """The pooler's output (B, D) for the first token of `encode`'s output."""
        return self.pooler(masks.first_token(sequence))

    def layer_names(self):
        bottom, *blocks = super().layer_names()
        return [[*bottom, "segment_embedding"], *blocks]

    def get_config(self):
        return {
            **super().get_config(),
            "num_segments": self.num_segments,
            "has_pooler": self.has_pooler,
        }
