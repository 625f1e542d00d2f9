"""BERT in a HuggingFace directory: config.json, model.safetensors and the tokenizer's files."""

import json
import math
from pathlib import Path

import numpy as np

from keras_attention._validation import InputError, require
from keras_attention.checkpoints.hugging_face_config import (
    classifier_dropout,
    encoder_arguments,
    encoder_config,
    label_config,
    labels_of,
    read_config,
)
from keras_attention.checkpoints.parts import assign, encoder_parts, task_parts
from keras_attention.checkpoints.safetensors_file import FLOATS, open_tensors, write_tensors
from keras_attention.files import new_directory
from keras_attention.models import BertClassifier, BertEncoder, BertMaskedLM, BertTokenClassifier

WEIGHTS = "model.safetensors"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
# The encoder's tensors in a checkpoint of a model with a head.
PREFIX = "bert."
# A buffer of old checkpoints, which counts the positions, and what is tied to other tensors.
IGNORED = (
    "embeddings.position_ids",
    "cls.predictions.decoder.weight",
    "cls.predictions.decoder.bias",
)


def load_hugging_face(directory, **overrides):
    """The encoder in a HuggingFace directory of BERT, whatever head the checkpoint has.

    Without the pooler where the checkpoint has none, as those of masked language models.

    Args:
        directory: holds config.json and model.safetensors; float16 and bfloat16 are cast.
        **overrides: arguments of `BertEncoder` other than sizes: `dropout`, `dtype`, `activation`.

    Returns:
        A `BertEncoder`.

    Raises:
        InputError: if a file is missing or damaged, the config is not of a BERT that our encoder
            can be, or tensors are unknown, missing or of other shapes, which are all named.

    >>> encoder = load_hugging_face("bert-base-uncased", dropout=0.2)
    """

    def make(arguments, shapes):
        encoder = BertEncoder(**arguments)
        return encoder, encoder_parts(encoder)

    return _load(directory, make, overrides, with_head=False)


def load_hugging_face_masked_lm(directory, **overrides):
    """As `load_hugging_face` with the head for masked tokens: a `BertMaskedLM`.

    With the head for next sentences too where the checkpoint has it.
    """

    def make(arguments, shapes):
        next_sentence = "cls.seq_relationship.weight" in shapes
        if next_sentence:
            arguments["has_pooler"] = True
        model = BertMaskedLM(BertEncoder(**arguments), next_sentence=next_sentence)
        return model, task_parts(model)

    return _load(directory, make, overrides)


def load_hugging_face_classifier(directory, **overrides):
    """As `load_hugging_face` with the classifier, of texts or of tokens.

    Returns:
        A `BertClassifier`, or a `BertTokenClassifier` if config.json says so in "architectures",
        and the names of its classes, a list of str.
    """
    config = read_config(directory)
    of_tokens = "BertForTokenClassification" in (config.get("architectures") or [])

    def make(arguments, shapes):
        constructor = BertTokenClassifier
        if not of_tokens:
            constructor = BertClassifier
            arguments["has_pooler"] = True
        count = (shapes.get("classifier.bias") or (1,))[0]  # a fault is found afterwards
        model = constructor(
            BertEncoder(**arguments), max(1, count), classifier_dropout=classifier_dropout(config)
        )
        return model, task_parts(model)

    model = _load(directory, make, overrides)
    return model, labels_of(config, model.num_classes, Path(directory) / "config.json")


def has_masked_lm_head(directory):
    """Whether the checkpoint in a HuggingFace directory holds the head for masked tokens.

    Raises:
        InputError: if its tensors cannot be read; where there are none, it has no head.
    """
    path = Path(directory) / WEIGHTS
    if not path.exists():
        return False
    with open_tensors(path) as file:
        return "cls.predictions.transform.dense.weight" in file.shapes


def _load(directory, make, overrides, with_head=True):
    """A model with the weights of a checkpoint.

    Args:
        directory: that holds it.
        make: function of `BertEncoder`'s arguments and of the checkpoint's shapes, a dict by name;
            returns the model and the dict of its parts.
        overrides: of the arguments.
        with_head: whether the names of the parts are those of a model with a head.
    """
    directory = Path(directory)
    config = read_config(directory)
    path = directory / WEIGHTS
    if not path.exists():
        found = [name for name in PICKLES if (directory / name).exists()]
        reason = (
            f" {found[0]} is a pickle, which may run code, and is not read: convert it to "
            f"{WEIGHTS}, in which most models are published too."
            if found
            else ""
        )
        raise InputError(f"{path} does not exist.{reason}")
    with open_tensors(path) as file:
        names = _names(file.shapes, with_head)
        shapes = {name: file.shapes[stored] for name, stored in names.items()}
        types = {name: file.types[stored] for name, stored in names.items()}
        has_pooler = any("pooler." in name for name in names)
        arguments = {**encoder_arguments(config), "has_pooler": has_pooler, **overrides}
        _require_possible(path, arguments, shapes)
        model, parts = make(arguments, shapes)
        _require_fit(path, parts, shapes, types)
        values = {}
        for name, part in parts.items():
            value = file.read(names[name])
            values[part] = value.T if part.is_kernel else value
        _require_finite(path, {names[name]: values[part] for name, part in parts.items()})
    assign(values)
    return model


def _names(stored, with_head):
    """`{name in the parts: name in the file}` of all tensors that matter."""
    has_prefix = any(name.startswith(PREFIX) for name in stored)
    names = {}
    for name in stored:
        # Checkpoints converted from TensorFlow's call a norm's tensors as TensorFlow does.
        known = name.replace("LayerNorm.gamma", "LayerNorm.weight")
        known = known.replace("LayerNorm.beta", "LayerNorm.bias")
        is_head = has_prefix and not name.startswith(PREFIX)
        if known.removeprefix(PREFIX) in IGNORED or (is_head and not with_head):
            continue
        if not with_head:
            known = known.removeprefix(PREFIX)
        elif not has_prefix:
            known = PREFIX + known
        names[known] = name
    return names


def _require_possible(path, arguments, shapes):
    """Raises `InputError` if the sizes that a config names are of another magnitude than the
    checkpoint's: they may be more than any memory, so the model is not built to compare them.

    Args:
        path: of the checkpoint.
        arguments: of `BertEncoder`.
        shapes: of the checkpoint's tensors, a dict by name.
    """
    width, inner = arguments["hidden_dim"], arguments["intermediate_dim"]
    tables = {
        "word_embeddings": arguments["vocabulary_size"],
        "position_embeddings": arguments["max_sequence_length"],
        "token_type_embeddings": arguments["num_segments"],
    }
    matrices = arguments["num_layers"] * (4 * width**2 + 2 * width * inner)
    if sum(tables.values()) * width + matrices <= 2 * sum(map(math.prod, shapes.values())):
        return
    prefix = PREFIX if any(name.startswith(PREFIX) for name in shapes) else ""
    expected = {f"{prefix}embeddings.{name}.weight": (n, width) for name, n in tables.items()}
    expected[f"{prefix}encoder.layer.0.intermediate.dense.weight"] = (inner, width)
    faults = [
        f"{name} is {shapes[name]}, not {shape}"
        for name, shape in expected.items()
        if name in shapes and shapes[name] != shape
    ]
    faults += [f"{name} is missing" for name in expected if name not in shapes]
    faults.append(f"num_layers is {arguments['num_layers']:,}")
    raise InputError(
        f"{path} does not hold the tensors that are needed, and config.json describes a model of "
        f"more than twice the size; {', '.join(faults)}."
    )


def _require_fit(path, parts, shapes, types):
    """Raises `InputError` unless `shapes` and `types` are what `parts` need."""
    misshapen = [
        f"{name} is {shapes[name]}, not {part.stored_shape}"
        for name, part in parts.items()
        if name in shapes and shapes[name] != part.stored_shape
    ]
    untyped = [f"{name} is {types[name]}" for name in parts if types.get(name, "F32") not in FLOATS]
    found = {
        "missing": sorted(parts.keys() - shapes.keys()),
        "unknown": sorted(shapes.keys() - parts.keys()),
        "misshapen": misshapen,
        "not floating point": untyped,
    }
    faults = [f"{fault}: {', '.join(names)}" for fault, names in found.items() if names]
    if faults:
        raise InputError(f"{path} does not hold the tensors that are needed; {'; '.join(faults)}.")


def _require_finite(path, tensors):
    """Raises `InputError` if there are NaN or infinities in one of `tensors`, a dict by name."""
    broken = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    if broken:
        raise InputError(f"{path} holds numbers that are not finite in {', '.join(broken)}.")


def save_hugging_face(model, tokenizer, directory, labels=None, force=False):
    """Writes a HuggingFace directory that `transformers` and this package read, complete or not at
    all.

    Args:
        model: a `BertEncoder`, written as BertModel; `BertMaskedLM`: BertForMaskedLM, or
            BertForPreTraining with next sentences; `BertClassifier` that reads the pooled output by
            one layer: BertForSequenceClassification; `BertTokenClassifier`:
            BertForTokenClassification.
        tokenizer: whose `save(directory)` writes its own files; None for none.
        directory: to be made.
        labels: names of a classifier's classes, a list of str.
        force: whether to overwrite such a directory.

    Raises:
        ValueError: if HuggingFace has no such model, or the labels are not one a class.
        InputError: if `directory` exists and `force` is not given.
    """
    architecture = _architecture(model)
    is_encoder = isinstance(model, BertEncoder)
    encoder = model if is_encoder else model.encoder
    config = {"architectures": [architecture], **encoder_config(encoder)}
    if isinstance(model, (BertClassifier, BertTokenClassifier)):
        config["classifier_dropout"] = model.classifier_dropout
        if labels is not None:
            require(
                len(set(labels)) == len(labels) == model.num_classes,
                "labels",
                "as many different names as there are classes",
                labels=labels,
                num_classes=model.num_classes,
            )
        config |= label_config(labels or [f"LABEL_{i}" for i in range(model.num_classes)])
    if tokenizer is not None:
        config["pad_token_id"] = tokenizer.padding_id
    parts = encoder_parts(model) if is_encoder else _read_parts(model)
    with new_directory(directory, force) as temporary:
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        (temporary / "config.json").write_text(text, encoding="utf-8")
        tensors = {name: part.stored_value() for name, part in parts.items()}
        write_tensors(temporary / WEIGHTS, tensors)
        if tokenizer is not None:
            tokenizer.save(temporary)


def _read_parts(model):
    """The parts of a `BertTask` without a pooler that it does not read: HuggingFace has none."""
    weights = {id(weight) for weight in model.weights}
    return {name: part for name, part in task_parts(model).items() if id(part.variable) in weights}


def _architecture(model):
    """HuggingFace's class for one of our models."""
    if isinstance(model, BertMaskedLM):
        return "BertForPreTraining" if model.next_sentence else "BertForMaskedLM"
    if isinstance(model, BertTokenClassifier):
        return "BertForTokenClassification"
    if isinstance(model, BertClassifier):
        require(
            model.pooling == "pooled" and model.classifier_dim is None,
            "model",
            "a classifier of the pooled output by one layer to be written",
            pooling=model.pooling,
            classifier_dim=model.classifier_dim,
        )
        return "BertForSequenceClassification"
    require(isinstance(model, BertEncoder), "model", "a BERT", model=model)
    return "BertModel"
