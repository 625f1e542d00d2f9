"""The learning rate of a fine-tuning for which the user names none."""

NARROW = 512  # the width up to which 1e-4 was measured to be better: docs/results.md
NARROW_RATE, WIDE_RATE = 1e-4, 5e-5  # the latter of Devlin et al. 2018, appendix A.3


def fine_tuning_rate(hidden_dim):
    """The highest learning rate of a training that begins with an encoder's weights.

    Args:
        hidden_dim: width of the encoder.

    >>> fine_tuning_rate(384), fine_tuning_rate(768)
    (0.0001, 5e-05)
    """
    return NARROW_RATE if hidden_dim <= NARROW else WIDE_RATE
