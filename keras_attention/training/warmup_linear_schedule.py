"""Warm-up, then a linear fall to zero, for a training whose number of updates is known."""

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer, with_python_numbers


@keras.saving.register_keras_serializable(package="keras_attention")
class WarmupLinearSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises to `peak` over `warmup_steps` updates and falls to zero at `total_steps`.

    Args:
        peak: the highest learning rate.
        warmup_steps: number of updates in which the learning rate rises.
        total_steps: number of all updates.

    Raises:
        ValueError: if an argument is not above zero.

    >>> schedule = WarmupLinearSchedule(1e-3, warmup_steps=10, total_steps=100)
    >>> round(float(schedule(9)), 6), round(float(schedule(99)), 6)
    (0.001, 1.1e-05)

    Reference: Devlin et al. 2018, appendix A.2, https://arxiv.org/abs/1810.04805
    """

    @with_python_numbers
    def __init__(self, peak, warmup_steps, total_steps):
        require(peak > 0, "peak", "a number above 0", peak=peak)
        require_positive_integer("warmup_steps", warmup_steps)
        require_positive_integer("total_steps", total_steps)
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1.0
        rising = step / self.warmup_steps
        left = self.total_steps + 1.0 - step
        falling = left / max(1, self.total_steps + 1 - self.warmup_steps)
        return self.peak * ops.maximum(0.0, ops.minimum(rising, falling))

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }
