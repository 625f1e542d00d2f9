"""What the fields of a manifest must be: checks for `json_file.require_fields`.

A manifest can be changed and signed again, so that its digest says nothing of whether its fields
are what an export writes. `SIGNATURES` is needed to load an artifact, the others to describe it.
"""

from keras_attention.artifacts.quantization import PRECISIONS
from keras_attention.json_file import is_number, is_object, is_string, require_fields


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

SIGNATURES = {
    "signatures": (
        "an object with the signature `ids`, of objects with formats, inputs and outputs",
        lambda value: _is_object_of(_is_signature)(value) and "ids" in value,
    )
}
_FIELDS = {
    "precision": (f"one of {', '.join(PRECISIONS)}", lambda value: value in PRECISIONS),
    "packages": ("an object of versions", _is_object_of(_or_null(is_string))),
    "ops": ("an object of lists of operators", _is_object_of(_is_list(is_string))),
    "parity": ("an object of lists of reports", _is_object_of(_is_list(is_object))),
}
# Those that some manifests alone have.
_OPTIONAL = {
    "architecture": _NAME,
    "preset": _NAME,
    "initial_weights": _NAME,
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
_COMPARED = {"score": _NUMBER, "float32_score": _NUMBER}  # where there is a loss


def require_described(path, manifest):
    """Raises `InputError` unless `describe_artifact` can read all that it shows.

    Args:
        path: of the manifest, for the message.
        manifest: a dict that `require_artifact` has let pass.
    """
    optional = {name: field for name, field in _OPTIONAL.items() if name in manifest}
    require_fields(manifest, {**_FIELDS, **optional}, path)
    for form, reports in manifest["parity"].items():
        for report in reports:
            require_fields(report, _REPORT, f"{path}, parity of {form}")
    for form, report in manifest.get("lower_precision", {}).items():
        name = f"{path}, lower_precision of {form}"
        require_fields(report, _LOWER, name)
        if report["measure"] is not None:
            compared = {} if report["loss"] is None else _COMPARED
            require_fields(report, {**_MEASURED, **compared}, name)
