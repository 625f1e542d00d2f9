"""What the programs of `export/` make of an artifact that is replaced while they read it."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attention.digests import file_digests
from tests.export.c_program import EXPORT

FOLDERS = {"onnxruntime": "model.onnx", "litert": "model.tflite"}


@pytest.fixture(params=FOLDERS)
def folder(request):
    return request.param


@pytest.fixture
def program(folder, monkeypatch):
    """`artifact.py` of a folder as a module; it does not wait."""
    spec = importlib.util.spec_from_file_location("artifact", EXPORT / folder / "artifact.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


def make_artifact(directory, letter, model):
    """An artifact all of whose files have the same sizes, whatever the letter."""
    (directory / "tokenizer").mkdir(parents=True)
    (directory / model).write_text(f"model {letter}")
    (directory / "tokenizer" / "tokenizer.json").write_text(f"tokenizer {letter}")
    (directory / "README.md").write_text("not read")
    manifest = {"kind": "classifier", "formats": ["onnx", "tflite"], "labels": [letter]}
    manifest["files"] = file_digests(directory)
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory


@pytest.fixture
def artifact(tmp_path, folder):
    make_artifact(tmp_path / "B", "B", FOLDERS[folder])
    return make_artifact(tmp_path / "art", "A", FOLDERS[folder])


def replace_before(monkeypatch, artifact, name, times=1):
    """Has the artifact replaced by the other one, and back, when a file of it is to be read."""
    other, read, left = artifact.parent / "B", Path.read_bytes, times

    def read_bytes(path):
        nonlocal left
        if path.name == name and left:
            left -= 1
            artifact.rename(artifact.parent / "old")
            other.rename(artifact)
            (artifact.parent / "old").rename(other)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)


@pytest.mark.parametrize("name", ["manifest.json", "model", "tokenizer.json"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_all_is_of_one_artifact(program, artifact, folder, monkeypatch, name, times):
    model = FOLDERS[folder]
    replace_before(monkeypatch, artifact, model if name == "model" else name, times)
    manifest, files = program.read_artifact(artifact, "classifier", model)
    (letter,) = manifest["labels"]
    if name != "manifest.json":  # of which the first reading sees no replacement
        assert letter == "AB"[times % 2]
    assert files == {
        model: f"model {letter}".encode(),
        "tokenizer/tokenizer.json": f"tokenizer {letter}".encode(),
    }


def test_endless_replacement_is_a_sentence(program, artifact, folder, monkeypatch):
    replace_before(monkeypatch, artifact, FOLDERS[folder], times=1000)
    with pytest.raises(
        SystemExit, match="is not as manifest.json says: the artifact is incomplete"
    ):
        program.read_artifact(artifact, "classifier", FOLDERS[folder])


@pytest.mark.parametrize("name", ["manifest.json", "tokenizer/tokenizer.json"])
def test_a_missing_file_is_a_sentence(program, artifact, folder, name):
    (artifact / name).unlink()
    with pytest.raises(SystemExit, match=f"{name} cannot be read .No such file or directory"):
        program.read_artifact(artifact, "classifier", FOLDERS[folder])


def test_a_missing_format_is_a_sentence(program, artifact, folder):
    with pytest.raises(SystemExit, match="art holds no model.other, only onnx, tflite."):
        program.read_artifact(artifact, "classifier", "model.other")


def test_both_folders_read_alike():
    """Each folder stands alone, so the module stands in both."""
    one, other = ((EXPORT / name / "artifact.py").read_bytes() for name in FOLDERS)
    assert one == other


def test_labels_never_mix(consumer, classifier_artifact_directory, tmp_path):
    """The program runs; its artifact has the manifest of one and the model of another."""
    ignored = shutil.ignore_patterns("saved_model")
    artifact = shutil.copytree(classifier_artifact_directory, tmp_path / "art", ignore=ignored)
    path = artifact / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["labels"].reverse()
    manifest["files"][FOLDERS[consumer.name]]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    status, found, error = consumer.run("classify.py", artifact, ["a gripping film"])
    assert (status, found) == (1, [])
    assert error.startswith(f"{artifact / FOLDERS[consumer.name]} is not as manifest.json says")


def test_an_artifact_that_is_not_there(program, artifact, folder):
    with pytest.raises(SystemExit, match="none: there is no such artifact."):
        program.read_artifact(artifact / "none", "classifier", FOLDERS[folder])


@pytest.mark.parametrize(
    "content",
    [
        *(b"{", b"[]", b"3", b"{}", b"\xff", b'{"files": 3}', b"[" * 99_999),
        b'{"kind": "classifier", "formats": [], "files": []}',
        b'{"kind": 5, "formats": [], "files": {}}',
        b'{"kind": "", "formats": [], "files": {}}',
        b'{"kind": "translator", "files": {}}',
        b'{"kind": "translator", "formats": [1], "files": {}}',
        b'{"kind": "translator", "formats": "onnx", "files": {}}',
        b'{"kind": "classifier", "formats": [], "files": {"model.onnx": {}}}',
        b'{"kind": "classifier", "formats": [], "files": {"a": {"bytes": "1", "sha256": "0"}}}',
    ],
)
def test_no_manifest_is_a_sentence(program, artifact, folder, content):
    (artifact / "manifest.json").write_bytes(content)
    with pytest.raises(SystemExit, match="manifest.json is not the manifest of an artifact"):
        program.read_artifact(artifact, "classifier", FOLDERS[folder])


@pytest.mark.parametrize("name", ["manifest.json", "tokenizer/tokenizer.json"])
def test_a_pipe_is_not_waited_for(program, artifact, folder, name):
    (artifact / name).unlink()
    os.mkfifo(artifact / name)
    with pytest.raises(SystemExit, match=f"{name} cannot be read .it is not a regular file"):
        program.read_artifact(artifact, "classifier", FOLDERS[folder])


RUN_INPUT = "import artifact; [artifact.write_line(x) for x in artifact.input_lines()]"


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("printf 'a\\n\\377\\n' | {}", 1, "Line 2 of standard input is not UTF-8 text.\n"),
        ("{} <&-", 1, "Standard input is closed: give one text a line.\n"),
        ("printf 'a\\n' | {} >&-", 1, "Standard output cannot be written: it is closed.\n"),
        (
            "printf 'a\\n' | {} >/dev/full",
            1,
            "Standard output cannot be written: No space left on device.\n",
        ),
        ("printf 'a\\n\\303\\274' | {}", 0, ""),
    ],
)
def test_streams_that_fail_are_a_sentence(folder, line, status, said):
    python = f"{sys.executable} -S -c '{RUN_INPUT}'"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line.format(python)}"],
        capture_output=True,
        cwd=EXPORT / folder,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (status, said)
    assert done.stdout == ("a\n\u00fc\n" if status == 0 else "")
