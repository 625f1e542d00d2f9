"""The learning rate of a fine-tuning for which the user names none."""

# At width 384 the first rate was measured to be better than the second (docs/results.md), which is
# that of Devlin et al. 2018, appendix A.3, for width 768. Where between them one ends is a guess.
NARROW = 512
NARROW_RATE, WIDE_RATE = 1e-4, 5e-5


def fine_tuning_rate(hidden_dim):
    """The highest learning rate of a training that begins with an encoder's weights.

    Args:
        hidden_dim: width of the encoder.

    >>> fine_tuning_rate(384), fine_tuning_rate(768)
    (0.0001, 5e-05)
    """
    return NARROW_RATE if hidden_dim <= NARROW else WIDE_RATE
