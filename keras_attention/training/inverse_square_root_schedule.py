"""Linear warm-up, then decay with the inverse square root of the step."""

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer, with_python_numbers


def inverse_square_root(step, warmup_steps):
    """A factor that rises to 1 at update `warmup_steps`, then falls with 1 / sqrt(update).

    `step` counts from 0.


    >>> [float(inverse_square_root(step, 4)) for step in (0, 3, 15)]
    [0.25, 1.0, 0.5]
    """
    update = ops.cast(step, "float32") + 1.0  # Keras calls the first update step 0
    return ops.minimum(update / warmup_steps, ops.sqrt(warmup_steps / update))


@keras.saving.register_keras_serializable(package="keras_attention")
class InverseSquareRootSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """lr = peak * min(step / warmup, sqrt(warmup / step)), as fairseq's `inverse_sqrt`.

    The first update (Keras calls it step 0) has step 1. `NoamSchedule` is the same curve, with a
    peak that follows from the width of the model.

    Args:
        peak_learning_rate: the highest learning rate, that of update `warmup_steps`.
        warmup_steps: number of updates in which the learning rate rises.

    Raises:
        ValueError: if an argument is not above zero.

    >>> float(InverseSquareRootSchedule(1.0, warmup_steps=4)(15))
    0.5

    Reference: Vaswani et al. 2017, section 5.3, https://arxiv.org/abs/1706.03762; Ott et al. 2019
    """

    @with_python_numbers
    def __init__(self, peak_learning_rate, warmup_steps):
        require(
            peak_learning_rate > 0,
            "peak_learning_rate",
            "a number above 0",
            peak_learning_rate=peak_learning_rate,
        )
        require_positive_integer("warmup_steps", warmup_steps)
        self.peak_learning_rate = peak_learning_rate
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        return self.peak_learning_rate * inverse_square_root(step, self.warmup_steps)

    def get_config(self):
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "warmup_steps": self.warmup_steps,
        }
