"""Llama (Touvron et al. 2023) and the models of its kind, as a functional Keras model."""

import keras

from keras_attention import activations
from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.llama_decoder import LlamaDecoder
from keras_attention.layers.rotary_embedding import RotaryEmbedding
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.models.block_language_model import BlockLanguageModel
from keras_attention.models.llama_presets import PRESETS, llama_parameters

INITIALIZER_RANGE = 0.02  # the deviation of the normal that every matrix starts from


@keras.saving.register_keras_serializable(package="keras_attention")
class Llama(BlockLanguageModel):
    """Token embeddings, blocks of grouped queries with rotary positions, an RMS norm, a projection.

    Inputs are `{"token_ids": (B, T)[, "segment_ids": (B, T)]}`, integers; the output is the logits
    (B, T, V) of the tokens that come next. See `LanguageModel` for segments and for what it
    generates from.

    Args:
        vocabulary_size: number of tokens V.
        num_layers: number of blocks.
        num_heads: number of heads H of queries.
        num_key_value_heads: number of heads of keys and values, a divisor of H; H by default.
        hidden_dim: width D.
        intermediate_dim: width of the feed-forward layers.
        key_dim: width of a head; D / H by default.
        dropout: rate on embeddings, attention weights and sublayer outputs.
        attention_dropout: rate on attention weights; `dropout` by default.
        max_sequence_length: the context, in tokens.
        rope_base, rope_scaling: `base` and `scaling` of the `RotaryEmbedding`.
        activation: of the gates in the feed-forward layers.
        layer_norm_epsilon: epsilon of the RMS norms.
        attention_bias, feed_forward_bias: whether these layers have biases.
        sliding_window: a token sees this number of last ones; None for all.
        tie_weights: whether the output projection is the token embedding.
        special_ids, forbidden_ids: those of `LanguageModel.set_special_ids`.

    Raises:
        ValueError: if a size, rate or id is out of range.

    Example:

    >>> model = Llama.from_preset("llama-tiny", vocabulary_size=65)
    >>> model({"token_ids": np.array([[5, 6, 7]])}).shape
    (1, 3, 65)
    >>> prompts = {"token_ids": np.array([[5, 6, 7], [8, 0, 0]]), "lengths": np.array([3, 1])}
    >>> model.generate(prompts, max_length=10)["token_ids"].shape
    (2, 10)

    Reference: Touvron et al. 2023, "LLaMA: Open and Efficient Foundation Language Models",
    https://arxiv.org/abs/2302.13971
    """

    presets = PRESETS

    def __init__(
        self,
        vocabulary_size,
        num_layers=32,
        num_heads=32,
        num_key_value_heads=None,
        hidden_dim=4096,
        intermediate_dim=11008,
        key_dim=None,
        dropout=0.0,
        attention_dropout=None,
        max_sequence_length=2048,
        rope_base=10000.0,
        rope_scaling=None,
        activation="silu",
        layer_norm_epsilon=1e-5,
        attention_bias=False,
        feed_forward_bias=False,
        sliding_window=None,
        tie_weights=False,
        special_ids=None,
        forbidden_ids=None,
        dtype=None,
        **kwargs,
    ):
        num_key_value_heads = num_heads if num_key_value_heads is None else num_key_value_heads
        sizes = {
            "vocabulary_size": vocabulary_size,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "num_key_value_heads": num_key_value_heads,
            "hidden_dim": hidden_dim,
            "intermediate_dim": intermediate_dim,
            "max_sequence_length": max_sequence_length,
        }
        for name, value in sizes.items():
            require_positive_integer(name, value)
        require_rate("dropout", dropout)
        require(
            key_dim is not None or hidden_dim % num_heads == 0,
            "num_heads",
            "a divisor of `hidden_dim` where no `key_dim` is given",
            num_heads=num_heads,
            hidden_dim=hidden_dim,
        )
        self.set_special_ids(special_ids, forbidden_ids, vocabulary_size)

        # Layers
        def normal(stddev=INITIALIZER_RANGE):
            return keras.initializers.RandomNormal(stddev=stddev)

        self.embedding = TokenAndPositionEmbedding(
            vocabulary_size,
            max_sequence_length,
            hidden_dim,
            positions=None,
            tie_weights=tie_weights,
            embeddings_initializer=normal(),
            dtype=dtype,
            name="embedding",
        )
        self.embedding_dropout = Dropout(dropout, dtype=dtype, name="embedding_dropout")
        self.blocks = [
            self.make_block(
                intermediate_dim=intermediate_dim,
                num_heads=num_heads,
                num_key_value_heads=num_key_value_heads,
                rotary_embedding=RotaryEmbedding(rope_base, rope_scaling, dtype=dtype, name="rope"),
                key_dim=key_dim,
                dropout=dropout,
                attention_dropout=attention_dropout,
                activation=activation,
                layer_norm_epsilon=layer_norm_epsilon,
                attention_bias=attention_bias,
                feed_forward_bias=feed_forward_bias,
                sliding_window=sliding_window,
                kernel_initializer=normal(),
                residual_initializer=normal(INITIALIZER_RANGE / (2 * num_layers) ** 0.5),
                dtype=dtype,
                name=f"block_{index}",
            )
            for index in range(num_layers)
        ]
        self.normalization = keras.layers.RMSNormalization(
            epsilon=layer_norm_epsilon, dtype=dtype, name="normalization"
        )

        # Graph
        inputs = self.new_inputs()
        super().__init__(inputs=inputs, outputs=self.logits(inputs), **kwargs)

        # Config
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.num_key_value_heads = num_key_value_heads
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.key_dim = hidden_dim // num_heads if key_dim is None else key_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.max_sequence_length = max_sequence_length
        self.rope_base = rope_base
        self.rope_scaling = RotaryEmbedding(rope_base, rope_scaling).scaling
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.attention_bias = attention_bias
        self.feed_forward_bias = feed_forward_bias
        self.sliding_window = sliding_window
        self.tie_weights = tie_weights

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in one of the sizes.

        Args:
            preset: "llama-tiny" or "smollm2-135m".
            **overrides: arguments of this class. The first has no `vocabulary_size`.
        """
        return super().from_preset(preset, **overrides)

    @classmethod
    def parameter_count(cls, preset, **overrides):
        """How many parameters `from_preset` makes, without making them.

        >>> Llama.parameter_count("smollm2-135m")
        134515008
        """
        require(preset in cls.presets, "preset", f"one of {tuple(cls.presets)}", preset=preset)
        return llama_parameters(**{**cls.presets[preset], **overrides})

    def make_block(self, **options):
        """A new block, of the arguments of `LlamaDecoder`. A subclass may make another."""
        return LlamaDecoder(**options)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "vocabulary_size": self.vocabulary_size,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "hidden_dim": self.hidden_dim,
            "intermediate_dim": self.intermediate_dim,
            "key_dim": self.key_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "max_sequence_length": self.max_sequence_length,
            "rope_base": self.rope_base,
            "rope_scaling": self.rope_scaling,
            "activation": activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "attention_bias": self.attention_bias,
            "feed_forward_bias": self.feed_forward_bias,
            "sliding_window": self.sliding_window,
            "tie_weights": self.tie_weights,
            **self.special_ids_config(),
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
        }
