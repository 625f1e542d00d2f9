"""GPT-2, GPT-3 and GPT-Neo as a functional Keras model that generates."""

import keras

from keras_attention import activations
from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.gpt_decoder import GPTDecoder
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.models.block_language_model import BlockLanguageModel
from keras_attention.models.gpt_presets import PRESETS, gpt_parameters

INITIALIZER_RANGE = 0.02  # the deviation of the normal that every matrix starts from
GLOBAL, LOCAL = "global", "local"


@keras.saving.register_keras_serializable(package="keras_attention")
class GPT(BlockLanguageModel):
    """Embeddings of tokens and positions, pre-norm decoder blocks, a norm, and a tied projection.

    Inputs are `{"token_ids": (B, T)[, "segment_ids": (B, T)]}`, integers; the output is the logits
    (B, T, V) of the tokens that come next. See `LanguageModel` for segments and for what it
    generates from.

    Args:
        vocabulary_size: number of tokens V.
        num_layers: number of blocks.
        num_heads: number of heads H; a divisor of D.
        hidden_dim: width D.
        intermediate_dim: width of the feed-forward layers; 4 D by default.
        dropout: rate on embeddings, attention weights and sublayer outputs.
        attention_dropout: rate on attention weights; `dropout` by default.
        embedding_dropout: rate on embeddings; `dropout` by default.
        max_sequence_length: number of learned positions: the context, in tokens.
        activation: of the feed-forward layers. "gelu_new", by tanh, is that of all published
            models.
        layer_norm_epsilon: epsilon of the norms.
        attention_types: sequence of "global" and "local", one a layer, repeated over the layers:
            ("global", "local") alternates. A local layer sees the last `sliding_window` tokens.
        sliding_window: of the local layers. They take time and memory in proportion to it.
        use_bias: whether projections, feed-forward layers and norms have biases.
        attention_bias: whether queries, keys and values have them; `use_bias` by default.
        attention_scale: what products of queries and keys are multiplied by; 1 / sqrt(D / H) by
            default, 1 in GPT-Neo.
        tie_weights: whether the output projection is the token embedding.
        special_ids, forbidden_ids: those of `LanguageModel.set_special_ids`.

    Raises:
        ValueError: if a size, rate or id is out of range.

    Example:

    >>> model = GPT.from_preset("nano", vocabulary_size=65)
    >>> model({"token_ids": np.array([[5, 6, 7]])}).shape
    (1, 3, 65)
    >>> prompts = {"token_ids": np.array([[5, 6, 7], [8, 0, 0]]), "lengths": np.array([3, 1])}
    >>> model.generate(prompts, max_length=10)["token_ids"].shape
    (2, 10)

    References: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners",
    https://openai.com/index/better-language-models; Brown et al. 2020, "Language Models are
    Few-Shot Learners", https://arxiv.org/abs/2005.14165; Black et al. 2021, "GPT-Neo",
    https://github.com/EleutherAI/gpt-neo
    """

    presets = PRESETS

    def __init__(
        self,
        vocabulary_size,
        num_layers=12,
        num_heads=12,
        hidden_dim=768,
        intermediate_dim=None,
        dropout=0.1,
        attention_dropout=None,
        embedding_dropout=None,
        max_sequence_length=1024,
        activation="gelu_new",
        layer_norm_epsilon=1e-5,
        attention_types=(GLOBAL,),
        sliding_window=256,
        use_bias=True,
        attention_bias=None,
        attention_scale=None,
        tie_weights=True,
        special_ids=None,
        forbidden_ids=None,
        dtype=None,
        **kwargs,
    ):
        intermediate_dim = 4 * hidden_dim if intermediate_dim is None else intermediate_dim
        sizes = {
            "vocabulary_size": vocabulary_size,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "hidden_dim": hidden_dim,
            "intermediate_dim": intermediate_dim,
            "max_sequence_length": max_sequence_length,
            "sliding_window": sliding_window,
        }
        for name, value in sizes.items():
            require_positive_integer(name, value)
        rates = {"dropout": dropout, "attention_dropout": attention_dropout}
        rates["embedding_dropout"] = embedding_dropout
        for name, value in rates.items():
            if name == "dropout" or value is not None:
                require_rate(name, value)
        attention_types = _checked_types(attention_types, num_layers)
        self.set_special_ids(special_ids, forbidden_ids, vocabulary_size)

        # Layers
        def normal(stddev=INITIALIZER_RANGE):
            return keras.initializers.RandomNormal(stddev=stddev)

        self.embedding = self.make_embedding(
            vocabulary_size,
            max_sequence_length,
            hidden_dim,
            tie_weights=tie_weights,
            embeddings_initializer=normal(),
            position_initializer=normal(),
            dtype=dtype,
            name="embedding",
        )
        self.embedding_dropout = Dropout(
            dropout if embedding_dropout is None else embedding_dropout,
            dtype=dtype,
            name="embedding_dropout",
        )
        self.blocks = [
            self.make_block(
                intermediate_dim=intermediate_dim,
                num_heads=num_heads,
                dropout=dropout,
                attention_dropout=attention_dropout,
                activation=activation,
                layer_norm_epsilon=layer_norm_epsilon,
                use_bias=use_bias,
                attention_bias=attention_bias,
                attention_scale=attention_scale,
                sliding_window=sliding_window if kind == LOCAL else None,
                kernel_initializer=normal(),
                # Radford et al. 2019, section 2.3: by the number of residual layers
                residual_initializer=normal(INITIALIZER_RANGE / (2 * num_layers) ** 0.5),
                dtype=dtype,
                name=f"block_{index}",
            )
            for index, kind in enumerate(attention_types)
        ]
        self.normalization = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, center=use_bias, dtype=dtype, name="normalization"
        )

        # Graph
        inputs = self.new_inputs()
        super().__init__(inputs=inputs, outputs=self.logits(inputs), **kwargs)

        # Config
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.embedding_dropout_rate = embedding_dropout
        self.max_sequence_length = max_sequence_length
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.attention_types = attention_types
        self.sliding_window = sliding_window
        self.use_bias = use_bias
        self.attention_bias = attention_bias
        self.attention_scale = attention_scale
        self.tie_weights = tie_weights
        self.num_key_value_heads = num_heads
        self.key_dim = hidden_dim // num_heads

    @classmethod
    def from_preset(cls, preset, **overrides):
        """A model with random weights in one of the published sizes.

        Args:
            preset: "nano", "tiny", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", or "gpt3-small"
                to "gpt3-xl".
            **overrides: arguments of this class. The first two have no `vocabulary_size`.
        """
        return super().from_preset(preset, **overrides)

    @classmethod
    def parameter_count(cls, preset, **overrides):
        """How many parameters `from_preset` makes, without making them.

        >>> GPT.parameter_count("gpt2-xl")
        1557611200
        """
        require(preset in cls.presets, "preset", f"one of {tuple(cls.presets)}", preset=preset)
        return gpt_parameters(**{**cls.presets[preset], **overrides})

    def make_embedding(self, *arguments, **options):
        """A new embedding, of the arguments of `TokenAndPositionEmbedding`."""
        return TokenAndPositionEmbedding(*arguments, **options)

    def make_block(self, **options):
        """A new block, of the arguments of `GPTDecoder`. A subclass may make another."""
        return GPTDecoder(**options)

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
            "embedding_dropout": self.embedding_dropout_rate,
            "max_sequence_length": self.max_sequence_length,
            "activation": activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "attention_types": list(self.attention_types),
            "sliding_window": self.sliding_window,
            "use_bias": self.use_bias,
            "attention_bias": self.attention_bias,
            "attention_scale": self.attention_scale,
            "tie_weights": self.tie_weights,
            **self.special_ids_config(),
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
        }


def _checked_types(attention_types, num_layers):
    """The kind of every layer, a tuple."""
    given = attention_types if isinstance(attention_types, (list, tuple)) else ()
    require(
        given and all(kind in (GLOBAL, LOCAL) for kind in given) and len(given) <= num_layers,
        "attention_types",
        f'a sequence of at most `num_layers` of "{GLOBAL}" and "{LOCAL}"',
        attention_types=attention_types,
        num_layers=num_layers,
    )
    return tuple(given[index % len(given)] for index in range(num_layers))
