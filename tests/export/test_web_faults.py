"""What `export/web` says of artifacts that it cannot use."""

import json
import shutil

import pytest

from keras_attention.digests import digest
from tests.export.web_page import copy, opened, serve

FAULTS = [
    "no manifest",
    "not JSON",
    "another manifest",
    "another kind",
    "no onnx",
    "cut short",
    "another model",
    "another tokenizer",
    "not listed",
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
        case "another kind":
            manifest["kind"] = "tagger"
            said = (
                "is a tagger; this page knows only: translator, classifier, embedding, "
                "language-model."
            )
        case "no onnx":
            manifest["formats"] = ["tflite"]
            said = "holds no model.onnx, only tflite"
        case "cut short":
            path = artifact / "model.onnx"
            path.write_bytes(path.read_bytes()[:-1])
            said = "was not copied completely"
        case "another model" | "another tokenizer":
            name = {"translator": "shared.model", "classifier": "tokenizer.json"}[manifest["kind"]]
            name = "model.onnx" if fault == "another model" else f"tokenizer/{name}"
            data = (artifact / name).read_bytes()
            (artifact / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # of the same size
            said = f"{name} is not the file that manifest.json names: the artifact was replaced"
        case "not listed":
            del manifest["files"]["model.onnx"]
            said = "model.onnx is not among the files of manifest.json"
        case "no tokenizer":
            name = {"translator": "shared.model", "classifier": "tokenizer.json"}[manifest["kind"]]
            (artifact / "tokenizer" / name).unlink()
            said = f"tokenizer/{name} cannot be read (status 404)"
        case "not a model":
            (artifact / "model.onnx").write_bytes(b"hello")
            manifest["files"]["model.onnx"] = digest(artifact / "model.onnx")
            said = "The model failed"
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    return said


# Of both kinds those in which they differ.
OF_TOKENIZERS = ("another tokenizer", "no tokenizer")
CASES = [
    *(("", fault) for fault in FAULTS),
    *(("classifier_", fault) for fault in OF_TOKENIZERS),
    *(
        pytest.param("classifier_", fault, marks=pytest.mark.slow)
        for fault in FAULTS
        if fault not in OF_TOKENIZERS
    ),
]


@pytest.mark.parametrize(("kind", "fault"), CASES)
def test_faults_are_sentences(browser, address, beside, request, tmp_path, fault, kind):
    ignored = shutil.ignore_patterns("saved_model", "model.tflite")
    artifact = request.getfixturevalue(f"{kind}artifact_directory")
    artifact = shutil.copytree(artifact, tmp_path / "copy", ignore=ignored)
    said = break_artifact(fault, artifact)
    with opened(browser, address, beside(artifact), wait="#error") as page:
        assert said in page.inner_text("#reason")
        assert page.is_disabled("#source")
        assert page.is_hidden("#workspace")


def test_missing_libraries_are_named(browser, artifact_directory, tmp_path):
    copy(tmp_path / "web")
    (tmp_path / "web" / "artifact").symlink_to(artifact_directory)
    with serve(tmp_path / "web") as address, opened(browser, address, wait="#error") as page:
        assert 'Run "npm ci"' in page.inner_text("#reason")
