"""The files of a run directory."""

import json
import os
import tempfile
from pathlib import Path

from keras_attention._validation import InputError


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


def read_model(path):
    """The Keras model of a run directory.

    Raises:
        InputError: if the run is not finished, or its model cannot be loaded in safe mode.
    """
    import keras  # here: the artifacts' runtimes need neither it nor TensorFlow

    path = Path(path) / "model.keras"
    if not path.exists():
        raise InputError(
            f"{path.parent} is not finished: there is no model.keras. Train on with --resume."
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise InputError(f"{path}: cannot be loaded ({error}).") from error


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
