"""Directories of sentence-transformers, written: modules.json, and what it names."""

import json
import re
from pathlib import Path

from keras_attention._validation import require
from keras_attention.checkpoints.parts import dense_parts
from keras_attention.checkpoints.safetensors_file import WEIGHTS, write_tensors
from keras_attention.checkpoints.sentence_transformers import (
    ACTIVATIONS,
    CONFIG,
    MODULES,
    POOLING_FLAGS,
    SETTINGS,
)
from keras_attention.json_file import listed

LENGTH = "sentence_bert_config.json"
_FOLDER = re.compile(r"\d+_(Pooling|Dense|Normalize)")


def write_modules(directory, model):
    """Writes modules.json, the folders of the modules and the settings of a `SentenceEncoder`.

    Args:
        directory: path, which holds the encoder and the tokenizer.
        model: the `SentenceEncoder`.

    Raises:
        ValueError: if a dense layer has an activation that sentence-transformers reads no class of.
    """
    directory = Path(directory)
    names = ["Transformer", "Pooling", *["Dense"] * len(model.dense)]
    names += ["Normalize"] if model.normalize else []
    folders = ["", *(f"{index}_{name}" for index, name in enumerate(names) if index)]
    for folder in folders[1:]:
        (directory / folder).mkdir()
    width = model.encoder.hidden_dim
    pooling = {flag: mode == model.pooling for flag, mode in POOLING_FLAGS.items()}
    _write(directory / folders[1] / CONFIG, {"word_embedding_dimension": width, **pooling})
    # Normalize has no file, which is right.
    for folder, arguments, layer in zip(folders[2:], model.dense, model.dense_layers, strict=False):
        activation = arguments["activation"]
        require(
            activation in list(ACTIVATIONS),
            "model",
            f"one whose dense layers have an activation of {', '.join(ACTIVATIONS)} to be written",
            activation=activation,
        )
        config = {
            "in_features": width,
            "out_features": arguments["units"],
            "bias": arguments["use_bias"],
            "activation_function": ACTIVATIONS[activation],
        }
        width = arguments["units"]
        _write(directory / folder / CONFIG, config)
        parts = dense_parts("linear", layer.kernel, layer.bias)
        parts = {n: part for n, part in parts.items() if part.variable is not None}
        tensors = {name: part.stored_value() for name, part in parts.items()}
        write_tensors(directory / folder / WEIGHTS, tensors)
    modules = [
        {
            "idx": index,
            "name": str(index),
            "path": folder,
            "type": f"sentence_transformers.models.{name}",
        }
        for index, (name, folder) in enumerate(zip(names, folders, strict=True))
    ]
    _write(directory / MODULES, modules)
    longest = {"max_seq_length": model.max_sequence_length, "do_lower_case": False}
    _write(directory / LENGTH, longest)
    settings = {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    _write(directory / SETTINGS, settings)


def _write(path, values):
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def own_names(directory):
    """The names in a directory of what `write_modules` writes, and of nothing that holds more."""
    directory = Path(directory)
    names = [name for name in (MODULES, SETTINGS, LENGTH) if (directory / name).is_file()]
    for name in listed(directory):
        is_own = _FOLDER.fullmatch(name) and (directory / name).is_dir()
        if is_own and set(listed(directory / name)) <= {CONFIG, WEIGHTS}:
            names.append(name)
    return names
