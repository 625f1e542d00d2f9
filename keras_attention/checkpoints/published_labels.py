"""What config.json of a published classifier says of its logits: their meaning and their names."""

from keras_attention._validation import InputError
from keras_attention.json_file import is_list_of_names, listed_json, shortened_json
from keras_attention.problem_types import MULTI_LABEL, PROBLEM_TYPES, REGRESSION, SINGLE_LABEL

# What the functions mean that a config may name for a head's logits.
_FUNCTIONS = {
    "softmax": SINGLE_LABEL,
    "sigmoid": MULTI_LABEL,
    "none": REGRESSION,
    # Of sentence-transformers' CrossEncoder
    "torch.nn.modules.activation.Softmax": SINGLE_LABEL,
    "torch.nn.modules.activation.Sigmoid": MULTI_LABEL,
    "torch.nn.modules.linear.Identity": REGRESSION,
}


def problem_type_of_config(config, path):
    """What a config says of a classifier's logits: one of `PROBLEM_TYPES`; None if it says nothing.

    HuggingFace's models have "problem_type". Pipelines read "function_to_apply", and the cross
    encoders of sentence-transformers name a function of PyTorch.

    Raises:
        InputError: if it says what no classifier here does, or two different things.
    """
    own = config.get("sentence_transformers")
    said = {
        "problem_type": config.get("problem_type"),
        "function_to_apply": config.get("function_to_apply"),
        "sbert_ce_default_activation_function": config.get("sbert_ce_default_activation_function"),
        "sentence_transformers.activation_fn": own.get("activation_fn")
        if isinstance(own, dict)
        else own,
    }
    found = {}
    for name, value in said.items():
        if value is None:
            continue
        known = {name: name for name in PROBLEM_TYPES} if name == "problem_type" else _FUNCTIONS
        if not isinstance(value, str) or value not in known:
            raise InputError(
                f"{path}: {name} is {shortened_json(value)}, of which only {listed_json(known)} is "
                "supported."
            )
        found[known[value]] = f"{name} is {shortened_json(value)}"
    if len(found) > 1:
        raise InputError(
            f"{path} says two things of what the logits mean: {' and '.join(found.values())}."
        )
    return next(iter(found), None)


def label_config(labels):
    """What a config says of the labels of a classifier, a list of str."""
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def unnamed_labels(count):
    """HuggingFace's names for `count` classes without names: LABEL_0 ..."""
    return [f"LABEL_{index}" for index in range(count)]


def labels_of(config, count, path):
    """The names of a classifier's `count` classes; HuggingFace's LABEL_0 ... where none are given.

    Args:
        config: from `read_config`.
        count: number of classes.
        path: of the config, for the message.

    Raises:
        InputError: if there is not one for each class, two are the same, or one is no name.
    """
    said = config.get("num_labels", count)
    if said != count:
        raise InputError(
            f"{path} must have the num_labels that the classifier has, {count}. Received: "
            f"{shortened_json(said)}"
        )
    names = config.get("id2label")
    if names is None:
        return unnamed_labels(count)
    expected = [str(index) for index in range(count)]
    if not isinstance(names, dict) or sorted(names) != sorted(expected):
        raise InputError(
            f"{path} must name {count} labels in id2label, as many as the classifier has. "
            f"Received: {shortened_json(names)}"
        )
    labels = [str(names[key]) for key in expected]
    if not is_list_of_names(labels):
        raise InputError(
            f"{path} must name {count} different labels in id2label, each of one line. "
            f"Received: {shortened_json(names)}"
        )
    return labels
