"""How far a student's logits and hidden states are from a teacher's (Hinton et al. 2015)."""

from keras import ops

from keras_attention.problem_types import MULTI_LABEL, REGRESSION
from keras_attention.training.token_metrics import log_normalizers, softmax_parts


def soft_target_losses(logits, teacher_logits, temperature, problem_type):
    """The divergence of a student's scores from a teacher's, both softened by a temperature.

    It is T squared times KL(p || q), where p is the softmax of the teacher's logits divided by T,
    and q that of the student's. The factor keeps the gradient as large as that of hard targets,
    whatever T is (section 2). The cross-entropy of soft targets is this plus a number that does not
    depend on the student. Where each label has a sigmoid of its own, it is the mean over labels of
    the same for a label and its opposite; of numbers it is the mean of the squared differences,
    without a temperature.

    Args:
        logits, teacher_logits: (..., C).
        temperature: a number T above 0.
        problem_type: what the logits mean: one of `keras_attention.problem_types`.

    Returns:
        float32 (...).

    Reference: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2,
    https://arxiv.org/abs/1503.02531
    """
    logits, teacher_logits = (ops.cast(x, "float32") for x in (logits, teacher_logits))
    if problem_type == REGRESSION:
        return ops.mean(ops.square(logits - teacher_logits), axis=-1)
    logits, teacher_logits = logits / temperature, teacher_logits / temperature
    if problem_type == MULTI_LABEL:
        expected = ops.sigmoid(teacher_logits)
        # softplus(z) - p z, of both: the binary cross-entropy of p, and its least value.
        student, least = (ops.softplus(z) - expected * z for z in (logits, teacher_logits))
        return temperature**2 * ops.mean(student - least, axis=-1)
    return temperature**2 * divergences(logits, teacher_logits)[0]


def divergences(logits, teacher_logits):
    """KL(p || q) (...) of logits (..., C), and what is its gradient: q and p, both (..., C).

    q is the softmax of the student's logits, p that of the teacher's.
    """
    (student_maxima, found, student_totals), (maxima, expected, totals) = (
        softmax_parts(x) for x in (logits, teacher_logits)
    )
    normalizers = log_normalizers(student_maxima, student_totals) - log_normalizers(maxima, totals)
    expected = expected * (1.0 / totals)
    divergence = normalizers + ops.sum(expected * (teacher_logits - logits), axis=-1)
    return divergence, found * (1.0 / student_totals), expected


def hidden_losses(hidden, teacher_hidden):
    """1 minus the cosine of a student's and a teacher's hidden states: (B, T, D) to float32 (B, T).

    Reference: Sanh et al. 2019, "DistilBERT, a distilled version of BERT", section 3,
    https://arxiv.org/abs/1910.01108
    """
    hidden, teacher_hidden = (ops.cast(x, "float32") for x in (hidden, teacher_hidden))
    product = ops.sum(hidden * teacher_hidden, axis=-1)
    squares = [ops.sum(ops.square(x), axis=-1) for x in (hidden, teacher_hidden)]
    # Of a vector of zeros the cosine is 0, and so is its gradient.
    return 1.0 - product * ops.rsqrt(ops.maximum(squares[0] * squares[1], 1e-12))
