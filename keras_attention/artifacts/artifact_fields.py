"""What a manifest must say before an artifact is loaded by it."""

import dataclasses

from keras_attention._validation import InputError
from keras_attention.json_file import (
    is_boolean,
    is_list_of_strings,
    is_size,
    require_fields,
    shortened,
)
from keras_attention.search_options import SamplingOptions, SearchOptions

# The file of each form without which there is nothing to load.
MAIN_FILES = {
    "tf_saved_model": "saved_model/1/saved_model.pb",
    "tflite": "model.tflite",
    "onnx": "model.onnx",
}
METHODS = {"greedy": SearchOptions, "beam": SearchOptions, "sampling": SamplingOptions}
FIELDS = {
    "translator": {"decoding": ("an object", lambda value: isinstance(value, dict))},
    "classifier": {
        "labels": ("a list of names", is_list_of_strings),
        "takes_pairs": ("true or false", is_boolean),
        "max_length": ("an integer of at least 3", lambda value: is_size(value) and value >= 3),
    },
}


def require_artifact(path, manifest):
    """Raises `InputError` unless a manifest says all that loading asks it, in values of that type.

    Args:
        path: of the manifest, for the message.
        manifest: from `read_manifest`, of a known kind.
    """
    for form in manifest["formats"]:
        if form not in MAIN_FILES:
            raise InputError(
                f"{path}: `formats` must be some of {', '.join(MAIN_FILES)}. "
                f"Received: {shortened(form)}"
            )
        if MAIN_FILES[form] not in manifest["files"]:
            raise InputError(
                f"{path}: expected {MAIN_FILES[form]}, of the form {form}, in `files`."
            )
    require_fields(manifest, FIELDS[manifest["kind"]], path)
    if manifest["kind"] == "translator":
        _require_decoding(f"{path}, decoding", manifest["decoding"])


def _require_decoding(name, decoding):
    known = {
        "method": (f"one of {', '.join(METHODS)}", lambda value: value in tuple(METHODS)),
        "max_source_length": ("a positive integer", is_size),
    }
    require_fields(decoding, known, name)
    options = METHODS[decoding["method"]]
    fields = [field.name for field in dataclasses.fields(options)]
    wanted = f"as {decoding['method']} has {', '.join(fields)}"
    require_fields(decoding, {field: (wanted, lambda value: True) for field in fields}, name)
    try:
        options(**{field: decoding[field] for field in fields})
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
