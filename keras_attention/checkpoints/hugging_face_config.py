"""config.json of a HuggingFace directory: reading, the checks of every family, tasks and labels."""

import json
import math
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.checkpoints.families import FAMILIES, family_of_config
from keras_attention.checkpoints.family import ENCODER
from keras_attention.json_file import is_list_of_names, read_json_object
from keras_attention.problem_types import MULTI_LABEL, PROBLEM_TYPES, REGRESSION, SINGLE_LABEL
from keras_attention.text.tokenizers.wordpiece_files import SETTINGS, read_sentence_settings

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


def read_config(directory):
    """config.json of a model that we can make.

    Returns:
        The config, a dict, and its `Family`.

    Raises:
        InputError: if there is no such file or something in it does not fit. The message names all
            that does not.
    """
    path, config = _read(directory)
    family = family_of_config(config)
    _require_none(_faults(config, family), path, family)
    return config, family


def read_family(directory):
    """The `Family` that config.json of a directory names, whatever else it says.

    Raises:
        InputError: if there is no such file, or it names no family that can be read.
    """
    path, config = _read(directory)
    family = family_of_config(config)
    _require_none(_unsupported(config, {}), path, family)
    return family


def _read(directory):
    path = Path(directory) / "config.json"
    try:
        return path, read_json_object(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _require_none(faults, path, family):
    if faults:
        raise InputError(f"{path} is not of a {family.name} that can be read: {'; '.join(faults)}.")


def _unsupported(config, supported):
    """What has another value than `supported` allows, and an unknown family: a list of clauses."""
    faults = [
        f"{name} is {_received(config[name])}, of which only {_listed(values)} is supported"
        for name, values in {"model_type": tuple(FAMILIES), **supported}.items()
        if name in config and config[name] not in values
    ]
    return faults if "model_type" in config else [*faults, "model_type is missing"]


def _faults(config, family):
    """What does not fit, a list of clauses."""
    faults = _unsupported(config, family.supported)
    faults += [
        f"{name} is {_received(config[name])}, not a positive integer"
        if name in config
        else f"{name} is missing"
        for name in family.sizes
        if not _is_positive_integer(config.get(name))
    ]
    faults += [
        f"{name} is {_received(config[name])}, not a rate in [0, 1)"
        for name in (*family.rates, *family.other_rates)
        if config.get(name) is not None and not _is_rate(config[name])
    ]
    if family.epsilon is not None:
        name, default = family.epsilon
        epsilon = config.get(name, default)
        if not (_is_number(epsilon) and 0 < epsilon < 1):
            faults.append(f"{name} is {_received(epsilon)}, not a positive number below 1")
    if not isinstance(config.get("architectures") or [], list):
        faults.append(f"architectures is {_received(config['architectures'])}, not a list")
    if not faults:
        faults = [
            f"{divisor} does not divide {size}"
            for size, divisor in family.divisors
            if config[size] % config[divisor]
        ]
    return faults


def _received(value):
    return one_line(json.dumps(value), 100)


def _listed(values):
    return " or ".join(json.dumps(value) for value in values if value is not None) or "null"


def _is_positive_integer(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_rate(value):
    return _is_number(value) and 0 <= value < 1


def task_of_config(config, family, path):
    """The task that "architectures" names; "encoder" where it names nothing.

    Raises:
        InputError: if it names only models that the family does not have here.
    """
    names = config.get("architectures") or []
    known = [name for name in names if isinstance(name, str) and name in family.architectures]
    if known:
        return family.architectures[known[0]]
    if names:
        raise InputError(
            f"{path} names {_received(names)} in architectures, of which only "
            f"{_listed(family.architectures)} can be read with its head. task='{ENCODER}' reads "
            "the encoder alone."
        )
    return ENCODER


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
                f"{path}: {name} is {_received(value)}, of which only {_listed(known)} is "
                "supported."
            )
        found[known[value]] = f"{name} is {_received(value)}"
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
            f"{_received(said)}"
        )
    names = config.get("id2label")
    if names is None:
        return unnamed_labels(count)
    expected = [str(index) for index in range(count)]
    if not isinstance(names, dict) or sorted(names) != sorted(expected):
        raise InputError(
            f"{path} must name {count} labels in id2label, as many as the classifier has. "
            f"Received: {_received(names)}"
        )
    labels = [str(names[key]) for key in expected]
    if not is_list_of_names(labels):
        raise InputError(
            f"{path} must name {count} different labels in id2label. Received: {_received(names)}"
        )
    return labels


def read_max_length(directory):
    """The longest text in tokens that a HuggingFace directory speaks of; None where it does not.

    Where there is a file of sentence-transformers, its `max_seq_length` counts, else the
    `model_max_length` of tokenizer_config.json. A model may be made for less.

    Raises:
        InputError: if it is not a whole number of at least 3, or a file cannot be read.
    """
    path, sentence = read_sentence_settings(directory)
    name, length = "max_seq_length", sentence.get("max_seq_length")
    if length is None:
        path, name = Path(directory) / SETTINGS, "model_max_length"
        length = read_json_object(path).get(name) if path.exists() else None
    if length is None:
        return None
    is_number = isinstance(length, (int, float)) and not isinstance(length, bool)
    if not (is_number and math.isfinite(length) and length >= 3 and length == int(length)):
        raise InputError(
            f"{path}: `{name}` must be a whole number of at least 3, the tokens of a text. "
            f"Received: {_received(length)}"
        )
    return int(length)
