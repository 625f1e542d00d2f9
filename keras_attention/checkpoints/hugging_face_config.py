"""config.json of a HuggingFace directory, and what it means to our models."""

import json
from pathlib import Path

import keras

from keras_attention import activations
from keras_attention._validation import InputError, one_line, require
from keras_attention.json_file import read_json_object
from keras_attention.models.bert_encoder import INITIALIZER_RANGE

# HuggingFace's names -> ours
SIZES = {
    "vocab_size": "vocabulary_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "hidden_size": "hidden_dim",
    "intermediate_size": "intermediate_dim",
    "max_position_embeddings": "max_sequence_length",
    "type_vocab_size": "num_segments",
}
RATES = {"hidden_dropout_prob": "dropout", "attention_probs_dropout_prob": "attention_dropout"}
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_new",
    "gelu_fast": "gelu_new",  # the same formula, multiplied out
    "gelu_pytorch_tanh": "gelu_new",
    "relu": "relu",
}
# What must have one of these values where it is given at all.
SUPPORTED = {
    "model_type": ("bert",),
    "hidden_act": tuple(ACTIVATIONS),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "tie_word_embeddings": (True, None),
    "pruned_heads": ({}, None),
    "quantization_config": (None,),
}


def read_config(directory):
    """The dict in config.json, of a BERT that our models can be.

    Raises:
        InputError: if there is no such file, or it says anything else; names all that does not fit.
    """
    path = Path(directory) / "config.json"
    try:
        config = read_json_object(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    faults = [
        f"{name} is {_received(config[name])}, of which only {_listed(values)} is supported"
        for name, values in SUPPORTED.items()
        if name in config and config[name] not in values
    ]
    if "model_type" not in config:
        faults.append("model_type is missing")
    faults += [
        f"{name} is {_received(config[name])}, not a positive integer"
        if name in config
        else f"{name} is missing"
        for name in SIZES
        if not _is_positive_integer(config.get(name))
    ]
    faults += [
        f"{name} is {_received(config[name])}, not a rate in [0, 1)"
        for name in (*RATES, "classifier_dropout")
        if config.get(name) is not None and not _is_rate(config[name])
    ]
    epsilon = config.get("layer_norm_eps", 1e-12)
    is_number = isinstance(epsilon, (int, float)) and not isinstance(epsilon, bool)
    if not (is_number and 0 < epsilon < 1):
        faults.append(f"layer_norm_eps is {_received(epsilon)}, not a positive number below 1")
    if not isinstance(config.get("architectures") or [], list):
        faults.append(f"architectures is {_received(config['architectures'])}, not a list")
    if not faults and config["hidden_size"] % config["num_attention_heads"]:
        faults.append("num_attention_heads does not divide hidden_size")
    if faults:
        raise InputError(f"{path} is not of a BERT that can be read: {'; '.join(faults)}.")
    return config


def _received(value):
    return one_line(json.dumps(value), 100)


def _listed(values):
    return " or ".join(json.dumps(value) for value in values if value is not None) or "null"


def _is_positive_integer(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_rate(value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 <= value < 1


def _given(value, default):
    return default if value is None else value


def encoder_arguments(config):
    """`BertEncoder`'s arguments for a config from `read_config`."""
    return {
        **{ours: config[theirs] for theirs, ours in SIZES.items()},
        **{ours: _given(config.get(theirs), 0.1) for theirs, ours in RATES.items()},
        "activation": ACTIVATIONS[config.get("hidden_act", "gelu")],
        "layer_norm_epsilon": config.get("layer_norm_eps", 1e-12),
    }


def encoder_config(encoder):
    """The config of a `BertEncoder` in HuggingFace's terms.

    Raises:
        ValueError: if HuggingFace's BERT does not have its activation.
    """
    activation = activations.serialize(encoder.activation)
    if encoder.activation is keras.activations.gelu:
        activation = "gelu"
    require(
        activation in ("gelu", "gelu_new", "relu"),
        "model",
        "a BERT whose activation is 'gelu', 'gelu_new' or 'relu' to be written",
        activation=activation,
    )
    return {
        "model_type": "bert",
        **{theirs: getattr(encoder, ours) for theirs, ours in SIZES.items()},
        "hidden_act": activation,
        "hidden_dropout_prob": encoder.dropout,
        "attention_probs_dropout_prob": _given(encoder.attention_dropout, encoder.dropout),
        "layer_norm_eps": encoder.layer_norm_epsilon,
        "initializer_range": INITIALIZER_RANGE,
        "position_embedding_type": "absolute",
        "dtype": "float32",
    }


def classifier_dropout(config):
    """The rate before the classifier of a config from `read_config`."""
    return _given(config.get("classifier_dropout"), encoder_arguments(config)["dropout"])


def label_config(labels):
    """What a config says of the labels of a classifier, a list of str."""
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def labels_of(config, count, path):
    """The names of a classifier's `count` classes; HuggingFace's LABEL_0 ... where none are given.

    Args:
        config: from `read_config`.
        count: number of classes.
        path: of the config, for the message.

    Raises:
        InputError: if there is not one for each class.
    """
    names = config.get("id2label")
    if names is None:
        return [f"LABEL_{index}" for index in range(count)]
    expected = [str(index) for index in range(count)]
    if not isinstance(names, dict) or sorted(names) != sorted(expected):
        raise InputError(
            f"{path} must name {count} labels in id2label, as many as the classifier has. "
            f"Received: {_received(names)}"
        )
    return [str(names[key]) for key in expected]
