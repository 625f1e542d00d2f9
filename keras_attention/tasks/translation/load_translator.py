"""Translators from runs and artifacts, with the way they are to decode."""

import dataclasses
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.json_file import shortened
from keras_attention.runs.run_files import read_model
from keras_attention.search_options import (
    SamplingOptions,
    SearchOptions,
    decoding_options,
    refuse_without_sample,
)
from keras_attention.tasks.artifact_runtimes import artifact_translator
from keras_attention.tasks.keras_runtime import keras_translator
from keras_attention.text import TranslationTokenizer


def translator_of_run(path, config, seed=None, **search):
    """A `TextTranslator` of a run directory, its Keras model being `.model`.

    Args:
        path: the run directory.
        config: its `config.json`, a dict.
        seed, search: those of `load`.
    """
    from keras_attention.models import Translator  # here: it needs Keras

    path = Path(path)
    defaults = config.get("decoding", {})
    _require_defaults(f"{path / 'config.json'}: ", defaults)
    options = decoding_options(search, defaults)
    if seed is not None and not options.is_sampling:
        refuse_without_sample("seed")
    model = read_model(path)
    tokenizer = TranslationTokenizer.load(path / "tokenizer")
    if not isinstance(model, Translator):
        raise InputError(
            f"{path / 'model.keras'}: expected a translator, as config.json says. "
            f"Received: a {type(model).__name__}"
        )
    for size, processor in (
        (model.vocabulary_size, tokenizer.target),
        (model.source_vocabulary_size or model.vocabulary_size, tokenizer.source),
    ):
        if size != processor.vocabulary_size:
            raise InputError(
                f"{path}: the tokenizer has {processor.vocabulary_size:,} tokens and the model "
                f"{size:,}; they do not belong together."
            )
    return keras_translator(model, tokenizer, options, 0 if seed is None else seed)


def _require_defaults(where, defaults):
    """Raises `InputError`, beginning with `where`, unless these are fields of `SearchOptions`."""
    if not isinstance(defaults, dict):
        raise InputError(f"{where}`decoding` must be an object. Received: {shortened(defaults)}")
    SearchOptions.require_names(defaults, where)
    try:
        SearchOptions(**defaults)
    except ValueError as error:
        raise InputError(f"{where}{error}") from error


def translator_of_artifact(path, runtime, manifest, seed=None, **search):
    """A `TextTranslator` of one form of an artifact.

    Args:
        path: the artifact.
        runtime: "tf_saved_model", "tflite" or "onnx".
        manifest: its manifest, a dict.
        seed, search: those of `load`; another way to decode than the artifact's is refused.
    """
    _refuse_other_decoding(path, manifest["decoding"], search, seed)
    return artifact_translator(path, runtime, manifest, 0 if seed is None else seed)


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
