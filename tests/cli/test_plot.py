"""`keras-attention plot`: several sentences, several models, and what it refuses."""

import json
import shutil

import pytest

from keras_attention.cli.plot import model_names
from keras_attention.tasks.translation.text_translator import TextTranslator
from keras_attention.text import phrase_corpus
from keras_attention.visualization import bleu_by_length
from tests.cli.command import run_here
from tests.loaded_once import loaded

SOURCES, REFERENCES = phrase_corpus(12, split="test")
PNG = b"\x89PNG"
pytestmark = pytest.mark.usefixtures("loads_once")


@pytest.fixture
def texts(tmp_path):
    """The options that name a source and a reference file, outside `tmp_path`'s own level."""
    folder = tmp_path / "texts"
    folder.mkdir()
    options = []
    for name, lines in (("source", SOURCES), ("reference", REFERENCES)):
        path = folder / f"{name}.txt"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        options += [f"--{name}", path]
    return options


@pytest.fixture
def refused(capfd, tmp_path):
    """`refused(*arguments)` must fail with status 2 and write nothing; returns what it said."""

    def check(*arguments):
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        status, out, err = run_here(capfd, *arguments)
        assert (status, out) == (2, ""), err
        assert "Traceback" not in err
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        return err.strip().splitlines()[-1].removeprefix("keras-attention: ")

    return check


@pytest.fixture
def no_loading(monkeypatch):
    """Makes it an error of another kind to load a model."""

    def loaded(*arguments, **options):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("keras_attention.tasks.load.load", loaded)
    monkeypatch.setattr("keras_attention.tasks.load.load_run", loaded)


def test_attention_over_several_sentences(capfd, tmp_path, run_directory):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    command = ("plot", "attention", "--model", run_directory, "--text", SOURCES[0])
    status, out, err = run_here(capfd, *command, "--output", one)
    assert (status, out) == (0, ""), err
    status, out, err = run_here(capfd, *command, "--text", SOURCES[1], "--output", two)
    assert (status, out) == (0, ""), err
    assert one.read_bytes().startswith(PNG)
    assert two.read_bytes().startswith(PNG)
    assert width(two) > width(one) + 200  # pixels: a second panel


def width(path):
    return int.from_bytes(path.read_bytes()[16:20], "big")


def test_one_bad_sentence_of_several_writes_nothing(refused, tmp_path, run_directory):
    command = ("plot", "attention", "--model", run_directory, "--text", "three", "--text", " ")
    assert refused(*command, "--output", tmp_path / "a.png") == "The text to plot is empty."


def test_length_of_a_run_and_an_artifact(capfd, tmp_path, texts, run_directory, artifact_directory):
    path = tmp_path / "length.png"
    models = ("--model", run_directory, "--model", artifact_directory)
    options = ("--tokenize", "none", "--lowercase", "--bins", 3, "--output", path)
    status, out, err = run_here(capfd, "plot", "length", *models, *texts, *options)
    assert status == 0, err
    curves = json.loads(out)  # nothing but JSON on standard output
    assert list(curves) == [run_directory.name, artifact_directory.name]
    translations = loaded(run_directory, kind="translator").translate(SOURCES)
    expected = bleu_by_length(translations, SOURCES, REFERENCES, 3, "none", True)
    assert curves[run_directory.name] == expected
    assert sum(row["sentences"] for row in expected) == 12
    assert 1 < len(expected) <= 3
    data = path.read_bytes()
    assert data.startswith(PNG)
    status, _, err = run_here(capfd, "plot", "length", *models, *texts, *options, "--force")
    assert status == 0, err
    assert path.read_bytes() == data


def test_length_by_a_runtime_and_directories_of_one_name(
    capfd, tmp_path, texts, artifact_directory
):
    copy = tmp_path / "copy" / artifact_directory.name
    shutil.copytree(artifact_directory, copy)
    models = ("--model", artifact_directory, "--model", copy, "--runtime", "onnx")
    path = tmp_path / "length.png"
    status, out, err = run_here(capfd, "plot", "length", *models, *texts, "--output", path)
    assert status == 0, err
    curves = json.loads(out)
    assert list(curves) == [
        f"{artifact_directory.parent.name}/{artifact_directory.name}",
        f"copy/{artifact_directory.name}",
    ]
    first, second = curves.values()
    assert first == second
    assert path.read_bytes().startswith(PNG)


def test_length_by_a_beam(capfd, tmp_path, texts, run_directory):
    command = ("plot", "length", "--model", run_directory, *texts, "--output")
    search = ("--beam-size", 3, "--length-penalty", 1.5, "--max-length", 20)
    status, out, err = run_here(capfd, *command, tmp_path / "length.png", *search)
    assert status == 0, err
    options = dict(kind="translator", beam_size=3, length_penalty=1.5, max_length=20)
    translations = loaded(run_directory, **options).translate(SOURCES)
    expected = bleu_by_length(translations, SOURCES, REFERENCES)
    assert json.loads(out)[run_directory.name] == json.loads(json.dumps(expected))


def test_names_differ_by_as_much_of_the_path_as_it_takes():
    assert model_names(["a/run"]) == ["run"]
    assert model_names(["runs/small/", "runs/../runs/fixed"]) == ["small", "fixed"]
    assert model_names(["a/run", "b/run", "old"]) == ["a/run", "b/run", "old"]
    assert model_names(["/x/a/run", "/y/a/run", "/run"]) == ["x/a/run", "y/a/run", "/run"]


def test_a_model_given_twice(refused, no_loading, tmp_path, texts, run_directory):
    models = ("--model", run_directory, "--model", f"{run_directory}/")
    said = refused("plot", "length", *models, *texts, "--output", tmp_path / "a.png")
    assert said == f"--model {run_directory} is given twice; each model makes one line."


def test_bad_options_are_refused_before_a_model_is_loaded(
    refused, no_loading, tmp_path, texts, run_directory
):
    command = ("plot", "length", "--model", run_directory)
    output = ("--output", tmp_path / "a.png")
    said = refused(*command, *texts, *output, "--bins", 0)
    assert said == "--bins must be a positive integer. Received: bins=0"
    assert "invalid int value: 'x'" in refused(*command, *texts, *output, "--bins", "x")
    said = refused(*command, *texts, *output, "--tokenize", "foo")
    assert said.startswith("--tokenize must be one of ('13a', 'none',")
    said = refused(*command, *texts[:2], "--reference", tmp_path / "no", *output)
    assert said == f"{tmp_path / 'no'}: cannot be read (No such file or directory)."
    short = tmp_path / "short.txt"
    short.write_text("eins\n")
    said = refused(*command, *texts[:2], "--reference", short, *output)
    assert "has 12 lines" in said
    assert "has 1;" in said


@pytest.mark.parametrize("kind", ["length", "attention"])
def test_bad_outputs_are_refused_before_a_model_is_loaded(
    refused, no_loading, tmp_path, texts, run_directory, kind
):
    options = texts if kind == "length" else ("--text", "three")
    command = ("plot", kind, "--model", run_directory, *options, "--output")
    existing = tmp_path / "mine.png"
    existing.write_text("mine")
    said = refused(*command, existing)
    assert said == f"{existing} already exists. Give another path, or --force to overwrite it."
    assert existing.read_text() == "mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    said = refused(*command, empty, "--force")
    assert said == f"{empty} is a directory; the output needs the name of a file."
    said = refused(*command, tmp_path / "no" / "a.png")
    assert said == f"{tmp_path / 'no' / 'a.png'}: there is no directory {tmp_path / 'no'}."


def test_a_model_that_is_none_is_refused_before_any_translates(
    refused, monkeypatch, tmp_path, texts, run_directory
):
    def translate(*arguments):
        raise AssertionError("a model translated")

    monkeypatch.setattr(TextTranslator, "translate", translate)
    models = ("--model", run_directory, "--model", tmp_path / "no")
    said = refused("plot", "length", *models, *texts, "--output", tmp_path / "a.png")
    assert said.startswith(f"{tmp_path / 'no'}: neither a run directory (no config.json) nor")
