"""The files of an artifact, all of the same one, whoever replaces it meanwhile."""

import hashlib
import json
import sys
import time
from pathlib import Path

ATTEMPTS = 5


def read_artifact(directory, kind, model):
    """The manifest of an artifact, and the bytes of its model and of its tokenizer's files.

    `manifest.json` has the sha256 of every other file. Where one differs, the artifact is being
    replaced: then all is read again.

    Args:
        directory: of the artifact.
        kind: what it must be: "translator", "classifier" or "embedding".
        model: name of the model's file.

    Returns:
        The manifest, and a dict from names to bytes.
    """
    directory, fault = Path(directory), None
    for attempt in range(ATTEMPTS):
        time.sleep(0.1 * attempt)
        try:
            manifest = json.loads((directory / "manifest.json").read_bytes())
            wanted = [x for x in manifest["files"] if x == model or x.startswith("tokenizer/")]
            files = {name: (directory / name).read_bytes() for name in wanted}
        except OSError as error:
            fault = f"{error.filename} cannot be read ({error.strerror})"
            continue
        if manifest["kind"] != kind:
            found, wanted = map(with_article, (manifest["kind"], kind))
            sys.exit(f"{directory} is {found}, not {wanted}.")
        if model not in files:
            sys.exit(f"{directory} holds no {model}, only {', '.join(manifest['formats'])}.")
        others = [name for name in wanted if not is_as_listed(files[name], manifest["files"][name])]
        if not others:
            return manifest, files
        fault = f"{directory / others[0]} is not as manifest.json says"
    sys.exit(f"{fault}: the artifact is incomplete, or is being replaced all the time.")


def is_as_listed(data, entry):
    """Whether a file's bytes are those that the manifest's entry describes."""
    return len(data) == entry["bytes"] and hashlib.sha256(data).hexdigest() == entry["sha256"]


def with_article(noun):
    """with_article("embedding") is "an embedding"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
