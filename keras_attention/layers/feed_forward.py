"""The position-wise feed-forward network (Vaswani et al. 2017, section 3.3)."""

import keras

from keras_attention import activations
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.graph.matmul import flatten, unflatten
from keras_attention.layers.adapted_layer import AdaptedLayer
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.require_shapes import require_shapes


@keras.saving.register_keras_serializable(package="keras_attention")
class FeedForward(AdaptedLayer):
    """FFN(x) = activation(x W_1 + b_1) W_2 + b_2, the same at every position (equation 2).

    Args:
        intermediate_dim: width F between the two matrices.
        output_dim: width of the output; that of the input by default.
        activation: between the two: "gelu" (exact), "gelu_new" (by tanh) or any of Keras.
        dropout: rate on the intermediate activations, in [0, 1).
        kernel_initializer, kernel_regularizer, kernel_constraint: of both matrices.
        bias_initializer, bias_regularizer, bias_constraint: of both biases.
        seed: integer for the dropout.
        use_bias: whether the layer has biases.
        output_initializer: of the second matrix; `kernel_initializer` by default.

    Call arguments:
        inputs: (..., T, D).
        training: whether dropout is applied.

    Returns:
        (..., T, output_dim).

    Raises:
        ValueError: if a size is not a positive integer, `dropout` is not in [0, 1), or the input
            has one axis alone or another width.

    Example:

    >>> FeedForward(64, activation="gelu")(keras.random.normal((2, 5, 16))).shape
    (2, 5, 16)

    Reference: Vaswani et al. 2017, "Attention Is All You Need", section 3.3,
    https://arxiv.org/abs/1706.03762
    """

    weight_kinds = ("kernel", "bias")

    def __init__(
        self,
        intermediate_dim,
        output_dim=None,
        activation="relu",
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        seed=None,
        use_bias=True,
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_positive_integer("intermediate_dim", intermediate_dim)
        if output_dim is not None:
            require_positive_integer("output_dim", output_dim)
        require_rate("dropout", dropout)
        self.intermediate_dim = intermediate_dim
        self.output_dim = output_dim
        self.activation = activations.get(activation)
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed = seed
        self.use_bias = use_bias
        self.output_initializer = keras.initializers.get(output_initializer)
        self.supports_masking = True

    width_axes = {"inputs": "D"}

    def build(self, inputs_shape):
        width = inputs_shape[-1]
        self.intermediate = self._dense(self.intermediate_dim, self.activation, "intermediate")
        self.intermediate.build((None, None, width))
        self.output_projection = self._dense(
            self.output_dim or width, None, "output", self.output_initializer
        )
        self.output_projection.build((None, None, self.intermediate_dim))
        self._dropout = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self.built = True

    def _dense(self, units, activation, name, initializer=None):
        return keras.layers.Dense(
            units,
            activation=activation,
            use_bias=self.use_bias,
            kernel_initializer=clone_initializer(initializer or self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            **self.part_rules(),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs, training=None):
        require_shapes(self.known_sizes(), inputs=(inputs, "... T D"))
        # One row a token: with more dimensions `Dense` goes through a general contraction.
        x = self._apply("intermediate", flatten(inputs))
        if self.dropout:
            x = self._dropout(x, training=training)
        return unflatten(self._apply("output_projection", x), inputs)

    def _apply(self, name, rows):
        """The part of that name on rows (N, D)."""
        part = getattr(self, name)
        if self.adapter(name) is None:
            return part(rows)
        return part.activation(self.times(rows, name, part.bias))

    def lora_kernels(self):
        parts = {"intermediate": self.intermediate, "output_projection": self.output_projection}
        return {name: (part.kernel, [part.units]) for name, part in parts.items()}

    def compute_output_shape(self, inputs_shape):
        require_shapes(self.known_sizes(), inputs=(tuple(inputs_shape), "... T D"))
        return (*inputs_shape[:-1], self.output_dim or inputs_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "output_dim": self.output_dim,
            "activation": activations.serialize(self.activation),
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "seed": self.seed,
            "use_bias": self.use_bias,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }
