"""One block of GPT-2 and the models after it (Radford et al. 2019)."""

import keras

from keras_attention._validation import require_positive_number
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.feed_forward import FeedForward
from keras_attention.layers.multi_head_attention import MultiHeadAttention
from keras_attention.layers.transformer_decoder import TransformerDecoder


@keras.saving.register_keras_serializable(package="keras_attention")
class GPTDecoder(TransformerDecoder):
    """`TransformerDecoder` as GPT-2, GPT-Neo and nanoGPT have it: pre-norm, with "gelu_new".

    Args:
        intermediate_dim: width F of the feed-forward layer.
        num_heads: number of heads H.
        use_bias: whether the attention's output, the feed-forward layer and the norms have biases.
        attention_bias: whether queries, keys and values have them; `use_bias` by default.
        attention_scale: what products of queries and keys are multiplied by; 1 / sqrt(K) by
            default, 1 in GPT-Neo.
        residual_initializer: of the matrices whose output is added to the residual;
            `kernel_initializer` by default.
        **kwargs: the other arguments of `TransformerBlock`.

    Call arguments and results are those of `TransformerDecoder`.

    Raises:
        ValueError: if a size or rate is out of range.

    Example:

    >>> block = GPTDecoder(64, num_heads=2)
    >>> block(keras.random.normal((3, 5, 16))).shape
    (3, 5, 16)

    Reference: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section
    2.3, https://openai.com/index/better-language-models
    """

    stock_layer = None

    def __init__(
        self,
        intermediate_dim,
        num_heads,
        use_bias=True,
        attention_bias=None,
        attention_scale=None,
        residual_initializer=None,
        activation="gelu_new",
        normalize_first=True,
        **kwargs,
    ):
        super().__init__(
            intermediate_dim,
            num_heads,
            activation=activation,
            normalize_first=normalize_first,
            attention_bias=use_bias if attention_bias is None else attention_bias,
            **kwargs,
        )
        if attention_scale is not None:
            require_positive_number("attention_scale", attention_scale)
        self.use_bias = use_bias
        self.attention_scale = attention_scale
        self.residual_initializer = keras.initializers.get(residual_initializer)

    def make_attention(self, hidden_dim, name):
        self.require_heads(hidden_dim)
        return MultiHeadAttention(
            num_heads=self.num_heads,
            key_dim=self.key_dim or hidden_dim // self.num_heads,
            dropout=self.dropout if self.attention_dropout is None else self.attention_dropout,
            use_bias=self.attention_bias,
            use_output_bias=self.use_bias,
            scale=self.attention_scale,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            output_initializer=clone_initializer(self.residual_initializer),
            **self.part_rules(),
            sliding_window=self.sliding_window if name == "self_attention" else None,
            dtype=self.dtype_policy,
            name=name,
        )

    def make_feed_forward(self, hidden_dim, name):
        return FeedForward(
            self.intermediate_dim,
            activation=self.activation,
            use_bias=self.use_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            output_initializer=clone_initializer(self.residual_initializer),
            **self.part_rules(),
            dtype=self.dtype_policy,
            name=name,
        )

    def make_normalization(self, name):
        return keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon,
            center=self.use_bias,
            dtype=self.dtype_policy,
            name=name,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "use_bias": self.use_bias,
            "attention_scale": self.attention_scale,
            "residual_initializer": keras.initializers.serialize(self.residual_initializer),
        }
