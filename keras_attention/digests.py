"""The sha256 and the size of files, by which a directory is known to be as it was written."""

import hashlib
from pathlib import Path, PurePosixPath

from keras_attention._validation import InputError
from keras_attention.json_file import shortened
from keras_attention.regular_file import require_dense


def file_digests(directory):
    """The sha256 and size of every file below `directory` but the manifest itself."""
    directory = Path(directory)
    return {name: digest(directory / name) for name in file_names(directory)}


def digest(path):
    """The sha256 and the size of a file, as `file_digests` has them."""
    return {"sha256": _sha256(path), "bytes": Path(path).stat().st_size}


def file_names(directory):
    """The paths, relative to it, of all files below `directory` but the manifest."""
    directory = Path(directory)
    return [
        path.relative_to(directory).as_posix()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path != directory / "manifest.json"
    ]


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_entries(entries, name):
    """Raises `InputError` unless `entries` are digests of files below a directory.

    Args:
        entries: what should be a dict of path -> `{"sha256": ..., "bytes": ...}`.
        name: of the file that they stand in, for the message.
    """
    if not isinstance(entries, dict):
        raise InputError(
            f"{name}: expected the digests of files by their paths. Received: {shortened(entries)}"
        )
    for file, entry in entries.items():
        parts = PurePosixPath(file).parts
        if not parts or file.startswith("/") or ".." in parts or "\0" in file:
            raise InputError(
                f"{name}: expected paths below its directory. Received: {shortened(file)}"
            )
        if not isinstance(entry, dict) or not _is_digest(**entry):
            raise InputError(
                f"{name}: expected the sha256 and the bytes of {shortened(file)}. "
                f"Received: {shortened(entry)}"
            )


def _is_digest(sha256=None, bytes=None, **others):
    return isinstance(sha256, str) and type(bytes) is int and not others


def verify_entries(directory, entries, source):
    """Raises `InputError`, naming them all, unless files are as their digests say.

    No file is read unless all have the bytes that their digests say, on the disk too: what it takes
    to read them is bounded by what somebody has written.

    Args:
        directory: path.
        entries: dict of path below it -> digest, after `require_entries`.
        source: what says so, for the message.
    """
    problems, paths = [], {name: Path(directory) / name for name in entries}
    for name, entry in entries.items():
        if not paths[name].is_file():
            problems.append(f"{name} is missing")
        elif (size := paths[name].stat().st_size) != entry["bytes"]:
            problems.append(f"{name} has {size:,} bytes instead of {entry['bytes']:,}")
    if not problems:
        try:
            require_dense(paths.values())
        except OSError as error:
            raise InputError(f"{directory} is not read: {error.strerror}.") from error
    for name, path in paths.items():
        if path.is_file() and path.stat().st_size == entries[name]["bytes"]:
            if _sha256(path) != entries[name]["sha256"]:
                problems.append(f"{name} has been changed")
    if problems:
        raise InputError(f"{directory} is not as {source}: {'; '.join(problems)}.")
