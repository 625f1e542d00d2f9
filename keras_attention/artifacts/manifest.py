"""manifest.json: what an artifact holds, how it was made, and the proof that it agrees."""

import hashlib
import importlib.metadata
import json
import os
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import ALL_FORMATS
from keras_attention.artifacts.quantization import PRECISIONS
from keras_attention.digests import file_digests, file_names, require_entries, verify_entries
from keras_attention.files import other_names, write_atomically
from keras_attention.json_file import (
    is_list_of_names,
    is_number,
    is_object,
    is_string,
    read_json_object,
    require_fields,
    shortened,
)

# What says where the model comes from: its sizes, or the weights it began with.
SIZES = ("architecture", "family", "preset")
ORIGIN = (*SIZES, "initial_weights")
PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-text",
    "ai-edge-litert",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "sentencepiece",
)


# What the fields must be, for `require_fields`: a digest says nothing of that, because a manifest
# can be signed again. `_SIGNATURES` is needed to load an artifact, the others to describe it.
def _is_array(value):
    """Whether this is a pair of a dtype and a shape."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and is_string(value[0])
        and isinstance(value[1], list)
        and all(size is None or is_string(size) or type(size) is int for size in value[1])
    )


def _is_signature(value):
    return (
        is_object(value)
        and _is_list(is_string)(value.get("formats"))
        and all(_is_object_of(_is_array)(value.get(side)) for side in ("inputs", "outputs"))
    )


def _is_object_of(holds):
    return lambda value: is_object(value) and all(map(holds, value.values()))


def _is_list(holds):
    return lambda value: isinstance(value, list) and all(map(holds, value))


def _or_null(holds):
    return lambda value: value is None or holds(value)


_is_count = lambda value: type(value) is int and is_number(value) and value >= 0  # noqa: E731
_NAME = ("a name", is_string)
_NUMBER = ("a number", is_number)
_COUNT = ("a number of things, 0 or more", _is_count)

_SIGNATURES = {
    "signatures": (
        "an object with the signature `ids`, of objects with formats, inputs and outputs",
        lambda value: _is_object_of(_is_signature)(value) and "ids" in value,
    )
}
_FIELDS = {
    "precision": (f"one of {', '.join(PRECISIONS)}", lambda value: value in PRECISIONS),
    "model": (
        "an object with the name `class` and the number `parameters`",
        lambda value: (
            is_object(value)
            and is_string(value.get("class"))
            and _is_count(value.get("parameters"))
        ),
    ),
    "compared_on": ("a description of texts", is_string),
    "packages": ("an object of versions", _is_object_of(_or_null(is_string))),
    "ops": ("an object of lists of operators", _is_object_of(_is_list(is_string))),
    "parity": ("an object of lists of reports", _is_object_of(_is_list(is_object))),
}
_OPTIONAL = {
    **dict.fromkeys((*ORIGIN, "teacher"), _NAME),
    "scores": ("an object of objects", _is_object_of(is_object)),
    "lower_precision": ("an object of objects", _is_object_of(is_object)),
}
_REPORT = {
    "batch_size": _COUNT,
    "agreement": _NUMBER,
    "sentences": _COUNT,
    "ties": _COUNT,
    "milliseconds_per_sentence": _NUMBER,
}
_LOWER = {
    "precision": _FIELDS["precision"],
    "float32_bytes": _NUMBER,
    "size_ratio": _NUMBER,
    "tensors": _COUNT,
    "elements": _COUNT,
    "kept_float32": ("a sentence", is_string),
    "arithmetic": ("a sentence", is_string),
    "measure": ("a name or null", _or_null(is_string)),
    "loss": ("a number or null", _or_null(is_number)),
}
_MEASURED = {"loss_bound": _NUMBER}  # where there is a measure
_DIGITS = {"digits": ("a number from 0 to 9", lambda value: type(value) is int and 0 <= value < 10)}
_COMPARED = {"score": _NUMBER, "float32_score": _NUMBER}  # where there is a loss


def package_versions():
    """The installed versions of everything that made the artifact."""
    from keras_attention.version import __version__

    versions = {"keras_attention": __version__}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def write_manifest(directory, description):
    """Writes `description` (JSON values) with versions, digests and its own digest added."""
    manifest = {**description, "packages": package_versions(), "files": file_digests(directory)}
    text = json.dumps(signed(manifest), indent=2, ensure_ascii=False)
    write_atomically(Path(directory) / "manifest.json", text.encode())


def signed(manifest):
    """A manifest with the sha256 of all its other fields, which shows any change.

    It is the sha256 of the compact JSON with sorted names. Whoever changes a manifest by hand has
    to sign it again.
    """
    said = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return {**said, "manifest_sha256": hashlib.sha256(text.encode()).hexdigest()}


def read_manifest(directory):
    """The manifest of an artifact.

    Raises:
        InputError: if `directory` is not an artifact, or its manifest has been changed.
    """
    path = Path(directory) / "manifest.json"
    try:
        manifest = read_json_object(path)
    except OSError as error:
        unread = f"manifest.json cannot be read: {error.strerror}"
        reason = unread if os.path.lexists(path) else "no manifest.json"
        raise InputError(f"{directory}: not an artifact ({reason}).") from error
    if not {"kind", "files"} <= manifest.keys():
        raise InputError(f"{path}: not the manifest of an artifact.")
    if manifest.get("manifest_sha256") != signed(manifest)["manifest_sha256"]:
        raise InputError(f"{path} has been changed: it is not as its manifest_sha256 says.")
    formats = ("a list of different formats", is_list_of_names)
    fields = {"kind": ("a string", is_string), "formats": formats}
    require_fields(manifest, fields, path)
    require_entries(manifest["files"], path)
    return manifest


def foreign_to_artifact(directory):
    """What a directory is that no artifact may replace; None of one that is wholly an artifact.

    Other programs have files named manifest.json too. The manifest's own sha256 tells an artifact
    from these, of whatever task it is.
    """
    path = Path(directory) / "manifest.json"
    try:
        files = read_manifest(directory)["files"] if path.is_file() else None
    except InputError:
        files = None
    if files is None:
        return "a directory that is no artifact"
    others = other_names(directory, lambda name: name in files or name == "manifest.json")
    return f"an artifact that also holds {others}" if others else None


def verify_files(directory, beginnings=("",), manifest=None):
    """Raises `InputError`, naming them all, unless every file is as the manifest says.

    Args:
        directory: an artifact.
        beginnings: tuple of strings; only files whose path begins with one of them are read.
        manifest: from `read_manifest`; by default it is read here. Whoever reads other things from
            it gives it: another one could be there by now.
    """
    files = (manifest or read_manifest(directory))["files"]
    entries = {name: entry for name, entry in files.items() if name.startswith(beginnings)}
    verify_entries(directory, entries, "its manifest says")


def refuse_unlisted(directory, manifest, beginnings):
    """Raises `InputError` if there are files that the manifest does not know.

    Args:
        directory: an artifact.
        manifest: its manifest.
        beginnings: tuple of strings; only files whose path begins with one of them matter.
    """
    others = [
        name
        for name in file_names(directory)
        if name.startswith(beginnings) and name not in manifest["files"]
    ]
    if others:
        raise InputError(
            f"{directory} is not as its manifest says: {', '.join(others)} "
            f"{'is' if len(others) == 1 else 'are'} not part of it."
        )


def require_artifact(path, manifest, fields):
    """Raises `InputError` unless a manifest has all fields that loading needs, of the right types.

    Args:
        path: of the manifest, for the message.
        manifest: from `read_manifest`, of a known kind.
        fields: what else it must say, for `require_fields`.
    """
    for name in manifest["formats"]:
        if name not in ALL_FORMATS:
            raise InputError(
                f"{path}: `formats` must be some of {', '.join(ALL_FORMATS)}. "
                f"Received: {shortened(name)}"
            )
        if ALL_FORMATS[name].main_file not in manifest["files"]:
            raise InputError(
                f"{path}: expected {ALL_FORMATS[name].main_file}, of the format {name}, in `files`."
            )
    require_fields(manifest, {**_SIGNATURES, **fields}, path)


def require_described(path, manifest):
    """Raises `InputError` unless `describe_artifact` can read all that it shows.

    Args:
        path: of the manifest, for the message.
        manifest: a dict that `require_artifact` has let pass.
    """
    optional = {name: field for name, field in _OPTIONAL.items() if name in manifest}
    require_fields(manifest, {**_FIELDS, **optional}, path)
    for format_name, reports in manifest["parity"].items():
        for report in reports:
            require_fields(report, _REPORT, f"{path}, parity of {format_name}")
    for format_name, report in manifest.get("lower_precision", {}).items():
        name = f"{path}, lower_precision of {format_name}"
        require_fields(report, _LOWER, name)
        if report["measure"] is not None:
            compared = {} if report["loss"] is None else dict(_COMPARED)
            compared |= _DIGITS if "digits" in report else {}
            require_fields(report, {**_MEASURED, **compared}, name)


def describe_model(manifest):
    """What a manifest says of the Keras model, in words."""
    model = manifest["model"]
    begun, teacher = manifest.get("initial_weights"), manifest.get("teacher")
    return (
        f"the Keras model {model['class']} with {model['parameters']:,} parameters"
        f"{f', whose training began with {begun}' if begun else ''}"
        f"{f', distilled from {teacher}' if teacher else ''}"
    )


def describe_signature(signature):
    """The inputs and outputs of a manifest's signature, in one line."""
    sides = [
        ", ".join(
            f"{name} {dtype} ({', '.join(map(str, shape))})"
            for name, (dtype, shape) in signature[side].items()
        )
        for side in ("inputs", "outputs")
    ]
    return " -> ".join(sides)
