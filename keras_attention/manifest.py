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
        path.relative_to(directory).as_posix(): {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        }
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


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
    if not isinstance(manifest, dict) or "kind" not in manifest:
        raise InputError(f"{path}: not the manifest of an artifact.")
    return manifest


def verify_files(directory):
    """Raises `InputError`, naming the file, unless every file is as the manifest says."""
    expected, found = read_manifest(directory)["files"], file_digests(directory)
    for name, entry in expected.items():
        if name not in found:
            raise InputError(f"{directory}: {name} is missing.")
        if found[name] != entry:
            raise InputError(f"{directory}: {name} has been changed or truncated.")
