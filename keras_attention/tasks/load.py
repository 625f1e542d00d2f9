"""`keras_attention.load`: whatever was trained or exported, as an object that takes strings."""

from pathlib import Path, PurePosixPath

from keras_attention import json_file
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import ALL_FORMATS, ON_REQUEST, RUNTIMES
from keras_attention.artifacts.manifest import (
    read_manifest,
    refuse_unlisted,
    require_artifact,
    verify_files,
)
from keras_attention.json_file import json_object_or_empty
from keras_attention.runs.run_directory import (
    CONFIG,
    DIGESTS,
    MODEL,
    TOKENIZER,
    read_config,
    read_model,
)
from keras_attention.tasks import task_of


def load(path, runtime=None, custom_objects=None, *, seed=None, kind=None, **options):
    """Loads a run directory or an artifact.

    Args:
        path: what `keras-attention train` or `keras-attention export` wrote.
        runtime: "keras" for a run; "tf_saved_model", "tflite" or "onnx" for an artifact. By default
            Keras for a run and the first format that it holds for an artifact.
        custom_objects: dict from a name to the user's own class or function, for a run whose model
            holds such.
        seed: integer, where it samples: the text at index i of a list is sampled with the seed
            `seed + i`; 0 by default.
        kind: "translator", "classifier", ... to refuse all others.
        **options: how a translator or a language model decodes: fields of
            `keras_attention.decoding.SearchOptions`, such as `beam_size`, or
            `sample=True` and fields of `SamplingOptions`; of a language model also `stop`. A run
            has defaults in its config; an artifact can do what it was exported with only.

    Returns:
        A `TextTranslator` with `translate(list of str) -> list of str`, a `TextClassifier` with
        `classify(list of str) -> list of str`, a `TextEmbedder` with `embed(list of str) -> (N, D)
        float32`, a `TextGenerator` with `generate(list of str, max_new_tokens=...) -> list of str`
        and `stream(str)`, or an `IdsModel` with `outputs(list of str)`. Where the model tells
        classes apart, `labels` are their names.

    Raises:
        InputError: if `path` is neither, does not hold that format, holds a file that is not what
        its manifest says, or was exported with other options. A directory that is replaced
        meanwhile is loaded as it was before or as it is after.
        ValueError: if an option is out of range.

    >>> keras_attention.load("artifact", runtime="tflite").translate(["three hundred and two"])
    ['dreihundertzwei']
    """
    path = Path(path)
    if runtime is not None and runtime not in (*RUNTIMES, *ON_REQUEST):
        raise InputError(f"Unknown runtime {runtime!r}; expected one of {', '.join(RUNTIMES)}.")
    return whole_read(
        path, lambda path: _load(path, runtime, custom_objects, seed=seed, kind=kind, **options)
    )


def _load(path, runtime, custom_objects, **asked):
    if not (path / "manifest.json").exists():
        if runtime not in (None, "keras"):
            raise InputError(
                f"{path} is no artifact; the runtime {runtime!r} needs one: export it first."
            )
        task, config, model, tokenizer, answer = _read_run(path, custom_objects, **asked)
        return task.wrap(model, tokenizer, config, answer)
    if runtime == "keras":
        raise InputError(f"{path} is an artifact; the runtime 'keras' needs a run directory.")
    task, manifest, answer = read_artifact(path, **asked)
    runtime = runtime or manifest["formats"][0]
    if runtime in manifest["formats"]:
        own = (*ALL_FORMATS[runtime].roots, "tokenizer/")
        verify_files(path, own, manifest)
        refuse_unlisted(path, manifest, own)
    return task.open(path, runtime, manifest, answer)


def read_artifact(path, *, seed=None, kind=None, **options):
    """The manifest of an artifact that can be loaded; its files are not read.

    Args:
        path: the artifact.
        seed, kind, **options: those of `load`.

    Returns:
        The `Task`, the manifest, and how it is to answer, for `Task.open`.

    Raises:
        InputError: see `load`.
    """
    path = Path(path)
    manifest = read_manifest(path)
    task = task_of(manifest["kind"], f"{path} is an artifact", kind)
    require_artifact(path / "manifest.json", manifest, task.manifest_fields)
    task.require_manifest(path / "manifest.json", manifest)
    return task, manifest, task.artifact_options(path, manifest, seed, **options)


def load_run(path, custom_objects=None, *, seed=None, kind=None, **options):
    """What was trained, in Keras: its model is `.model`.

    Args:
        path: the run directory.
        custom_objects, seed, kind: those of `load`.
        **options: how the task's model answers, over what the run's config says: of a translator
            fields of `keras_attention.decoding.SearchOptions`, or `sample=True` and fields of
            `SamplingOptions`.

    Returns:
        The task's object for users, such as a `TextTranslator` or a `TextClassifier`.

    Raises:
        InputError: if `path` is not a finished run, or of another kind.
        ValueError: if an option is out of range.
    """
    task, config, model, tokenizer, answer = read_run(
        path, custom_objects, seed=seed, kind=kind, **options
    )
    return task.wrap(model, tokenizer, config, answer)


def read_run(path, custom_objects=None, *, seed=None, kind=None, **options):
    """What a run holds, once it is known to belong together: the arguments are `load_run`'s.

    Returns:
        The `Task`, the config, the Keras model, its tokenizer, and how it is to answer, for
        `Task.wrap`.

    Raises:
        InputError, ValueError: see `load_run`.
    """
    return whole_read(
        path, lambda path: _read_run(path, custom_objects, seed=seed, kind=kind, **options)
    )


def _read_run(path, custom_objects, *, seed, kind, **options):
    config = read_config(path)
    task = task_of(config.get("kind"), f"{path} is a run", kind)
    answer = task.run_options(path, config, seed, **options)
    model = read_model(path, custom_objects)
    tokenizer = task.load_tokenizer(path / TOKENIZER)
    task.require_fit(path, config, model, tokenizer)
    return task, config, model, tokenizer, answer


def whole_read(path, read):
    """`json_file.whole_read` of a run or an artifact."""
    return json_file.whole_read(path, read, names_of_run)


def names_of_run(path):
    """The files of a run or an artifact that loading it reads."""
    tokenizer = [f"{TOKENIZER}/{name}" for name in json_file.listed(path / TOKENIZER)]
    others = json_object_or_empty(path / "manifest.json").get("files")
    others = others if isinstance(others, dict) else ()
    inside = [name for name in others if _is_inside(name)]
    return {"manifest.json", CONFIG, DIGESTS, MODEL, *tokenizer, *inside}


def _is_inside(name):
    """Whether a path, of a manifest that may say anything, leads below its directory."""
    return not name.startswith("/") and ".." not in PurePosixPath(name).parts
