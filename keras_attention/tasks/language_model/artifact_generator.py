"""A `TextGenerator` that runs one of an artifact's formats."""

import dataclasses
import functools
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import format_of
from keras_attention.json_file import is_object, is_size, require_fields
from keras_attention.search_options import LATER, METHODS, fields_of_manifest
from keras_attention.tasks.language_model.step_reader import StepReader
from keras_attention.tasks.language_model.text_generator import TextGenerator
from keras_attention.text.tokenizers import load_language_model_tokenizer
from keras_attention.token_ids import SpecialIds


def artifact_generator(directory, runtime, manifest, seed=0, stops=()):
    """A `TextGenerator`.

    Args:
        directory: path of the artifact.
        runtime: name of the format.
        manifest: the artifact's manifest, a dict.
        seed: of the first text where it samples: see `TextGenerator`.
        stops: strings at which texts end, beside those of the export.

    Raises:
        InputError: if the artifact does not hold that format.
    """
    fmt = format_of(directory, runtime, manifest)
    functions = fmt.signatures(Path(directory), names_of(runtime, manifest))
    return generator_of(functions, directory, runtime, manifest, seed, stops)


def names_of(runtime, manifest):
    """The names of the signatures that a format holds."""
    return [name for name, each in manifest["signatures"].items() if runtime in each["formats"]]


def generator_of(functions, directory, runtime, manifest, seed=0, stops=()):
    """As `artifact_generator`, with the functions of the signatures: a dict."""
    decoding = manifest["decoding"]
    options = METHODS[decoding["method"]]
    generator = TextGenerator(
        load_language_model_tokenizer(Path(directory) / "tokenizer"),
        functions["ids"],
        functions["score"],
        decoding["context"],
        search=options(**fields_of_manifest(decoding)),
        special_ids=SpecialIds.of(manifest["special_ids"]),
        forbidden_ids=manifest["forbidden_ids"],
        reader=_reader(functions, runtime, manifest),
        stops=(*decoding["stop"], *stops),
        seed=seed or 0,
    )
    generator.strings = functions.get("serving_default")  # of text, where the format takes it
    return generator


def _reader(functions, runtime, manifest):
    """A function that makes a `StepReader`; None where the artifact has no steps."""
    if "decode" not in functions:
        return None
    steps = manifest["steps"]
    caches = manifest["signatures"]["decode"]["inputs"]
    size = steps["cache_length"][runtime]
    shapes = {
        name: (*shape[:2], size, *shape[3:])
        for name, (_, shape) in caches.items()
        if name.startswith("kv_cache_")
    }
    context = manifest["decoding"]["context"]
    return functools.partial(StepReader, functions, steps["prefill_lengths"], shapes, context)


def require_language_model_manifest(name, manifest):
    """Raises `InputError` unless a manifest says how its artifact generates.

    Args:
        name: of the manifest, for the message.
        manifest: a dict.
    """
    decoding = manifest["decoding"]
    known = {
        "method": (f"one of {', '.join(METHODS)}", lambda value: value in tuple(METHODS)),
        "context": ("a positive integer", is_size),
        "stop": (
            "a list of strings",
            lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
        ),
    }
    require_fields(decoding, known, f"{name}, decoding")
    options = METHODS[decoding["method"]]
    fields = [field.name for field in dataclasses.fields(options) if field.name not in LATER]
    wanted = f"as {decoding['method']} has {', '.join(fields)}"
    anything = {field: (wanted, lambda value: True) for field in fields}
    require_fields(decoding, anything, f"{name}, decoding")
    try:
        options(**fields_of_manifest(decoding))
        SpecialIds.of(manifest["special_ids"])
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
    signatures = manifest["signatures"]
    if "decode" in signatures:
        steps = {
            "prefill_lengths": (
                "a list of positive integers",
                lambda value: isinstance(value, list) and value and all(map(is_size, value)),
            ),
            "cache_length": (
                "an object of positive integers or null",
                lambda value: (
                    is_object(value)
                    and set(manifest["formats"]) <= value.keys()
                    and all(size is None or is_size(size) for size in value.values())
                ),
            ),
        }
        require_fields(manifest["steps"], steps, f"{name}, steps")


MANIFEST_FIELDS = {
    "decoding": ("an object", is_object),
    "special_ids": ("an object", is_object),
    "forbidden_ids": (
        "a list of ids",
        lambda value: isinstance(value, list) and all(type(i) is int and i >= 0 for i in value),
    ),
    "steps": ("an object", is_object),
    "adds_start": ("true or false", lambda value: isinstance(value, bool)),
}
