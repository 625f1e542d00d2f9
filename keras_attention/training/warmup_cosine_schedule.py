"""Warm-up, then half a cosine down to a share of the peak, as GPT-3 was trained."""

import math

import keras
from keras import ops

from keras_attention._validation import require, require_positive_integer, with_python_numbers


@keras.saving.register_keras_serializable(package="keras_attention")
class WarmupCosineSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises to `peak` over `warmup_steps` updates and falls to `final_share` of it by a cosine.

    `keras.optimizers.schedules.CosineDecay` begins its warm-up with a rate of 0, which wastes an
    update.

    Args:
        peak: the highest learning rate.
        warmup_steps: number of updates in which the learning rate rises.
        total_steps: number of all updates; the rate stays as it is then.
        final_share: of the peak, in [0, 1].

    Raises:
        ValueError: if an argument is out of range.

    >>> schedule = WarmupCosineSchedule(1e-3, warmup_steps=10, total_steps=100)
    >>> round(float(schedule(9)), 6), round(float(schedule(99)), 6)
    (0.001, 0.0001)

    Reference: Brown et al. 2020, "Language Models are Few-Shot Learners", appendix B,
    https://arxiv.org/abs/2005.14165
    """

    @with_python_numbers
    def __init__(self, peak, warmup_steps, total_steps, final_share=0.1):
        require(peak > 0, "peak", "a number above 0", peak=peak)
        require_positive_integer("warmup_steps", warmup_steps)
        require_positive_integer("total_steps", total_steps)
        require(0 <= final_share <= 1, "final_share", "from 0 to 1", final_share=final_share)
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.final_share = final_share

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1.0
        rising = step / self.warmup_steps
        passed = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        cosine = 0.5 + 0.5 * ops.cos(math.pi * ops.clip(passed, 0.0, 1.0))
        falling = self.final_share + (1.0 - self.final_share) * cosine
        return self.peak * ops.minimum(rising, falling)

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "final_share": self.final_share,
        }
