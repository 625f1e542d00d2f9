"""The base class of transformer blocks (Vaswani et al. 2017, section 3.1)."""

import keras

from keras_attention import activations
from keras_attention._validation import require, require_positive_integer, require_rate
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.feed_forward import FeedForward
from keras_attention.layers.layer import Layer
from keras_attention.layers.multi_head_attention import MultiHeadAttention


class TransformerBlock(Layer):
    """Sublayers, residuals and norms: the base of `TransformerEncoder` and `TransformerDecoder`.

    A subclass may override three methods that return the parts: `make_attention(hidden_dim, name)`,
    `make_feed_forward(hidden_dim, name)` and `make_normalization(name)`. A part is made with that
    name and this block's `dtype_policy`; `add_sublayer` builds it. `part_rules()` are the
    regularizers and constraints that go to a part.

    A new kind of block makes its parts in `build`, each with `add_sublayer`, and runs each in
    `call` with `residual`:

        def build(self, inputs_shape):
            layer = self.make_feed_forward(inputs_shape[-1], "feed_forward")
            self.add_sublayer(layer, "feed_forward", inputs_shape)
            self.built = True

        def call(self, inputs, training=None):
            (x,) = self.residual(
                inputs, "feed_forward", lambda x: (self.feed_forward(x),), training
            )
            return x

    Args:
        intermediate_dim: width F of the feed-forward layer.
        num_heads: number of heads H; a divisor of the input's width unless `key_dim` is given.
        dropout: rate on attention weights and on each sublayer's output, in [0, 1).
        activation: of the feed-forward layer: "gelu" (exact), "gelu_new" (by tanh) or any of Keras.
        layer_norm_epsilon: epsilon of the norms.
        kernel_initializer, kernel_regularizer, kernel_constraint: of every matrix.
        bias_initializer, bias_regularizer, bias_constraint: of every bias but those of the norms.
        normalize_first: True for pre-norm, False for the paper's post-norm.
        attention_bias: whether the attentions' projections have biases.
        key_dim: width K of a head's queries, keys and values; the input's width / H by default.
        attention_dropout: rate on attention weights; `dropout` by default.
        sliding_window: of the self-attention: see `MultiHeadAttention`.

    Raises:
        ValueError: if a size or rate is out of range.
    """

    weight_kinds = ("kernel", "bias")

    def __init__(
        self,
        intermediate_dim,
        num_heads,
        dropout=0.0,
        activation="relu",
        layer_norm_epsilon=1e-5,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        normalize_first=False,
        attention_bias=True,
        key_dim=None,
        attention_dropout=None,
        sliding_window=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_positive_integer("intermediate_dim", intermediate_dim)
        require_positive_integer("num_heads", num_heads)
        require_rate("dropout", dropout)
        if key_dim is not None:
            require_positive_integer("key_dim", key_dim)
        if attention_dropout is not None:
            require_rate("attention_dropout", attention_dropout)
        self.intermediate_dim = intermediate_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.normalize_first = normalize_first
        self.attention_bias = attention_bias
        self.key_dim = key_dim
        self.attention_dropout = attention_dropout
        self.sliding_window = sliding_window
        self.supports_masking = True

    def make_attention(self, hidden_dim, name):
        """A new attention layer for inputs of width `hidden_dim`: a `MultiHeadAttention`."""
        self.require_heads(hidden_dim)
        return MultiHeadAttention(
            num_heads=self.num_heads,
            key_dim=self.key_dim or hidden_dim // self.num_heads,
            dropout=self.dropout if self.attention_dropout is None else self.attention_dropout,
            use_bias=self.attention_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            **self.part_rules(),
            sliding_window=self.sliding_window if name == "self_attention" else None,
            dtype=self.dtype_policy,
            name=name,
        )

    def require_heads(self, hidden_dim):
        """Raises `ValueError` if the width of a head does not follow from that of the input."""
        require(
            self.key_dim is not None or hidden_dim % self.num_heads == 0,
            "num_heads",
            "a divisor of the input's width",
            num_heads=self.num_heads,
            width=hidden_dim,
        )

    def make_feed_forward(self, hidden_dim, name):
        """A new layer (B, T, D) -> (B, T, D) for inputs of width `hidden_dim`."""
        return FeedForward(
            self.intermediate_dim,
            activation=self.activation,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            **self.part_rules(),
            dtype=self.dtype_policy,
            name=name,
        )

    def make_normalization(self, name):
        """A new normalisation layer."""
        return keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
        )

    def add_sublayer(self, layer, name, *shapes):
        """Builds `layer` with the norm and the dropout that go with it: see `residual`."""
        layer.build(*shapes)
        norm = self.make_normalization(f"{name}_normalization")
        norm.build(shapes[0])
        dropout = Dropout(self.dropout, dtype=self.dtype_policy, name=f"{name}_dropout")
        dropout.build(shapes[0])
        setattr(self, name, layer)
        setattr(self, f"{name}_normalization", norm)
        setattr(self, f"{name}_dropout", dropout)

    def residual(self, x, name, sublayer, training):
        """LayerNorm(x + Dropout(sublayer(x))), or x + Dropout(sublayer(LayerNorm(x))).

        Args:
            x: (..., D).
            name: the sublayer's name, as `add_sublayer` was given it.
            sublayer: function of a tensor shaped as `x` that returns a tuple: its output, shaped as
                `x`, and anything else.
            training: whether dropout is applied.

        Returns:
            A tuple: the output, and what else `sublayer` returned.
        """
        norm = getattr(self, f"{name}_normalization")
        output, *others = sublayer(norm(x) if self.normalize_first else x)
        if self.dropout:
            output = getattr(self, f"{name}_dropout")(output, training=training)
        output = x + output
        return (output if self.normalize_first else norm(output), *others)

    def get_config(self):
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "activation": activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "normalize_first": self.normalize_first,
            "attention_bias": self.attention_bias,
            "key_dim": self.key_dim,
            "attention_dropout": self.attention_dropout,
            "sliding_window": self.sliding_window,
        }
