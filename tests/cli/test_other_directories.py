"""A run, an artifact or a published directory in the place of another, and texts that are cut."""

import json

import pytest

import keras_attention
from tests.cli.command import run_here
from tests.tasks.small_models import TEXTS, save_small_run, saved

pytestmark = pytest.mark.usefixtures("loads_once")


def refused(capfd, *arguments):
    status, output, error = run_here(capfd, *arguments)
    assert (status, output) == (2, "") and error.count("\n") == 1
    return error


def test_an_artifact_in_the_place_of_a_run(capfd, once, tmp_path):
    artifact = tmp_path / "artifact"
    run = saved(once, "encoder")
    keras_attention.export(run, artifact, formats=("tf_saved_model",), examples=TEXTS)
    said = f"{artifact} is an artifact, which holds no Keras model; give the run that it was "
    picture = ["--text", "three", "--output", tmp_path / "f.png"]
    assert said in refused(capfd, "plot", "attention", "--model", artifact, *picture)
    assert said in refused(capfd, "export", "--model", artifact, "--output", tmp_path / "other")
    (tmp_path / "t.csv").write_text("text,label\nthree,a\nfour,b\n" * 9)
    training = ["--train", tmp_path / "t.csv", "--output", tmp_path / "other", "--quiet"]
    assert said in refused(capfd, "train", "classifier", "--initial-weights", artifact, *training)
    said = refused(capfd, "import", artifact, "--output", tmp_path / "other")
    assert f"{artifact} is an artifact, not a published (HuggingFace) directory." in said
    said = refused(capfd, "export", "--model", tmp_path, "--output", tmp_path / "other")
    assert f"{tmp_path}: neither a run directory (no config.json) nor an artifact (no" in said


def test_a_run_in_the_place_of_a_published_directory(capfd, once, tmp_path):
    run = saved(once, "encoder")
    said = refused(capfd, "import", run, "--output", tmp_path / "other")
    assert f"{run} is a run, not a published (HuggingFace) directory: it needs no import." in said


def test_masked_texts_that_are_cut(capfd, tmp_path):
    run = save_small_run("masked-lm", tmp_path / "run")
    (tmp_path / "long.txt").write_text("three\n" + ("three hundred and two " * 40 + "\n") * 2)
    command = ["evaluate", "masked-lm", "--model", run, "--data", tmp_path / "long.txt"]
    status, output, error = run_here(capfd, *command)
    assert status == 0 and json.loads(output)["texts"] == 3
    assert "2 of 3 texts are longer than the model's maximum of 24 tokens (the first in l" in error
    (tmp_path / "short.txt").write_text("three hundred and two\n")
    status, output, error = run_here(capfd, *command[:-1], tmp_path / "short.txt")
    assert status == 0 and "longer" not in error
