"""The files of an artifact, all of the same one, whoever replaces it meanwhile."""

import errno
import hashlib
import json
import os
import sys
import time
from pathlib import Path

ATTEMPTS = 5


def read_artifact(directory, kind, model, others=()):
    """The manifest of an artifact, and the bytes of its model and of its tokenizer's files.

    `manifest.json` has the sha256 of every other file. Where one differs, the artifact is being
    replaced: then all is read again.

    Args:
        directory: of the artifact.
        kind: what it must be: "translator", "classifier", "embedding" or "language-model".
        model: name of the model's file.
        others: what the names of further files begin with.

    Returns:
        The manifest, and a dict from names to bytes.
    """
    directory, fault = Path(directory), None
    beginnings = ("tokenizer/", *others)
    for attempt in range(ATTEMPTS):
        time.sleep(0.1 * attempt)
        try:
            manifest = json.loads(read_file(directory / "manifest.json"))
            require_fields(manifest)
            wanted = [x for x in manifest["files"] if x == model or x.startswith(beginnings)]
            files = {name: read_file(directory / name) for name in wanted}
        except OSError as error:
            fault = f"{error.filename} cannot be read ({error.strerror})"
            continue
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            fault = f"{directory / 'manifest.json'} is not the manifest of an artifact"
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
    if not directory.exists():
        sys.exit(f"{directory}: there is no such artifact.")
    sys.exit(f"{fault}: the artifact is incomplete, or is being replaced all the time.")


def require_fields(manifest):
    """Raises `ValueError` unless a manifest says what every artifact says, in the right types."""
    kind, formats, files = manifest["kind"], manifest["formats"], manifest["files"]
    names = [kind, *formats, *(entry["sha256"] for entry in files.values())]
    sizes = [entry["bytes"] for entry in files.values()]
    if not all(isinstance(name, str) and name for name in names) or not isinstance(formats, list):
        raise ValueError("kind, formats and sha256 are names")
    if not all(isinstance(size, int) for size in sizes):
        raise ValueError("bytes are integers")


def read_file(path):
    """The bytes of a file, which may be no pipe or device."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return path.read_bytes()


def input_lines():
    """The lines of standard input, which must be UTF-8."""
    if sys.stdin is None:
        sys.exit("Standard input is closed: give one text a line.")
    return _lines(sys.stdin.buffer.read(), "standard input")


def file_lines(path):
    """The lines of a file, which must be UTF-8."""
    try:
        return _lines(read_file(Path(path)), path)
    except OSError as error:
        sys.exit(f"{path} cannot be read ({error.strerror}).")


def _lines(data, name):
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        sys.exit(f"Line {number} of {name} is not UTF-8 text.")
    return lines if lines[-1] else lines[:-1]


def write_line(text):
    """Writes one line of UTF-8 on standard output; ends the program where that cannot be."""
    write_text(text + "\n")


def write_text(text):
    """Writes UTF-8 on standard output, at once; ends the program where that cannot be."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except (OSError, AttributeError) as error:
        if sys.stdout is not None:  # or Python would try again, and say so, when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        reason = getattr(error, "strerror", None) or "it is closed"
        sys.exit(f"Standard output cannot be written: {reason}.")


def is_as_listed(data, entry):
    """Whether a file's bytes are those that the manifest's entry describes."""
    return len(data) == entry["bytes"] and hashlib.sha256(data).hexdigest() == entry["sha256"]


def with_article(noun):
    """with_article("embedding") is "an embedding"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
