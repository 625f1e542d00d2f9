"""The files of a run directory: config, model, tokenizer, and the digests that hold them together.

`digests.json` holds the sha256 and the size of the model, the config and the tokenizer's files, as
they were written. Whoever reads a run compares them first.
"""

import contextlib
import json
import os
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.digests import digest, file_names, require_entries, verify_entries
from keras_attention.files import is_temporary, temporary_name, write_atomically, writing
from keras_attention.json_file import json_object_or_empty, read_json_object
from keras_attention.runs.run_files import changed_run

CONFIG = "config.json"
DATA = "data.json"
DIGESTS = "digests.json"
MODEL = "model.keras"
TOKENIZER = "tokenizer"


def read_config(path):
    """The config of a run directory, a dict.

    Raises:
        InputError: if `path` is not a run directory. Of a published one it says what takes it.
    """
    try:
        config = read_json_object(Path(path) / CONFIG)
    except OSError as error:
        if "kind" in json_object_or_empty(Path(path) / "manifest.json"):
            raise InputError(
                f"{path} is an artifact, which holds no Keras model; give the run that it was "
                "exported from."
            ) from error
        if os.path.lexists(Path(path) / CONFIG):
            raise InputError(f"{path}/{CONFIG} cannot be read: {error.strerror}.") from error
        raise InputError(
            f"{path}: neither a run directory (no config.json) nor an artifact (no manifest.json)."
        ) from error
    if is_published(path):
        raise InputError(
            f"{path} is a published (HuggingFace) directory, not a run: `keras-attention import "
            f"{path}` makes a run of it, and `keras-attention inspect {path}` says "
            "what it holds."
        )
    if "kind" not in config:
        raise InputError(
            f"{path} is not a run: its config.json has no `kind`, such as 'classifier'."
        )
    return config


def is_published(path):
    """Whether a directory looks like one of HuggingFace's: its config.json says so."""
    config = json_object_or_empty(Path(path) / CONFIG)
    return "kind" not in config and ("model_type" in config or "architectures" in config)


def write_config(path, config):
    """Writes a dict of JSON values as the config of the run directory `path`."""
    text = json.dumps(config, indent=2, ensure_ascii=False)
    write_atomically(Path(path) / CONFIG, text.encode())


def read_model(path, custom_objects=None):
    """The Keras model of a run directory.

    Before Keras sees the file, it is compared with its sha256 and looked through: see
    `check_keras_archive`.

    Args:
        path: the run directory.
        custom_objects: dict from a name to the user's class or function that the model holds under
            that name. Other classes than these, this package's and a few of Keras are refused.

    Raises:
        ValueError: if `custom_objects` are something else.
        InputError: if the run is not finished, a file of it is not as it was written, or its model
            is none that training writes: another class, other members, weights that are not finite.
    """
    from keras_attention.runs.custom_objects import names_of, require_custom_objects

    require_custom_objects(custom_objects)
    path = Path(path) / MODEL
    if not path.exists():
        raise InputError(
            f"{path.parent} is not finished: there is no {MODEL}. Train on with `resume`."
        )
    verify_digests(path.parent)
    if custom_objects:
        named = names_of(custom_objects.values(), given=custom_objects)
        custom_objects = {**named, **custom_objects}
    return _read(path, custom_objects)


def _read(path, custom_objects):
    """The model of a `.keras` file that may be anybody's."""
    import keras  # here: the artifacts' runtimes need neither it nor TensorFlow

    from keras_attention.runs.keras_archive import check_keras_archive, limited_variables

    size = check_keras_archive(path, custom_objects)
    too_large = MemoryError(f"its config describes more than twice the {size:,} numbers it holds")
    try:
        with limited_variables(2 * size, too_large):
            model = keras.saving.load_model(
                path, custom_objects=custom_objects, compile=False, safe_mode=True
            )
    except Exception as error:  # whatever a config that fits no class makes that class raise
        raise InputError(f"{path}: cannot be loaded ({_reason(error)}).") from error
    _require_finite(path, model)
    return model


def _reason(error):
    """The first error of those that Keras wraps into its own, in one line."""
    while error.__context__ is not None:
        error = error.__context__
    return one_line(error)


def _require_finite(what, model):
    import numpy as np
    from keras import backend

    broken = [
        variable.path
        for variable in model.variables
        if backend.is_float_dtype(variable.dtype) and not np.isfinite(variable.numpy()).all()
    ]
    if broken:
        others = f" and {len(broken) - 5:,} more" if len(broken) > 5 else ""
        raise InputError(
            f"{what} holds numbers that are not finite in {', '.join(broken[:5])}{others}."
        )


def require_loadable(path, model):
    """Raises `InputError` if nothing could load what `save_model_atomically` has written.

    The user's own classes and functions pass, for whoever loads it can give them. It is loaded with
    those that are in memory, unless it is made of this package's classes alone.

    Args:
        path: of the file.
        model: what was written.
    """
    import random

    from keras_attention.keras_private import layers_within
    from keras_attention.runs.custom_objects import objects_in_memory
    from keras_attention.runs.keras_archive import check_keras_archive, config_of

    path = Path(path)
    try:
        check_keras_archive(path, any_own=True)
        classes = {type(layer) for layer in layers_within(model)} | {type(model)}
        own = objects_in_memory(config_of(path), classes)
        if own == {} and type(model).__module__.startswith("keras_attention."):
            return
        if own is not None:
            state = random.getstate()  # of which Keras draws seeds for weights that are read next
            try:
                _read(path, own)
            finally:
                random.setstate(state)
    except InputError as error:
        reason = str(error).removeprefix(str(path)).lstrip(":, ")
        raise InputError(
            f"{Path(path).parent}: not written, for nothing could load this model: {reason}"
        ) from error


def save_model_atomically(model, path):
    """`model.save(path)`, complete or not at all, and the digests of the run that it belongs to.

    The file holds no optimizer: that is twice as large as the weights, and snapshots hold it. Where
    the run has a model, model and digests are replaced together: see `changed_run`.

    Raises:
        InputError: if the model holds numbers that are not finite, which `read_model` would refuse;
            or if it cannot be written: the disk is full, or the directory is read-only.
    """
    path = Path(path)
    if path.exists():
        with changed_run(path.parent, without=[path.name]) as run:
            _save(model, run / path.name)
    else:
        _save(model, path)


def _save(model, path):
    _require_finite(f"{path.parent}: not written, for the model", model)
    for left in path.parent.glob(".*.keras"):
        if is_temporary(left.name) == path.name:  # by a process killed while saving
            left.unlink(missing_ok=True)
    with writing(path):
        temporary = temporary_name(path.with_suffix(""), ".keras")
        try:
            with _without_training(model):
                _write(model, temporary)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            write_digests(path.parent, temporary)  # before the model, which says that all is done
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _write(model, path):
    try:
        model.save(path)
    except NotImplementedError as error:  # by a layer whose arguments Keras cannot write down
        raise InputError(
            f"{path.parent}: not written, for Keras cannot save the model: {one_line(error)}"
        ) from error


@contextlib.contextmanager
def _without_training(model):
    """In the block the model is as before `compile`: Keras' format includes the optimizer."""
    if not model.compiled:
        yield
        return
    optimizer = model.optimizer
    model.optimizer, model.compiled = None, False
    try:
        yield
    finally:
        model.optimizer, model.compiled = optimizer, True


def write_digests(path, model=None):
    """Writes the sha256 and the size of the files of a run that do not change while it trains.

    Args:
        path: the run directory.
        model: the file that becomes its model.keras; None where there is none yet.
    """
    path = Path(path)
    entries = {} if model is None else {MODEL: digest(model)}
    for name in (CONFIG, DATA, *(f"{TOKENIZER}/{name}" for name in file_names(path / TOKENIZER))):
        if (path / name).is_file():
            entries[name] = digest(path / name)
    write_atomically(path / DIGESTS, json.dumps(entries, indent=2).encode())


def verify_digests(path, is_finished=True, needed=()):
    """Raises `InputError`, naming them all, unless a run's files are as they were written.

    A file in the tokenizer's directory that is not listed would be read with the others: it is
    named too.

    Args:
        path: the run directory.
        is_finished: whether it has a model.
        needed: names of further files that it must have.
    """
    path = Path(path)
    try:
        entries = read_json_object(path / DIGESTS)
    except OSError as error:
        raise InputError(
            f"{path} is not whole: {DIGESTS} cannot be read ({error.strerror or error}); expected "
            "what training wrote."
        ) from error
    require_entries(entries, path / DIGESTS)
    if not is_finished:  # a model that was about to appear is saved again
        entries.pop(MODEL, None)
    needed = [CONFIG, *([MODEL] if is_finished else []), *needed]
    absent = [name for name in needed if name not in entries]
    if absent:
        raise InputError(f"{path / DIGESTS}: expected an entry of {' and '.join(absent)}.")
    verify_entries(path, entries, f"its {DIGESTS} says")
    others = [
        name
        for name in (f"{TOKENIZER}/{name}" for name in file_names(path / TOKENIZER))
        if name not in entries
    ]
    if others:
        raise InputError(
            f"{path} is not as its {DIGESTS} says: {', '.join(others)} is not of its tokenizer."
        )
