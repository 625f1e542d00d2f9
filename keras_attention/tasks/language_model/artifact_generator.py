"""A `TextGenerator` that runs one of an artifact's formats."""

import dataclasses
import functools
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import ALL_FORMATS, format_of
from keras_attention.json_file import is_object, is_size, require_fields, shortened
from keras_attention.search_options import LATER, METHODS, fields_of_manifest
from keras_attention.tasks.language_model.step_reader import StepReader
from keras_attention.tasks.language_model.text_generator import TextGenerator
from keras_attention.text.tokenizers import load_language_model_tokenizer
from keras_attention.token_ids import SpecialIds

CACHE = "kv_cache_"  # what the names of caches begin with


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
        if name.startswith(CACHE)
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
    if "decode" in manifest["signatures"]:
        _require_steps(name, manifest)
    for runtime in manifest["formats"]:
        held = names_of(runtime, manifest)
        needed = ["ids", "score"]
        if "decode" in held:
            needed += [f"prefill_{n}" for n in manifest["steps"]["prefill_lengths"]]
        absent = [f"`{each}`" for each in needed if each not in held]
        if absent:
            raise InputError(
                f"{name}: `signatures` must hold {' and '.join(absent)} of the format {runtime}. "
                f"Received: {shortened(held)}"
            )


def _require_steps(name, manifest):
    """Raises `InputError` unless a manifest says how its artifact reads token by token."""
    context = manifest["decoding"]["context"]

    def are_lengths(value):
        is_list = isinstance(value, list) and value
        return is_list and all(is_size(n) and n <= context for n in value)

    def are_sizes(value):
        return is_object(value) and all(
            is_size(value.get(runtime))
            or (ALL_FORMATS[runtime].resizes and runtime in value and value[runtime] is None)
            for runtime in manifest["formats"]
        )

    steps = {
        "prefill_lengths": (
            f"a list of integers from 1 to the context of {context:,}",
            are_lengths,
        ),
        "cache_length": (
            "an object of a positive integer for each format, or of null where caches grow",
            are_sizes,
        ),
    }
    require_fields(manifest["steps"], steps, f"{name}, steps")
    inputs = manifest["signatures"]["decode"]["inputs"]
    caches = {cache: array for cache, array in inputs.items() if cache.startswith(CACHE)}
    if not caches:
        raise InputError(
            f"{name}, decode: `inputs` must hold caches, whose names begin with {CACHE}. "
            f"Received: {shortened(list(inputs))}"
        )
    field = ("an array of float32 of shape (1, heads, positions, width)", _is_cache)
    require_fields(caches, dict.fromkeys(caches, field), f"{name}, decode")


def _is_cache(array):
    """Whether a pair of a dtype and a shape is that of a cache."""
    dtype, shape = array
    return (
        dtype == "float32"
        and len(shape) == 4
        and shape[0] == 1
        and all(is_size(shape[axis]) for axis in (1, 3))
    )


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
