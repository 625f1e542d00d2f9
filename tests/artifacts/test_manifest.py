import hashlib
import json
import os

import pytest

from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import (
    foreign_to_artifact,
    package_versions,
    read_manifest,
    signed,
    verify_files,
    write_manifest,
)
from keras_attention.digests import file_digests
from keras_attention.tasks import TASKS


@pytest.fixture
def artifact(tmp_path):
    directory = tmp_path / "artifact"
    (directory / "tokenizer").mkdir(parents=True)
    (directory / "model.onnx").write_bytes(b"onnx" * 1000)
    (directory / "tokenizer" / "shared.model").write_bytes(b"pieces")
    write_manifest(directory, {"kind": "translator", "formats": ["onnx"], "note": "für"})
    return directory


def test_digests_are_of_every_file_but_the_manifest(artifact):
    digests = file_digests(artifact)
    assert set(digests) == {"model.onnx", "tokenizer/shared.model"}
    assert digests["tokenizer/shared.model"] == {
        "sha256": hashlib.sha256(b"pieces").hexdigest(),
        "bytes": 6,
    }


def test_what_is_written_is_read(artifact):
    manifest = read_manifest(artifact)
    assert manifest["note"] == "für" and manifest["formats"] == ["onnx"]
    assert manifest["files"] == file_digests(artifact)
    assert manifest["packages"] == package_versions()
    verify_files(artifact)


def test_versions_of_what_is_not_installed_are_null(monkeypatch):
    monkeypatch.setattr(
        "keras_attention.artifacts.manifest.PACKAGES", ("keras", "no-such-package-at-all")
    )
    versions = package_versions()
    assert versions["no-such-package-at-all"] is None
    assert versions["keras"][0].isdigit() and versions["keras_attention"][0].isdigit()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],  # truncated
        lambda data: data + b"x",
        lambda data: b"X" + data[1:],  # same size
        lambda data: b"",
    ],
)
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer/shared.model"])
def test_a_changed_file_is_named(artifact, name, damage):
    path = artifact / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=f"{name} has (been changed|[0-9,]+ bytes instead of)"):
        verify_files(artifact)


def test_a_missing_file_is_named(artifact):
    (artifact / "model.onnx").unlink()
    with pytest.raises(InputError, match="model.onnx is missing"):
        verify_files(artifact)
    verify_files(artifact, ("tokenizer/",))  # what was not asked for


def test_all_files_that_differ_are_named_at_once(artifact):
    (artifact / "model.onnx").unlink()
    (artifact / "tokenizer" / "shared.model").write_bytes(b"pieceX")
    with pytest.raises(InputError) as error:
        verify_files(artifact)
    assert str(error.value) == (
        f"{artifact} is not as its manifest says: model.onnx is missing; "
        "tokenizer/shared.model has been changed."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "manifest.json: not JSON"),
        ("[1]", "expected a JSON object"),
        ('{"name": "a web page"}', "not the manifest of an artifact"),
    ],
)
def test_other_files_of_that_name(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path)


def test_no_manifest(tmp_path):
    with pytest.raises(InputError, match="not an artifact"):
        read_manifest(tmp_path)
    with pytest.raises(InputError, match="not an artifact"):
        read_manifest(tmp_path / "nowhere")


def test_undecodable_manifest(tmp_path):
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="not JSON"):
        read_manifest(tmp_path)


def test_the_manifest_is_plain_json(artifact):
    text = (artifact / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(text)["kind"] == "translator" and "für" in text


FILES = {"thesis.txt": {}}


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "[1]", '{"kind": "a"}', '{"kind": "a", "files": []}', '{"files": {}}', "\xff"),
        json.dumps({"kind": "backup", "files": FILES}),
        json.dumps({"kind": "classifier", "files": FILES}),
        json.dumps({"kind": "classifier", "formats": ["onnx"], "files": {}}),
        json.dumps({"kind": "classifier", "formats": [], "files": {}, "manifest_sha256": "0" * 64}),
        json.dumps(signed({"kind": "", "formats": ["onnx"], "files": {}})),
        json.dumps(signed({"kind": ["classifier"], "formats": ["onnx"], "files": {}})),
        json.dumps(signed({"kind": "classifier", "formats": ["onnx"], "files": FILES})),
        json.dumps(signed({"kind": "classifier", "files": {}})),
    ],
)
def test_the_name_of_a_file_makes_no_artifact(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text, encoding="latin-1")
    (tmp_path / "thesis.txt").write_text("mine")
    assert foreign_to_artifact(tmp_path) == "a directory that is no artifact"


def test_a_pipe_is_no_manifest(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")  # which nobody writes to
    assert foreign_to_artifact(tmp_path) == "a directory that is no artifact"


@pytest.mark.parametrize("kind", [*TASKS, "of a task that is not here"])
def test_an_artifact_with_what_is_not_its_own(tmp_path, kind):
    (tmp_path / "saved_model" / "2").mkdir(parents=True)
    (tmp_path / "model.onnx").write_text("")
    write_manifest(tmp_path, {"kind": kind, "formats": ["onnx"]})
    assert foreign_to_artifact(tmp_path) is None
    (tmp_path / "model.onnx").unlink()
    assert foreign_to_artifact(tmp_path) is None  # a file that is missing is nobody else's
    (tmp_path / "saved_model" / "2" / "saved_model.pb").write_text("")
    assert foreign_to_artifact(tmp_path) == (
        "an artifact that also holds saved_model/2/saved_model.pb"
    )
