"""The gated feed-forward network (Shazeer 2020)."""

import keras
from keras import ops

from keras_attention import activations
from keras_attention._validation import require_positive_integer, require_rate
from keras_attention.graph.matmul import flatten, unflatten
from keras_attention.layers import heads
from keras_attention.layers.adapted_layer import AdaptedLayer
from keras_attention.layers.dropout import Dropout
from keras_attention.layers.require_shapes import require_shapes


@keras.saving.register_keras_serializable(package="keras_attention")
class GatedFeedForward(AdaptedLayer):
    """(activation(x W) * x V) W_2, the same at every position; with "silu" it is SwiGLU.

    One product makes gate and values.

    Args:
        intermediate_dim: width F between the products.
        output_dim: width of the output; that of the input by default.
        activation: of the gate: "silu", "gelu" (exact), "gelu_new" (by tanh) or any of Keras.
        dropout: rate on what enters the last product, in [0, 1).
        use_bias: whether the layer has biases.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the three matrices.
        bias_initializer, bias_regularizer, bias_constraint: of the biases.
        seed: integer for the dropout.
        output_initializer: of the last matrix; `kernel_initializer` by default.

    Call arguments:
        inputs: (..., T, D).
        training: whether dropout is applied.

    Returns:
        (..., T, output_dim).

    Raises:
        ValueError: if a size is not a positive integer, `dropout` is not in [0, 1), or the input
            has one axis alone or another width.

    Example:

    >>> GatedFeedForward(64)(keras.random.normal((2, 5, 16))).shape
    (2, 5, 16)

    Reference: Shazeer 2020, "GLU Variants Improve Transformer", https://arxiv.org/abs/2002.05202
    """

    weight_kinds = ("kernel", "bias")
    width_axes = {"inputs": "D"}

    def __init__(
        self,
        intermediate_dim,
        output_dim=None,
        activation="silu",
        dropout=0.0,
        use_bias=False,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        seed=None,
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
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed = seed
        self.output_initializer = keras.initializers.get(output_initializer)
        self.supports_masking = True
        self._dropout = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, inputs_shape):
        width, widths = inputs_shape[-1], [self.intermediate_dim] * 2
        self.gate_value_kernel, self.gate_value_bias = self._add(
            "gate_value", width, widths, self.kernel_initializer
        )
        self.output_kernel, self.output_bias = self._add(
            "output",
            self.intermediate_dim,
            [self.output_dim or width],
            self.output_initializer or self.kernel_initializer,
        )
        self._dropout.build((None, self.intermediate_dim))
        self.built = True

    def _add(self, name, input_width, widths, initializer):
        """A matrix, of several side by side, and its bias or None."""
        kernel = self.add_weight(
            name=f"{name}_kernel",
            shape=(input_width, sum(widths)),
            initializer=heads.side_by_side(initializer, widths),
            **heads.rules_side_by_side(**self.weight_rules("kernel"), widths=widths),
        )
        bias = None
        if self.use_bias:
            bias = self.add_weight(
                name=f"{name}_bias",
                shape=(sum(widths),),
                initializer=self.bias_initializer,
                **self.weight_rules("bias"),
            )
        return kernel, bias

    def call(self, inputs, training=None):
        require_shapes(self.known_sizes(), inputs=(inputs, "... T D"))
        both = self.times(flatten(inputs), "gate_value", self.gate_value_bias)
        gate, value = ops.split(both, 2, axis=-1)
        x = self.activation(gate) * value
        if self.dropout:
            x = self._dropout(x, training=training)
        return unflatten(self.times(x, "output", self.output_bias), inputs)

    def lora_kernels(self):
        return {
            "gate_value": (self.gate_value_kernel, [self.intermediate_dim] * 2),
            "output": (self.output_kernel, [self.output_kernel.shape[1]]),
        }

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
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "seed": self.seed,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }
