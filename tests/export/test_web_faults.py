"""What `export/web` says of artifacts that it cannot use."""

import json
import shutil

import pytest

from tests.export.web_page import copy, opened, serve

FAULTS = [
    "no manifest",
    "not JSON",
    "another manifest",
    "classifier",
    "no onnx",
    "cut short",
    "no tokenizer",
    "not a model",
]


def break_artifact(fault, artifact):
    """Makes a small copy wrong; what the page must say."""
    manifest = json.loads((artifact / "manifest.json").read_text())
    match fault:
        case "no manifest":
            (artifact / "manifest.json").unlink()
            return "manifest.json cannot be read (status 404)"
        case "not JSON":
            (artifact / "manifest.json").write_text("<!doctype html>")
            return "manifest.json is not JSON"
        case "another manifest":
            (artifact / "manifest.json").write_text("{}")
            return "is not the manifest of an artifact"
        case "classifier":
            manifest["kind"] = "classifier"
            said = "The artifact is a classifier"
        case "no onnx":
            manifest["formats"] = ["tflite"]
            said = "holds no model.onnx, only tflite"
        case "cut short":
            path = artifact / "model.onnx"
            path.write_bytes(path.read_bytes()[:-1])
            said = "was not copied completely"
        case "no tokenizer":
            (artifact / "tokenizer" / "shared.model").unlink()
            said = "tokenizer/shared.model cannot be read (status 404)"
        case "not a model":
            manifest["files"]["model.onnx"]["bytes"] = 5
            (artifact / "model.onnx").write_bytes(b"hello")
            said = "The model failed"
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    return said


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_sentences(browser, address, beside, artifact_directory, tmp_path, fault):
    ignored = shutil.ignore_patterns("saved_model", "model.tflite")
    artifact = shutil.copytree(artifact_directory, tmp_path / "copy", ignore=ignored)
    said = break_artifact(fault, artifact)
    with opened(browser, address, beside(artifact), wait="#error") as page:
        assert said in page.inner_text("#reason")
        assert page.is_disabled("#source")


def test_missing_libraries_are_named(browser, artifact_directory, tmp_path):
    copy(tmp_path / "web")
    (tmp_path / "web" / "artifact").symlink_to(artifact_directory)
    with serve(tmp_path / "web") as address, opened(browser, address, wait="#error") as page:
        assert 'Run "npm ci"' in page.inner_text("#reason")
