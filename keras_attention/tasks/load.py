"""`keras_attention.load`: whatever was trained or exported, as an object that takes strings."""

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS, RUNTIMES
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

ATTEMPTS = 20  # to read a directory that others replace


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
        **options: how a translator decodes: fields of `keras_attention.decoding.SearchOptions`,
            such as `beam_size`, or `sample=True` and fields of `SamplingOptions`. A run has
            defaults in its config; an artifact can do what it was exported with only.

    Returns:
        A `TextTranslator` with `translate(list of str) -> list of str`, a `TextClassifier` with
        `classify(list of str) -> list of str`, or an `IdsModel` with `outputs(list of str)`. Where
        the model tells classes apart, `labels` are their names.

    Raises:
        InputError: if `path` is neither, does not hold that format, holds a file that is not what
        its manifest says, or was exported with other options. A directory that is replaced
        meanwhile is loaded as it was before or as it is after.
        ValueError: if an option is out of range.

    >>> keras_attention.load("artifact", runtime="tflite").translate(["three hundred and two"])
    ['dreihundertzwei']
    """
    path = Path(path)
    if runtime is not None and runtime not in RUNTIMES:
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
        files = (FORMATS[runtime].root, "tokenizer/")
        verify_files(path, files, manifest)
        refuse_unlisted(path, manifest, files)
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
    """`read(directory)` of a run or an artifact, whose files are of each other.

    A directory may be replaced while its files are read one after the other. So it is opened once:
    whatever takes its name later, `read` goes on in the old one. Where its files are removed or
    overwritten meanwhile, their inodes, sizes and times show it. Then all is read again, from a
    copy: to make that takes less time than to load it, so that even a directory that is replaced
    all the time is read.

    Args:
        path: of the run or the artifact.
        read: function of a path that leads there to whatever it makes of the files. What it has
            made needs them no more.

    Returns:
        What `read` returns.

    Raises:
        Whatever `read` raises of files that do not change.
        InputError: if they change whenever they are read.
    """
    path = Path(path)
    with _pinned(path) as source:
        before = _state(source)
        try:
            found = _read(source, path, read)
            if _state(source) == before:
                return found
        except Exception:
            if _state(source) == before:
                raise
    for _ in range(ATTEMPTS):
        with _copy(path) as copy:
            if copy is not None:
                return _read(copy, path, read)
    raise InputError(f"{path} is being replaced again and again; it could not be read whole.")


def _read(source, path, read):
    """`read(source)`, whose errors name `path`."""
    try:
        return read(source)
    except InputError as error:
        if type(error) is not InputError or str(source) not in str(error):
            raise
        raise InputError(str(error).replace(str(source), str(path))) from error


def _state(path):
    """What changes when a file that is read is replaced or written."""
    return {name: _stamp(path / name) for name in _names(path)}


def _names(path):
    tokenizer = [f"{TOKENIZER}/{name}" for name in _listed(path / TOKENIZER)]
    files = json_object_or_empty(path / "manifest.json").get("files")
    others = files if isinstance(files, dict) else ()
    inside = [name for name in others if _is_inside(name)]
    return {"", "manifest.json", CONFIG, DIGESTS, MODEL, *tokenizer, *inside}


def _is_inside(name):
    """Whether a path, of a manifest that may say anything, leads below its directory."""
    return not name.startswith("/") and ".." not in PurePosixPath(name).parts


def _listed(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def _stamp(path):
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a manifest may say anything
        return None
    if stat.S_ISDIR(found.st_mode):  # whose times change with files that nobody reads
        return found.st_dev, found.st_ino
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def _copy(path):
    """The directory of a copy of the files that are read; None if they have changed meanwhile."""
    with tempfile.TemporaryDirectory(prefix="keras_attention-") as folder, _pinned(path) as source:
        copy = Path(folder) / (path.name or "copy")
        copy.mkdir()
        before = _state(source)
        for name in _names(source):
            if (source / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                with suppress(OSError):  # it is being removed, which the state shows
                    shutil.copyfile(source / name, copy / name)
        yield copy if _state(source) == before else None


@contextmanager
def _pinned(path):
    """A path that leads to the directory that is at `path` now, whatever takes its name later."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, AttributeError):  # it is not there, or this is not POSIX
        yield path
        return
    try:
        yield Path(f"/proc/self/fd/{descriptor}") if _is_pinned() else path
    finally:
        os.close(descriptor)


def _is_pinned():
    """Whether the system has paths of open directories, as Linux has."""
    return os.path.isdir("/proc/self/fd")
