"""What configs and manifests say of a classifier's scores, and what that allows."""

from keras_attention._validation import InputError
from keras_attention.problem_types import REGRESSION, SINGLE_LABEL, problem_type_of


def stated_problem_type(path, values):
    """What a config or a manifest says of the scores: one of `PROBLEM_TYPES`.

    Args:
        path: of the file, for the message.
        values: its content, a dict with "labels", and "problem_type" where it is not the default.

    Raises:
        InputError: if it says something else.
    """
    try:
        return problem_type_of(values.get("problem_type"), len(values["labels"]))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def own_problem_type(model, problem_type=None):
    """What a model says of its logits, else `problem_type`."""
    from keras_attention.models import ClassifierHead

    return model.problem_type if isinstance(model, ClassifierHead) else problem_type


def problem_type_field(model, num_classes, problem_type=None):
    """What a config or a manifest has of it: nothing where a text has one label, as most have."""
    found = problem_type_of(own_problem_type(model, problem_type), num_classes)
    return {} if found == SINGLE_LABEL else {"problem_type": found}


def require_same(path, config, model):
    """Raises `InputError` if the config of a run says of its model what this does not say."""
    said = stated_problem_type(path, config)
    own = own_problem_type(model, said)
    if said != own and "problem_type" in config:
        raise InputError(
            f"{path}: `problem_type` must be what the model says, {own}. Received: {said}"
        )


def require_single_label(problem_type, what):
    """Raises `InputError` unless a text has one label, which `what` is about."""
    if problem_type != SINGLE_LABEL:
        raise InputError(
            f"{what} of one label a text, which a classifier with the problem_type {problem_type} "
            "does not give."
        )


def describe_problem_type(manifest):
    """The lines that `inspect` shows of it."""
    problem_type = problem_type_of(manifest.get("problem_type"), len(manifest["labels"]))
    if problem_type == REGRESSION:
        yield "regression: a number for each label, no probabilities"
    elif problem_type != SINGLE_LABEL:
        yield "any number of labels may hold: each has a probability of its own"
