"""manifest.json: what an artifact holds, how it was made, and the proof that it agrees."""

import hashlib
import importlib.metadata
import json
from pathlib import Path, PurePosixPath

from keras_attention._validation import InputError
from keras_attention.files import write_atomically
from keras_attention.json_file import (
    is_list_of_strings,
    is_string,
    read_json_object,
    require_fields,
    shortened,
)

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


def write_manifest(directory, description):
    """Writes `description` (JSON values) with versions, digests and its own digest added."""
    manifest = {**description, "packages": package_versions(), "files": file_digests(directory)}
    text = json.dumps(signed(manifest), indent=2, ensure_ascii=False)
    write_atomically(Path(directory) / "manifest.json", text.encode())


def signed(manifest):
    """A manifest with the sha256 of all else that it says, so that no change goes unnoticed.

    It is of the compact JSON with sorted names. Who changes a manifest by hand signs it anew.
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
        raise InputError(f"{directory}: not an artifact (no manifest.json).") from error
    if not {"kind", "files"} <= manifest.keys():
        raise InputError(f"{path}: not the manifest of an artifact.")
    if manifest.get("manifest_sha256") != signed(manifest)["manifest_sha256"]:
        raise InputError(f"{path} has been changed: it is not as its manifest_sha256 says.")
    fields = {"kind": ("a string", is_string), "formats": ("a list of forms", is_list_of_strings)}
    require_fields(manifest, fields, path)
    require_entries(manifest["files"], path)
    return manifest


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


def verify_files(directory, beginnings=("",)):
    """Raises `InputError`, naming them all, unless every file is as the manifest says.

    Args:
        directory: an artifact.
        beginnings: tuple of strings; only files whose path begins with one of them are read.
    """
    files = read_manifest(directory)["files"]
    entries = {name: entry for name, entry in files.items() if name.startswith(beginnings)}
    verify_entries(directory, entries, "its manifest says")


def verify_entries(directory, entries, source):
    """Raises `InputError`, naming them all, unless files are as their digests say.

    Args:
        directory: path.
        entries: dict of path below it -> digest, after `require_entries`.
        source: what says so, for the message.
    """
    problems = []
    for name, entry in entries.items():
        path = Path(directory) / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size != entry["bytes"]:
            size = path.stat().st_size
            problems.append(f"{name} has {size:,} bytes instead of {entry['bytes']:,}")
        elif _sha256(path) != entry["sha256"]:
            problems.append(f"{name} has been changed")
    if problems:
        raise InputError(f"{directory} is not as {source}: {'; '.join(problems)}.")


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
