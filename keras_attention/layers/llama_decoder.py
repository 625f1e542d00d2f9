"""One block of Llama (Touvron et al. 2023)."""

import keras

from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.gated_feed_forward import GatedFeedForward
from keras_attention.layers.grouped_query_attention import GroupedQueryAttention
from keras_attention.layers.transformer_decoder import TransformerDecoder


@keras.saving.register_keras_serializable(package="keras_attention")
class LlamaDecoder(TransformerDecoder):
    """`TransformerDecoder` of other parts: RMS norms before the sublayers, grouped queries, rotary
    positions and a gated feed-forward layer.

    Args:
        intermediate_dim: width F of the feed-forward layer.
        num_heads: number of heads H of queries.
        num_key_value_heads: number of heads of keys and values, a divisor of H; H by default.
        rotary_embedding: a `RotaryEmbedding`, or None for no positions.
        feed_forward_bias: whether the feed-forward layer has biases.
        residual_initializer: of the matrices whose output is added to the residual;
            `kernel_initializer` by default.
        **kwargs: the other arguments of `TransformerBlock`. `layer_norm_epsilon` is that of the RMS
            norms. By default it is pre-norm, with "silu" and without biases.

    Call arguments and results are those of `TransformerDecoder`.

    Example:

    >>> block = LlamaDecoder(48, num_heads=4, num_key_value_heads=2)
    >>> block(keras.random.normal((3, 5, 16))).shape
    (3, 5, 16)

    References: Touvron et al. 2023, "LLaMA: Open and Efficient Foundation Language Models",
    section 2.2, https://arxiv.org/abs/2302.13971; Zhang and Sennrich 2019, "Root Mean Square Layer
    Normalization", https://arxiv.org/abs/1910.07467
    """

    stock_layer = None

    def __init__(
        self,
        intermediate_dim,
        num_heads,
        num_key_value_heads=None,
        rotary_embedding=None,
        feed_forward_bias=False,
        residual_initializer=None,
        activation="silu",
        normalize_first=True,
        attention_bias=False,
        **kwargs,
    ):
        super().__init__(
            intermediate_dim,
            num_heads,
            activation=activation,
            normalize_first=normalize_first,
            attention_bias=attention_bias,
            **kwargs,
        )
        if isinstance(rotary_embedding, dict):  # of a config
            rotary_embedding = keras.saving.deserialize_keras_object(rotary_embedding)
        self.num_key_value_heads = num_heads if num_key_value_heads is None else num_key_value_heads
        self.rotary_embedding = rotary_embedding
        self.feed_forward_bias = feed_forward_bias
        self.residual_initializer = keras.initializers.get(residual_initializer)

    def make_attention(self, hidden_dim, name):
        self.require_heads(hidden_dim)
        is_own = name == "self_attention"
        return GroupedQueryAttention(
            num_heads=self.num_heads,
            key_dim=self.key_dim or hidden_dim // self.num_heads,
            num_key_value_heads=self.num_key_value_heads,
            rotary_embedding=self.rotary_embedding if is_own else None,
            dropout=self.dropout if self.attention_dropout is None else self.attention_dropout,
            use_bias=self.attention_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            output_initializer=clone_initializer(self.residual_initializer),
            **self.part_rules(),
            sliding_window=self.sliding_window if is_own else None,
            dtype=self.dtype_policy,
            name=name,
        )

    def make_feed_forward(self, hidden_dim, name):
        return GatedFeedForward(
            self.intermediate_dim,
            activation=self.activation,
            use_bias=self.feed_forward_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            output_initializer=clone_initializer(self.residual_initializer),
            **self.part_rules(),
            dtype=self.dtype_policy,
            name=name,
        )

    def make_normalization(self, name):
        return keras.layers.RMSNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
        )

    def get_config(self):
        return {
            **super().get_config(),
            "num_key_value_heads": self.num_key_value_heads,
            "rotary_embedding": keras.saving.serialize_keras_object(self.rotary_embedding),
            "feed_forward_bias": self.feed_forward_bias,
            "residual_initializer": keras.initializers.serialize(self.residual_initializer),
        }
