"""`keras_attention.load`: whatever was trained or exported, as one object that translates."""

import dataclasses
import json
import os
import tempfile
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.manifest import read_manifest, verify_files
from keras_attention.runtimes import RUNTIMES, artifact_translator, keras_translator
from keras_attention.search_options import (
    SamplingOptions,
    SearchOptions,
    decoding_options,
    refuse_without_sample,
    require_decoding_names,
)
from keras_attention.text import TranslationTokenizer

# What each runtime reads of an artifact.
FILES_OF_RUNTIME = {
    "tf_saved_model": ("saved_model/", "tokenizer/"),
    "tflite": ("model.tflite", "tokenizer/"),
    "onnx": ("model.onnx", "tokenizer/"),
}


def load(path, runtime=None, seed=None, **search):
    """Loads a run directory or an artifact.

    Args:
        path: what `keras-attention train` or `keras-attention export` wrote.
        runtime: "keras" for a run; "tf_saved_model", "tflite" or "onnx" for an artifact. By default
            Keras for a run and the first form that it holds for an artifact.
        seed: integer, where it samples: the text at index i of a list is sampled with the seed
            `seed + i`; 0 by default.
        **search: how to decode: fields of `keras_attention.decoding.SearchOptions`, such as
            `beam_size`, or `sample=True` and fields of `SamplingOptions`. A run has defaults in its
            config; an artifact can do what it was exported with only.

    Returns:
        A `TextTranslator`: `translate(list of str) -> list of str`.

    Raises:
        InputError: if `path` is neither, does not hold that form, holds a file that is not what its
        manifest says, or was exported with other options.
        ValueError: if an option is out of range.

    >>> keras_attention.load("artifact", runtime="tflite").translate(["three hundred and two"])
    ['dreihundertzwei']
    """
    path = Path(path)
    if runtime is not None and runtime not in RUNTIMES:
        raise InputError(f"Unknown runtime {runtime!r}; expected one of {', '.join(RUNTIMES)}.")
    require_decoding_names(search)
    if (path / "manifest.json").exists():
        manifest = read_manifest(path)
        if runtime == "keras":
            raise InputError(f"{path} is an artifact; the runtime 'keras' needs a run directory.")
        if manifest["kind"] != "translator":
            raise InputError(f"{path} is an artifact of another kind: {manifest['kind']!r}.")
        _refuse_other_decoding(path, manifest["decoding"], search, seed)
        runtime = runtime or manifest["formats"][0]
        verify_files(path, FILES_OF_RUNTIME[runtime])
        return artifact_translator(path, runtime, manifest, 0 if seed is None else seed)
    if runtime not in (None, "keras"):
        raise InputError(
            f"{path} is no artifact; the runtime {runtime!r} needs one: export it first."
        )
    return load_run(path, seed, **search)


def _refuse_other_decoding(path, decoding, search, seed):
    """Raises `InputError` if an artifact with the manifest's `decoding` cannot do `search`."""
    method = decoding["method"]
    is_sampling = method == "sampling"
    kind = SamplingOptions if is_sampling else SearchOptions
    own = {name: decoding[name] for name in (field.name for field in dataclasses.fields(kind))}
    search = dict(search)
    if search.pop("sample", is_sampling) != is_sampling or (seed is not None and not is_sampling):
        raise InputError(
            f"{path} was exported with the method {method}, not "
            f"{'searching' if is_sampling else 'sampling'}: what an artifact does is fixed. Export "
            f"it again {'without' if is_sampling else 'with'} --sample."
        )
    for name, value in search.items():
        if name not in own:
            raise InputError(
                f"{path} was exported with the method {method}, not {name} {value}: what an "
                "artifact does is fixed. Export it again with "
                f"{'' if is_sampling else '--sample '}--{name.replace('_', '-')}."
            )
    asked = kind(**{**own, **search})  # out of range is out of range here too
    for name, value in asked.to_dict().items():
        fewer = name == "n_best" and value < own[name]  # the first of those that it gives
        if value != own[name] and not fewer:
            raise InputError(
                f"{path} was exported with {name} {own[name]}, not {value}: what an artifact does "
                f"is fixed. Export it again with {'--sample ' if is_sampling else ''}"
                f"--{name.replace('_', '-')}."
            )


def load_run(path, seed=None, **search):
    """A `TextTranslator` of a run directory, its Keras model being `.model`.

    Args:
        path: the run directory.
        seed: as that of `load`.
        **search: fields of `keras_attention.decoding.SearchOptions`, over those of its config, or
            `sample=True` and fields of `SamplingOptions`.

    Raises:
        InputError: if `path` is not a finished run of a translator.
        ValueError: if an option is out of range.
    """
    import keras  # here: the artifacts' runtimes need neither it nor TensorFlow

    path = Path(path)
    config = read_config(path)
    if config.get("kind") != "translator":
        raise InputError(f"{path} is a run of another kind: {config.get('kind')!r}.")
    if not (path / "model.keras").exists():
        raise InputError(
            f"{path} is not finished: there is no model.keras. Train on with --resume."
        )
    defaults = config.get("decoding", {})
    SearchOptions.require_names(defaults, f"{path / 'config.json'}: ")
    options = decoding_options(search, defaults)
    if seed is not None and not options.is_sampling:
        refuse_without_sample("seed")
    tokenizer = TranslationTokenizer.load(path / "tokenizer")
    try:
        model = keras.saving.load_model(path / "model.keras", compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise InputError(f"{path / 'model.keras'}: cannot be loaded ({error}).") from error
    if model.vocabulary_size != tokenizer.target.vocabulary_size:
        raise InputError(
            f"{path}: the tokenizer has {tokenizer.target.vocabulary_size:,} tokens and the model "
            f"{model.vocabulary_size:,}; they do not belong together."
        )
    return keras_translator(model, tokenizer, options, 0 if seed is None else seed)


def read_config(path):
    """The config of a run directory, a dict.

    Raises:
        InputError: if `path` is not a run directory.
    """
    try:
        config = json.loads((Path(path) / "config.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: neither a run directory (no config.json) nor an artifact (no manifest.json)."
        ) from error
    except ValueError as error:
        raise InputError(f"{Path(path) / 'config.json'}: not JSON ({error}).") from error
    if not isinstance(config, dict):
        raise InputError(f"{Path(path) / 'config.json'}: not the config of a run.")
    return config


def save_model_atomically(model, path):
    """`model.save(path)`, complete or not at all."""
    path = Path(path)
    for left in path.parent.glob(f".{path.stem}.*.keras"):  # by a process killed while saving
        left.unlink(missing_ok=True)
    descriptor, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}.", suffix=".keras"
    )
    os.close(descriptor)
    try:
        model.save(temporary, include_optimizer=False)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
