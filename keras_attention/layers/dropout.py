"""Dropout (Srivastava et al. 2014) that draws one byte for each element."""

import keras
from keras import ops

from keras_attention.graph.random_bytes import random_bytes
from keras_attention.layers.layer import refuse_bidirectional


def drop_threshold(rate):
    """How many of the 256 values of a byte mean "dropped"; at least one for a rate above 0."""
    return min(255, max(1, round(rate * 256)))


def byte_dropout(inputs, rate, seed):
    """`inputs` with elements dropped at `rate`, rounded to 1/256, and the rest scaled up.

    Args:
        inputs: floating-point tensor of any shape.
        rate: number in (0, 1).
        seed: `keras.random.SeedGenerator`.
    """
    threshold = drop_threshold(rate)
    kept = ops.cast(random_bytes(inputs, seed) >= threshold, inputs.dtype)
    return inputs * (kept * (256 / (256 - threshold)))


@keras.saving.register_keras_serializable(package="keras_attention")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with a quarter of its random numbers.

    The stock layer draws 32 random bits for each element, which is a fifth of a small transformer's
    training step on a CPU. Here it is a byte: the rate is rounded to the nearest of 1/256, 2/256,
    ..., and what is kept is scaled by that, so the expectation is exact.

    Args:
        rate: in [0, 1).
        noise_shape: as the stock layer's, whose dropout is used where it is given.
        seed: integer.

    Call arguments:
        inputs: tensor of any shape.
        training: whether to drop.

    Returns:
        A tensor of the same shape.

    Example:

    >>> Dropout(0.5, seed=1)(np.ones((2, 3)), training=True)  # zeros and twos

    Reference: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", https://jmlr.org/papers/v15/srivastava14a.html
    """

    @classmethod
    def from_config(cls, config):
        refuse_bidirectional(cls, config)
        return super().from_config(config)

    def call(self, inputs, training=False):
        if not training or not self.rate or self.noise_shape is not None:
            return super().call(inputs, training=training)
        return byte_dropout(inputs, self.rate, self.seed_generator)
