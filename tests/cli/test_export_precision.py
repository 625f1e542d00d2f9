"""`keras-attention export --precision`: what it writes, what it says, what it refuses."""

import json

import pytest

from keras_attention.artifacts.manifest import read_manifest
from tests.cli.command import run_here
from tests.tasks.small_models import saved


@pytest.fixture
def valid_files(tmp_path, corpus_files):
    """Options that name validation sentences whose references are for another sentence."""
    (tmp_path / "wrong.txt").write_text("no such translation at all\n" * 16)
    return {
        "right": ("--valid-source", corpus_files["valid_source"]),
        "wrong": (
            *("--valid-source", corpus_files["valid_source"]),
            *("--valid-target", tmp_path / "wrong.txt"),
        ),
    }


def test_export_evaluate_and_inspect(capfd, tmp_path, run_directory, valid_files, corpus_files):
    artifact = tmp_path / "artifact"
    command = ("export", "--model", run_directory, "--output", artifact, "--formats", "tflite")
    status, out, err = run_here(capfd, *command, "--precision", "int8", *valid_files["wrong"])
    assert (status, out) == (0, ""), err  # 0 BLEU instead of 0 BLEU
    assert "% of float32's bytes, " in err
    report = read_manifest(artifact)["lower_precision"]["tflite"]
    assert report["precision"] == "int8" and abs(report["loss"]) <= 0.3
    files = ("--source", corpus_files["valid_source"], "--reference", corpus_files["valid_target"])
    status, out, err = run_here(capfd, "evaluate", "translator", "--model", artifact, *files)
    assert status == 0, err
    assert json.loads(out)["sentences"] == 16
    status, out, err = run_here(capfd, "inspect", artifact)
    assert status == 0 and out.startswith("translator, transformer tiny, int8\n")


def test_without_references_it_warns_even_when_quiet(capfd, tmp_path, once, valid_files):
    artifact, run = tmp_path / "artifact", saved(once, "translator")
    command = ("export", "--model", run, "--output", artifact, "--formats", "tflite")
    status, out, err = run_here(
        capfd, *command, "--precision", "float16", *valid_files["right"], "--quiet"
    )
    assert (status, out) == (0, "")
    assert (
        "warning: the loss of float16 in BLEU was not compared with its bound of 0.05: that takes "
        "references (--valid-source and --valid-target).\n"
    ) in err
    status, out, err = run_here(capfd, "inspect", artifact)
    assert "not compared with float32 in BLEU (it may lose 0.05)" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--precision", "int8", "--formats", "tf_saved_model"), "tf_saved_model stays float32."),
        (("--allow-loss", "1"), "--allow-loss needs --precision float16 or int8"),
        (("--precision", "int8", "--allow-loss", "-1"), "--allow-loss must be a number of at"),
    ],
)
def test_what_cannot_be_asked_for(capfd, tmp_path, run_directory, options, said):
    artifact = tmp_path / "artifact"
    command = ("export", "--model", run_directory, "--output", artifact)
    status, out, err = run_here(capfd, *command, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not artifact.exists()
