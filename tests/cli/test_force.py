"""`--force` overwrites runs and artifacts, and nothing else: not even what the command reads."""

import importlib
import json
import os
import re
import shutil

import pytest

from keras_attention.artifacts.manifest import write_manifest
from keras_attention.checkpoints import save_hugging_face
from keras_attention.new_directory import refuse_existing_directory
from keras_attention.runs.run_files import foreign_to_run
from tests.cli.command import run_here
from tests.labelled_sentences import labelled_sentences, write_table
from tests.runs.mutations import contents
from tests.runs.small_runs import make_classifier_run, make_translator_run, word_piece
from tests.tasks.small_models import small_model

CLASSIFIER = ("train", "classifier", "--epochs", 1, "--quiet", "--force")


@pytest.fixture
def refused(capfd, tmp_path):
    """`refused(*command)` runs a command that may change nothing; returns its one sentence."""

    def check(*command):
        before = contents(tmp_path), sorted(os.listdir(tmp_path))
        status, out, err = run_here(capfd, *command)
        assert status == 2, err
        assert out == ""
        assert err.count("\n") == 1 and err.startswith("keras-attention: "), err
        assert err.endswith(". Give another path.\n")
        assert (contents(tmp_path), sorted(os.listdir(tmp_path))) == before
        return err.removeprefix("keras-attention: ").removesuffix(" Give another path.\n")

    return check


@pytest.fixture
def table(tmp_path):
    """The name of a file to train a classifier on."""
    columns = dict(zip(("text", "label"), labelled_sentences(24, 0), strict=True))
    return write_table(tmp_path / "va.jsonl", **columns)


@pytest.fixture
def run(tmp_path):
    return make_classifier_run(tmp_path / "run")


@pytest.fixture
def checkpoint(tmp_path):
    """A published directory."""
    save_hugging_face(small_model("classifier"), word_piece(), tmp_path / "hf")
    return tmp_path / "hf"


def test_the_file_that_training_reads(refused, table, tmp_path, monkeypatch):
    command = (*CLASSIFIER, "--train", table, "--valid", table, "--output")
    said = refused(*command, table)
    assert said == f"{table} cannot be overwritten by what is made from {table}."
    monkeypatch.chdir(tmp_path)
    assert refused(*command, "va.jsonl").startswith("va.jsonl cannot be overwritten")


def test_the_file_that_training_reads_from_the_run(refused, table, run):
    shutil.copy(table, run / "va.jsonl")
    said = refused(*CLASSIFIER, "--train", table, "--valid", run / "va.jsonl", "--output", run)
    assert said == f"{run} cannot be overwritten by what is made from {run / 'va.jsonl'}."


@pytest.mark.parametrize("kind", ["file", "pipe", "link"])
def test_what_is_no_directory(refused, checkpoint, run, table, tmp_path, kind):
    path = tmp_path / "precious.txt"
    if kind == "file":
        path.write_text("precious")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")
    what = "a symbolic link that leads nowhere" if kind == "link" else "not a directory"
    for command in (
        ("import", checkpoint),
        ("export", "--model", run, "--formats", "onnx", "--quiet"),
        (*CLASSIFIER[:-1], "--train", table, "--valid", table),
    ):
        said = refused(*command, "--output", path, "--force")
        assert said == f"{path} is {what}; it is not overwritten."
    assert path.is_fifo() == (kind == "pipe") and path.is_symlink() == (kind == "link")


def test_a_checkpoint_by_its_own_import(refused, checkpoint, run, tmp_path):
    said = refused("import", checkpoint, "--output", checkpoint, "--force")
    assert said == f"{checkpoint} cannot be overwritten by what is made from {checkpoint}."
    (tmp_path / "link").symlink_to(checkpoint)
    refused("import", tmp_path / "link", "--output", checkpoint, "--force")
    refused("import", checkpoint, "--output", tmp_path / "link", "--force")
    said = refused("export", "--model", run, "--output", checkpoint, "--force", "--quiet")
    assert said == (f"{checkpoint} is a directory that is no artifact; it is not overwritten.")


def test_a_directory_of_another_program(refused, checkpoint, run, tmp_path):
    node = tmp_path / "node"
    node.mkdir()
    (node / "config.json").write_text(json.dumps({"port": 80}))
    (node / "code.js").write_text("code")
    for what, command in (
        ("run", ("import", checkpoint)),
        ("artifact", ("export", "--model", run, "--quiet")),
    ):
        said = refused(*command, "--output", node, "--force")
        assert f"node is a directory that is no {what}" in said


def test_a_foreign_folder_that_looks_like_a_run(refused, checkpoint, run, table):
    """A published checkpoint with a folder `tokenizer`, and a run that somebody keeps notes in."""
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "kind": "encoder"}))
    (checkpoint / "tokenizer").mkdir()
    (run / "notes.txt").write_text("dear diary")
    (run / "snapshots").mkdir()
    (run / "snapshots" / "mine.safetensors").write_text("weights")
    command = (*CLASSIFIER, "--train", table, "--valid", table, "--output")
    said = refused(*command, checkpoint)
    assert said == f"{checkpoint} is a directory that is no run; it is not overwritten."
    said = refused(*command, run)
    assert said == (
        f"{run} is a run that also holds notes.txt, snapshots/mine.safetensors; it is not "
        "overwritten."
    )


def test_a_run_and_an_artifact_are_not_of_one_kind(refused, checkpoint, run, tmp_path):
    other = make_classifier_run(tmp_path / "other")
    said = refused("export", "--model", run, "--output", other, "--force", "--quiet")
    assert said == f"{other} is a directory that is no artifact; it is not overwritten."
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    write_manifest(artifact, {"kind": "classifier", "formats": ["onnx"]})
    said = refused("import", checkpoint, "--output", artifact, "--force")
    assert said == f"{artifact} is a directory that is no run; it is not overwritten."
    (artifact / "letter.txt").write_text("dear")
    said = refused("export", "--model", run, "--output", artifact, "--force", "--quiet")
    assert said == f"{artifact} is an artifact that also holds letter.txt; it is not overwritten."


def test_folders_of_other_programs_with_our_names(refused, checkpoint, run, table, tmp_path):
    deployment = tmp_path / "deployment"
    (deployment / "tokenizer").mkdir(parents=True)
    (deployment / "config.json").write_text('{"kind": "Deployment"}')
    for name in ("data.json", "tokenizer/thesis.txt", "scores.json"):
        (deployment / name).write_text("mine")
    backup = tmp_path / "backup"
    backup.mkdir()
    (backup / "manifest.json").write_text('{"kind": "backup", "files": {"thesis.txt": {}}}')
    (backup / "thesis.txt").write_text("mine")
    said = refused(*CLASSIFIER, "--train", table, "--valid", table, "--output", deployment)
    assert said == f"{deployment} is a directory that is no run; it is not overwritten."
    refused("import", checkpoint, "--output", deployment, "--force")
    said = refused("export", "--model", run, "--output", backup, "--force", "--quiet")
    assert said == f"{backup} is a directory that is no artifact; it is not overwritten."


def test_advice_to_force_is_given_only_where_it_works(refused, checkpoint, run, table, tmp_path):
    commands = (
        ("import", checkpoint),
        ("export", "--model", run, "--formats", "onnx", "--quiet"),
        (*CLASSIFIER[:-1], "--train", table, "--valid", table),
        ("classify", "--model", run, "--input", table),
    )
    home, pipe, link = (tmp_path / name for name in ("home", "pipe", "link"))
    home.mkdir()
    (home / "letter").write_text("dear")
    os.mkfifo(pipe)
    link.symlink_to("nowhere")
    for command in commands:
        for path in (home, pipe, link, table):
            if command[0] == "classify" and path in (home, table):
                continue
            said = refused(*command, "--output", path)
            forced = refused(*command, "--output", path, "--force")
            assert "--force" not in said + forced
            made_from_it = "cannot be overwritten by what is made from"
            assert said.startswith(f"{path} already exists and is ") or made_from_it in said


def test_the_run_that_is_exported(refused, run, tmp_path, monkeypatch):
    command = ("export", "--formats", "onnx", "--force", "--quiet", "--model")
    said = refused(*command, run, "--output", run)
    assert said == f"{run} cannot be overwritten by what is made from {run}."
    (tmp_path / "link").symlink_to("run")
    monkeypatch.chdir(tmp_path)
    for source, output in (
        ("run", run),
        ("link", "run"),
        (run, "link"),
        ("run/tokenizer/..", "run"),
    ):
        refused(*command, source, "--output", output)


def test_the_run_that_training_begins_with(refused, run, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("run")
    data = ("--train", table, "--valid", table)
    for initial, output in ((run, "run"), ("run", run), ("link", "run"), ("run", "link")):
        said = refused(*CLASSIFIER, *data, "--initial-weights", initial, "--output", output)
        assert said == f"{output} cannot be overwritten by what is made from {initial}."


def test_a_run_takes_the_place_of_a_run_and_of_a_link(capfd, checkpoint, tmp_path):
    other = make_classifier_run(tmp_path / "other")
    (tmp_path / "link").symlink_to(make_classifier_run(tmp_path / "run"))
    before = contents(tmp_path / "run")
    for path in (other, tmp_path / "link"):
        status, _, err = run_here(capfd, "import", checkpoint, "--output", path, "--force")
        assert status == 0, err
        assert not path.is_symlink()
        refuse_existing_directory(path, force=True, foreign=foreign_to_run)
    assert contents(tmp_path / "run") == before


def test_an_interrupted_run_is_overwritten_or_resumed(capfd, run, table):
    (run / "model.keras").unlink()
    data = ("--preset", "lesson", "--train", table, "--valid", table, "--output", run)
    sizes = ("--vocabulary-size", 200, "--max-length", 24)
    status, _, err = run_here(capfd, *CLASSIFIER, *data, *sizes)
    assert status == 0, err
    assert (run / "model.keras").exists()
    (run / "model.keras").unlink()
    status, _, err = run_here(capfd, *CLASSIFIER[:-1], "--resume", *data, *sizes)
    assert status == 0, err
    assert (run / "model.keras").exists()


def test_a_file_of_translations_may_be_overwritten(capfd, run, tmp_path):
    lines, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    lines.write_text("three\n")
    output.write_text("old")
    command = ("classify", "--model", run, "--input", lines, "--force", "--output")
    assert run_here(capfd, *command, output)[0] == 0
    assert "label" in output.read_text()
    status, _, err = run_here(capfd, *command, run)
    assert status == 2
    assert err == f"keras-attention: {run} is a directory; the output needs the name of a file.\n"


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("file", make_classifier_run),
        pytest.param("pipe", make_classifier_run, marks=pytest.mark.slow),
        pytest.param("file", make_translator_run, marks=pytest.mark.slow),
        ("pipe", make_translator_run),
    ],
)
def test_what_appears_while_a_command_computes(capfd, tmp_path, monkeypatch, kind, make):
    """Minutes after the command has looked: a file without --force, a pipe with it."""
    name, reader = {
        make_classifier_run: ("classify", "read_lines"),
        make_translator_run: ("translate", "read_input"),
    }[make]
    command = importlib.import_module(f"keras_attention.cli.{name}")
    lines, output = tmp_path / "in.txt", tmp_path / "out"
    lines.write_text("three\n")
    read = getattr(command, reader)

    def slowly(path):
        if kind == "file":
            output.write_text("precious")
        else:
            os.mkfifo(output)
        return read(path)

    monkeypatch.setattr(command, reader, slowly)
    force = ["--force"] if kind == "pipe" else []
    arguments = ("--model", make(tmp_path / "run"), "--input", lines, "--output", output, *force)
    status, out, err = run_here(capfd, name, *arguments)
    assert (status, out) == (2, "")
    kept = re.fullmatch(r"keras-attention: .* What was to be written is (\S+)\.\n", err)[1]
    with open(kept) as opened:
        assert len(opened.readlines()) == 1
    assert output.is_fifo() if kind == "pipe" else output.read_text() == "precious"


def test_a_command_looks_for_the_directory_of_its_output_first(capfd, run, tmp_path):
    lines, output = tmp_path / "in.txt", tmp_path / "missing" / "out"
    lines.write_text("three\n")
    status, out, err = run_here(
        capfd, "classify", "--model", run, "--input", lines, "--output", output
    )
    assert (status, out) == (2, "")
    assert err == f"keras-attention: {output}: there is no directory {output.parent}.\n"
