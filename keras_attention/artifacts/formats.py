"""The forms of an artifact, written from two functions: what all kinds of models share."""

import shutil

from keras_attention._validation import InputError
from keras_attention.artifacts.onnx import onnx_ops, write_onnx
from keras_attention.artifacts.parity import check_ops
from keras_attention.artifacts.saved_model import saved_model_ops, write_saved_model
from keras_attention.artifacts.tflite import tflite_ops, write_tflite

FORMATS = ("tf_saved_model", "tflite", "onnx")


def require_formats(formats):
    """Raises `InputError` unless `formats` are some of `FORMATS`."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(
            f"Unknown format {', '.join(map(repr, unknown)) or '(none)'}; expected some of "
            f"{', '.join(FORMATS)}."
        )


def write_forms(directory, formats, model, tokenizers, ids, text, precision, say):
    """Writes the forms into the directory of an artifact.

    Args:
        directory: path.
        formats: some of `FORMATS`.
        model: the Keras model.
        tokenizers: dict of the `tf.Module`s that `text` uses, by name.
        ids: `tf.function` of ids to tensors: the one graph that all forms hold.
        text: `tf.function` of strings around it, for the SavedModel.
        precision: of TFLite and ONNX.
        say: function that is told of progress.

    Returns:
        The operators of each form, and how those in lower precision are stored: two dicts.

    Raises:
        ParityError: if a form holds operators that are not standard.
    """
    # The SavedModel is always made: TFLite is converted from it.
    saved_model = directory / "saved_model" / "1"
    say("writing the SavedModel")
    write_saved_model(saved_model, model, tokenizers, ids, text)
    ops, storage = {}, {}
    if "tflite" in formats:
        say("converting to TFLite")
        storage["tflite"] = write_tflite(directory / "model.tflite", saved_model, precision)
        ops["tflite"] = tflite_ops(directory / "model.tflite")
    if "onnx" in formats:
        say("converting to ONNX")
        storage["onnx"] = write_onnx(directory / "model.onnx", ids, precision)
        ops["onnx"] = onnx_ops(directory / "model.onnx")
    check_ops(ops)
    if "tf_saved_model" not in formats:
        shutil.rmtree(directory / "saved_model")
    else:
        ops["tf_saved_model"] = saved_model_ops(saved_model)
    return ops, {name: stored for name, stored in storage.items() if stored}
