"""The learning-rate schedule of the first transformer."""

import keras

from keras_attention._validation import require, require_positive_integer, with_python_numbers
from keras_attention.training.inverse_square_root_schedule import inverse_square_root


@keras.saving.register_keras_serializable(package="keras_attention")
class NoamSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """lr = scale * D^-0.5 * min(step^-0.5, step * warmup^-1.5) (Vaswani et al. 2017, equation 3).

    The first update (Keras calls it step 0) has step 1. The peak, after `warmup_steps`, is
    scale / sqrt(D * warmup_steps).

    Args:
        hidden_dim: width D of the model.
        warmup_steps: number of updates in which the learning rate rises.
        scale: factor on the learning rate.

    Raises:
        ValueError: if an argument is not above zero.

    >>> round(float(NoamSchedule(512)(3999)), 7)
    0.0006988

    Reference: https://arxiv.org/abs/1706.03762
    """

    @with_python_numbers
    def __init__(self, hidden_dim, warmup_steps=4000, scale=1.0):
        require_positive_integer("hidden_dim", hidden_dim)
        require_positive_integer("warmup_steps", warmup_steps)
        require(scale > 0, "scale", "a number above 0", scale=scale)
        self.hidden_dim = hidden_dim
        self.warmup_steps = warmup_steps
        self.scale = scale

    def __call__(self, step):
        peak = self.scale * (self.hidden_dim * self.warmup_steps) ** -0.5
        return peak * inverse_square_root(step, self.warmup_steps)

    def get_config(self):
        return {
            "hidden_dim": self.hidden_dim,
            "warmup_steps": self.warmup_steps,
            "scale": self.scale,
        }
