"""Maxout (Goodfellow et al. 2013), the output layer of RNNsearch."""

import keras
from keras import ops

from keras_attention._validation import require_positive_integer
from keras_attention.layers.layer import Layer
from keras_attention.layers.require_shapes import require_shapes


@keras.saving.register_keras_serializable(package="keras_attention")
class Maxout(Layer):
    """A linear layer of `pool_size` times as many units, then the largest of each neighbours.

    Args:
        units: width of the output.
        pool_size: how many neighbours compete.
        use_bias: whether the linear layer has a bias.
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.

    Call arguments:
        inputs: (..., T, D).

    Returns:
        (..., T, units).

    Raises:
        ValueError: if a size is not a positive integer, or the input has one axis alone or another
            width.

    Example:

    >>> Maxout(4)(keras.random.normal((3, 5, 8))).shape
    (3, 5, 4)

    Reference: Goodfellow et al. 2013, "Maxout Networks", https://arxiv.org/abs/1302.4389; Bahdanau,
    Cho & Bengio 2015, appendix A.2.2, https://arxiv.org/abs/1409.0473
    """

    weight_kinds = ("kernel", "bias")

    def __init__(
        self,
        units,
        pool_size=2,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_positive_integer("units", units)
        require_positive_integer("pool_size", pool_size)
        self.units = units
        self.pool_size = pool_size
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self.linear = keras.layers.Dense(
            units * pool_size,
            use_bias=use_bias,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            **self.part_rules(),
            name="linear",
            dtype=self.dtype_policy,
        )

    width_axes = {"inputs": "D"}

    def build(self, inputs_shape):
        self.linear.build(inputs_shape)
        self.built = True

    def call(self, inputs):
        require_shapes(self.known_sizes(), inputs=(inputs, "... T D"))
        # t_j = max(t~_{2j-1}, t~_{2j}): neighbours, not halves.
        candidates = self.linear(inputs)
        if 0 in candidates.shape:  # of nothing Keras takes no maximum
            return candidates[..., : self.units]
        shape = (*ops.shape(inputs)[:-1], self.units, self.pool_size)
        return ops.max(ops.reshape(candidates, shape), axis=-1)

    def compute_output_shape(self, inputs_shape):
        require_shapes(self.known_sizes(), inputs=(tuple(inputs_shape), "... T D"))
        return (*inputs_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "pool_size": self.pool_size,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
