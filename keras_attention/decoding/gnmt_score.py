"""The score by which finished hypotheses are compared (Wu et al. 2016, section 7, equation 14)."""

from keras import ops

SMALLEST_COVERAGE = 1e-9  # a source token that nothing attended to: log(0) is no number


def length_divisor(length, penalty):
    """lp(Y) = ((5 + |Y|) / 6)^penalty, float32, of a tensor of lengths, END included."""
    return ops.power((5.0 + ops.cast(length, "float32")) / 6.0, penalty)


def gnmt_score(log_probability, length, length_penalty, coverage=None, coverage_penalty=0.0):
    """s(Y, X) = log P(Y | X) / lp(Y) + penalty * sum over i of log(min(coverage_i, 1)).

    Args:
        log_probability: (B, K).
        length: (B, K) integers, END included.
        length_penalty: number >= 0; 0 leaves the log-probability, 1 is nearly its mean per token.
        coverage: (B, K, S), the attention that each source token received in all; 1 or more at
            padding.
        coverage_penalty: number >= 0.

    Returns:
        (B, K) float32.

    Reference: Wu et al. 2016, https://arxiv.org/abs/1609.08144, section 7
    """
    score = log_probability
    if length_penalty:
        score = score / length_divisor(length, length_penalty)
    if coverage_penalty:
        covered = ops.log(ops.clip(coverage, SMALLEST_COVERAGE, 1.0))
        score = score + coverage_penalty * ops.sum(covered, axis=-1)
    return score
