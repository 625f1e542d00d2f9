"""JSON files that hold their own sha256."""

import hashlib
import json

from keras_attention._validation import InputError
from keras_attention.files import write_atomically
from keras_attention.json_file import read_json_object

LARGEST = 1 << 28  # bytes: of a corpus there are numbers for each piece
SIGNATURE = "sha256"
RUN = "run"  # the id of the run that a file belongs to: see `TrainingRun`


def write_signed(path, values):
    """Writes a dict of JSON values with its sha256, which shows any change."""
    values = {**values, SIGNATURE: _digest(values)}
    write_atomically(path, json.dumps(values, ensure_ascii=False).encode())


def read_signed(path, run=None):
    """The dict that `write_signed` wrote.

    Args:
        path: of the file.
        run: the id that it must have under `RUN`, and that is left out; None for any.

    Raises:
        InputError: if the file cannot be read, is torn, has been changed or is of another run.
    """
    try:
        values = read_json_object(path, LARGEST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    signature = values.pop(SIGNATURE, None)
    if signature != _digest(values):
        raise InputError(f"{path} has been changed: it is not as its {SIGNATURE} says.")
    if run is not None and values.pop(RUN, None) != run:
        raise InputError(f"{path} is of another run than the files beside it.")
    return values


def _digest(values):
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
