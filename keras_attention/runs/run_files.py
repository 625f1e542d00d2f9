"""The files of a run directory."""

import contextlib
import os
import tempfile
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.files import writing
from keras_attention.json_file import read_json_object
from keras_attention.runs.run_digests import verify_digests, write_digests


def read_config(path):
    """The config of a run directory, a dict.

    Raises:
        InputError: if `path` is not a run directory.
    """
    try:
        return read_json_object(Path(path) / "config.json")
    except OSError as error:
        raise InputError(
            f"{path}: neither a run directory (no config.json) nor an artifact (no manifest.json)."
        ) from error


def read_model(path):
    """The Keras model of a run directory.

    Before Keras sees it, the file is compared with its sha256 and looked through: see
    `check_keras_archive`.

    Raises:
        InputError: if the run is not finished, a file of it is not as it was written, or its model
        is none that training writes: another class, other members, weights that are not finite.
    """
    import keras  # here: the artifacts' runtimes need neither it nor TensorFlow

    from keras_attention.runs.keras_archive import check_keras_archive
    from keras_attention.runs.limited_variables import limited_variables

    path = Path(path) / "model.keras"
    if not path.exists():
        raise InputError(
            f"{path.parent} is not finished: there is no model.keras. Train on with --resume."
        )
    verify_digests(path.parent)
    size = check_keras_archive(path)
    too_large = MemoryError(f"its config describes more than twice the {size:,} numbers it holds")
    try:
        with limited_variables(2 * size, too_large):
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # Whatever a config that fits no class makes that class raise.
    except Exception as error:
        raise InputError(f"{path}: cannot be loaded ({_reason(error)}).") from error
    _require_finite(path, model)
    return model


def _reason(error):
    """The first error of those that Keras wraps into its own, in one line."""
    while error.__context__ is not None:
        error = error.__context__
    return one_line(error)


def _require_finite(path, model):
    from keras import backend, ops

    broken = [
        variable.path
        for variable in model.variables
        if backend.is_float_dtype(variable.dtype) and not ops.all(ops.isfinite(variable))
    ]
    if broken:
        others = f" and {len(broken) - 5:,} more" if len(broken) > 5 else ""
        raise InputError(
            f"{path} holds numbers that are not finite in {', '.join(broken[:5])}{others}."
        )


def save_model_atomically(model, path):
    """`model.save(path)`, complete or not at all, and the digests of what belongs to it.

    What `compile` gave the model is left out: snapshots hold the optimizer, and it is twice as
    large as the weights.

    Raises:
        InputError: if it cannot be written: the disk is full, or the directory is read-only.
    """
    path = Path(path)
    for left in path.parent.glob(f".{path.stem}.*.keras"):  # by a process killed while saving
        left.unlink(missing_ok=True)
    with writing(path):
        descriptor, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}.", suffix=".keras"
        )
        os.close(descriptor)
        try:
            with _without_training(model):
                model.save(temporary)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            write_digests(path.parent, temporary)  # before the model, which says that all is done
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _without_training(model):
    """A model as before `compile`, for as long: of Keras' format the optimizer is a part."""
    if not model.compiled:
        yield
        return
    optimizer = model.optimizer
    model.optimizer, model.compiled = None, False
    try:
        yield
    finally:
        model.optimizer, model.compiled = optimizer, True
