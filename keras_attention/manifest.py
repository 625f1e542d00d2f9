"""manifest.json: what an artifact holds, how it was made, and the proof that it agrees."""

import hashlib
import importlib.metadata
import json
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import write_atomically

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
    return {
        name: {"sha256": _sha256(directory / name), "bytes": (directory / name).stat().st_size}
        for name in file_names(directory)
    }


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
    """Writes `description` (JSON values) with versions and digests added."""
    manifest = {**description, "packages": package_versions(), "files": file_digests(directory)}
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    write_atomically(Path(directory) / "manifest.json", text.encode())


def read_manifest(directory):
    """The manifest of an artifact.

    Raises:
        InputError: if `directory` is not an artifact.
    """
    path = Path(directory) / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{directory}: not an artifact (no manifest.json).") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}).") from error
    if not isinstance(manifest, dict) or not {"kind", "files"} <= manifest.keys():
        raise InputError(f"{path}: not the manifest of an artifact.")
    return manifest


def verify_files(directory, beginnings=("",)):
    """Raises `InputError`, naming them all, unless every file is as the manifest says.

    Args:
        directory: an artifact.
        beginnings: tuple of strings; only files whose path begins with one of them are read.
    """
    problems = []
    for name, entry in read_manifest(directory)["files"].items():
        path = Path(directory) / name
        if not name.startswith(beginnings):
            continue
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size != entry["bytes"]:
            size = path.stat().st_size
            problems.append(f"{name} has {size:,} bytes instead of {entry['bytes']:,}")
        elif _sha256(path) != entry["sha256"]:
            problems.append(f"{name} has been changed")
    if problems:
        raise InputError(f"{directory} is not as its manifest says: {'; '.join(problems)}.")
