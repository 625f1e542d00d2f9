import shutil

import pytest

from keras_attention.artifacts.manifest import read_manifest
from tests.cli.command import run_here


@pytest.fixture
def artifact(beam_artifact_directory, tmp_path):
    """A copy, to be damaged."""
    return shutil.copytree(beam_artifact_directory, tmp_path / "artifact")


def test_it_shows_what_the_artifact_holds(capfd, artifact):
    status, out, error = run_here(capfd, "inspect", artifact)
    assert (status, error) == (0, "")
    lines = out.splitlines()
    manifest = read_manifest(artifact)
    assert lines[0] == "translator, transformer tiny, float32"
    assert "beam_size 4" in lines[1] and "length_penalty 0.6" in lines[1]
    assert f"keras {manifest['packages']['keras']}" in lines[2]
    assert (
        "  ids (tf_saved_model, tflite, onnx): source_ids int32 (N, S) -> token_ids int32 "
        "(N, 3, T), score float32 (N, 3), alignment float32 (N, 3, T, S)"
    ) in lines
    size = (artifact / "model.tflite").stat().st_size / 1e6
    assert f"tflite: model.tflite, {size:.1f} MB" in lines
    assert sum("the same as Keras on 100.0% of 16 texts" in line for line in lines) == 6
    operators = [line for line in lines if " operators: " in line]
    assert len(operators) == 3
    assert "SentencepieceTokenizeOp" in operators[0] and "WHILE" in operators[1]
    assert "Loop" in operators[2] and "ai.onnx" not in operators[2]
    assert lines[-1].startswith(f"files: {len(manifest['files'])}, ")


@pytest.mark.parametrize(
    "name", ["model.tflite", "tokenizer/translation.json", "saved_model/1/saved_model.pb"]
)
def test_a_tampered_or_truncated_file_is_named(capfd, artifact, name):
    path = artifact / name
    data = path.read_bytes()
    for damaged, problem in ((data[:-1], "bytes instead of"), (data[:-1] + b"~", "been changed")):
        path.write_bytes(damaged)
        status, out, error = run_here(capfd, "inspect", artifact)
        assert status == 2 and not out
        assert f"{name} has" in error and problem in error and error.count("\n") == 1


def test_a_file_that_was_added_is_shown(capfd, artifact):
    (artifact / "notes.txt").write_text("mine")
    status, out, _ = run_here(capfd, "inspect", artifact)
    assert status == 0 and out.splitlines()[-1] == "not part of the artifact: notes.txt"


def test_no_artifact(capfd, tmp_path):
    status, out, error = run_here(capfd, "inspect", tmp_path)
    assert status == 2 and not out and "nor an artifact" in error


def test_it_shows_what_lower_precision_costs(capfd, int8_artifact_directory):
    status, out, error = run_here(capfd, "inspect", int8_artifact_directory)
    assert (status, error) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "translator, transformer tiny, int8 (tf_saved_model: float32)"
    reports = read_manifest(int8_artifact_directory)["lower_precision"]
    stored = [line for line in lines if line.startswith("  weights stored as int8: ")]
    assert len(stored) == 2
    for line, format_name in zip(stored, ("tflite", "onnx"), strict=True):
        assert f"{reports[format_name]['size_ratio']:.1%} of float32's" in line
    assert sum(line.startswith("  kept in float32: ") for line in lines) == 2
    assert sum(line.startswith("  arithmetic: products with ") for line in lines) == 2
    assert sum(line.startswith("  BLEU: ") and ", float32 " in line for line in lines) == 2
