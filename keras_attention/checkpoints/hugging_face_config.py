"""config.json of a HuggingFace directory: reading, the checks of every family, and the task."""

import math
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.checkpoints.families import FAMILIES, family_of_config
from keras_attention.json_file import (
    json_object_or_empty,
    listed_json,
    read_json_object,
    shortened_json,
)
from keras_attention.text.tokenizers.wordpiece_files import SETTINGS, read_sentence_settings


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
        config = read_json_object(path)
    except OSError as error:
        if "kind" in json_object_or_empty(Path(directory) / "manifest.json"):
            raise InputError(
                f"{directory} is an artifact, not a published (HuggingFace) directory."
            ) from error
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if "kind" in config and "model_type" not in config:
        raise InputError(
            f"{directory} is a run, not a published (HuggingFace) directory: it needs no import."
        )
    return path, config


def _require_none(faults, path, family):
    if faults:
        raise InputError(f"{path} is not of a {family.name} that can be read: {'; '.join(faults)}.")


def _unsupported(config, supported):
    """What has another value than `supported` allows, and an unknown family: a list of clauses."""
    faults = [
        f"{name} is {shortened_json(config[name])}, of which only {listed_json(values)} is "
        "supported"
        for name, values in {"model_type": tuple(FAMILIES), **supported}.items()
        if name in config and config[name] not in values
    ]
    return faults if "model_type" in config else [*faults, "model_type is missing"]


def _faults(config, family):
    """What does not fit, a list of clauses."""
    faults = _unsupported(config, family.supported)
    faults += [
        f"{name} is {shortened_json(config[name])}, not a positive integer"
        if name in config
        else f"{name} is missing"
        for name in family.sizes
        if not _is_positive_integer(config.get(name))
    ]
    faults += [
        f"{name} is {shortened_json(config[name])}, not a positive integer"
        for name in family.optional_sizes
        if config.get(name) is not None and not _is_positive_integer(config[name])
    ]
    faults += [
        f"{name} is {shortened_json(config[name])}, not a rate in [0, 1)"
        for name in (*family.rates, *family.other_rates)
        if config.get(name) is not None and not _is_rate(config[name])
    ]
    faults += [
        f"{name} is {shortened_json(config[name])}, not the id of one of vocab_size tokens"
        for name in family.token_ids
        if config.get(name) is not None and not _is_token_id(config[name], config)
    ]
    if family.epsilon is not None:
        name, default = family.epsilon
        epsilon = config.get(name, default)
        if not (_is_number(epsilon) and 0 < epsilon < 1):
            faults.append(f"{name} is {shortened_json(epsilon)}, not a positive number below 1")
    named = config.get("architectures") or []
    if not (isinstance(named, list) and all(isinstance(name, str) for name in named)):
        faults.append(f"architectures is {shortened_json(named)}, not a list of names")
    if not faults:
        faults = [
            f"{divisor} does not divide {size}"
            for size, divisor in family.divisors
            if config[size] % config[divisor]
        ]
    return faults or family.faults(config)


def _is_positive_integer(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_token_id(value, config):
    size = config.get("vocab_size")  # a fault of its own where it is no size
    is_id = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return is_id and not (_is_positive_integer(size) and value >= size)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_rate(value):
    return _is_number(value) and 0 <= value < 1


def task_of_config(config, family, path):
    """The task that "architectures" names; the family's default where it names nothing.

    Raises:
        InputError: if it names only models that the family does not have here.
    """
    names = config.get("architectures") or []
    known = [name for name in names if isinstance(name, str) and name in family.architectures]
    if known:
        return family.architectures[known[0]]
    if names:
        bare = family.bare_task
        raise InputError(
            f"{path} names {shortened_json(names)} in architectures, of which only "
            f"{listed_json(family.architectures)} can be read"
            + (f" with its head; `task` {bare} reads the {bare} alone." if bare else ".")
        )
    return family.tasks[0]


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
            f"Received: {shortened_json(length)}"
        )
    return int(length)
