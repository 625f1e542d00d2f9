"""What the logits of a classifier mean, in HuggingFace's words."""

from keras_attention._validation import require

SINGLE_LABEL = "single_label_classification"  # a softmax: the probabilities have the sum 1
MULTI_LABEL = "multi_label_classification"  # a sigmoid each: any number of labels hold
REGRESSION = "regression"  # the numbers themselves
PROBLEM_TYPES = (SINGLE_LABEL, MULTI_LABEL, REGRESSION)
HALF = 0.5  # from which on a label holds, where several may


def problem_type_of(problem_type, num_classes):
    """What logits of `num_classes` classes mean.

    One logit is a sigmoid's, unless it is a regression's: a softmax over it is 1 for every text.

    Args:
        problem_type: one of `PROBLEM_TYPES`, or None for what suits the number of classes.
        num_classes: integer.

    Returns:
        One of `PROBLEM_TYPES`.

    Raises:
        ValueError: if `problem_type` is something else.

    >>> problem_type_of(None, 3), problem_type_of(None, 1)
    ('single_label_classification', 'multi_label_classification')
    """
    known = problem_type is None or problem_type in PROBLEM_TYPES
    require(known, "problem_type", f"None or one of {PROBLEM_TYPES}", problem_type=problem_type)
    if problem_type in (None, SINGLE_LABEL):
        return SINGLE_LABEL if num_classes > 1 else MULTI_LABEL
    return problem_type


def output_name(problem_type):
    """The name of what an artifact gives: "probabilities", or "scores" of a regression."""
    return "scores" if problem_type == REGRESSION else "probabilities"
