"""digests.json of a run: the model and the tokenizer that belong together, as they were written."""

import json
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.digests import digest, file_names, require_entries, verify_entries
from keras_attention.files import write_atomically
from keras_attention.json_file import read_json_object

NAME = "digests.json"
TOKENIZER = "tokenizer"


def write_digests(path, model):
    """Writes the sha256 and the size of a run's model and of the files of its tokenizer.

    Args:
        path: the run directory.
        model: the file that becomes its model.keras.
    """
    path = Path(path)
    entries = {"model.keras": digest(model)}
    for name in file_names(path / TOKENIZER):
        entries[f"{TOKENIZER}/{name}"] = digest(path / TOKENIZER / name)
    write_atomically(path / NAME, json.dumps(entries, indent=2).encode())


def verify_digests(path):
    """Raises `InputError`, naming them all, unless a run's files are as they were written.

    A file beside them that is not of the tokenizer would be read as if it were: it is named too.
    """
    path = Path(path)
    try:
        entries = read_json_object(path / NAME)
    except OSError as error:
        raise InputError(
            f"{path} is not whole: {NAME} cannot be read ({error.strerror or error}); expected "
            "what training wrote."
        ) from error
    require_entries(entries, path / NAME)
    if "model.keras" not in entries:
        raise InputError(f"{path / NAME}: expected an entry of model.keras.")
    verify_entries(path, entries, f"its {NAME} says")
    others = [
        name
        for name in (f"{TOKENIZER}/{name}" for name in file_names(path / TOKENIZER))
        if name not in entries
    ]
    if others:
        raise InputError(
            f"{path} is not as its {NAME} says: {', '.join(others)} is not of its tokenizer."
        )
