"""What a manifest must say before an artifact is loaded by it."""

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS
from keras_attention.json_file import require_fields, shortened


def require_artifact(path, manifest, fields):
    """Raises `InputError` unless a manifest says all that loading asks it, in values of that type.

    Args:
        path: of the manifest, for the message.
        manifest: from `read_manifest`, of a known kind.
        fields: what else it must say, for `require_fields`.
    """
    for name in manifest["formats"]:
        if name not in FORMATS:
            raise InputError(
                f"{path}: `formats` must be some of {', '.join(FORMATS)}. "
                f"Received: {shortened(name)}"
            )
        if FORMATS[name].main_file not in manifest["files"]:
            raise InputError(
                f"{path}: expected {FORMATS[name].main_file}, of the format {name}, in `files`."
            )
    require_fields(manifest, fields, path)
