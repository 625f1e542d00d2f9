"""Every command does what it says, through the runtimes that it names."""

import gzip
import json
from unittest import mock

import pytest

from keras_attention._validation import InputError
from keras_attention.models.transformer_translator import PRESETS
from keras_attention.tasks.translation import translation_comparison
from keras_attention.text import phrase_corpus
from tests.cli.command import run_here, run_process
from tests.loaded_once import loaded
from tests.tasks.small_run import write_words

SOURCES, REFERENCES = phrase_corpus(12, split="test")
RUNTIMES = ("keras", "tf_saved_model", "tflite", "onnx")
pytestmark = pytest.mark.usefixtures("loads_once")


@pytest.fixture(scope="module")
def expected(run_directory):
    return loaded(run_directory, "keras", kind="translator").translate(SOURCES)


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{line}\n" for line in SOURCES), encoding="utf-8")
    return path


def model_of(runtime, run_directory, artifact_directory):
    return run_directory if runtime == "keras" else artifact_directory


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_translate(capfd, text_file, expected, runtime, run_directory, artifact_directory):
    model = model_of(runtime, run_directory, artifact_directory)
    options = ("translate", "--model", model, "--runtime", runtime, "--input", text_file)
    status, out, err = run_here(capfd, *options)
    assert status == 0, err
    assert out.splitlines() == expected


@pytest.mark.parametrize("streams", [(), ("--runtime", "onnx", "--input", "-", "--output", "-")])
def test_translate_from_standard_input_to_standard_output(expected, artifact_directory, streams):
    text = "\n".join([*SOURCES[:2], "", "   ", SOURCES[2]])
    process = run_process("translate", "--model", artifact_directory, *streams, input=text.encode())
    assert process.returncode == 0, process.stderr
    assert process.stdout.decode().split("\n") == [*expected[:2], "", "", expected[2], ""]
    assert process.stderr == b""


def test_translate_from_gzip_to_a_file_with_scores(capfd, tmp_path, expected, run_directory):
    source, target = tmp_path / "in.gz", tmp_path / "out.txt"
    source.write_bytes(gzip.compress("\n".join(SOURCES).encode()))
    command = ("translate", "--model", run_directory, "--runtime", "keras")
    options = (*command, "--input", source, "--output", target)
    status, out, err = run_here(capfd, *options, "--scores")
    assert (status, out) == (0, ""), err
    rows = [line.split("\t") for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row[1] for row in rows] == expected
    assert all(float(row[0]) <= 0 for row in rows)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.gz", "out.txt"]


@pytest.mark.parametrize("runtime", RUNTIMES)  # loaded for the test above
def test_long_and_empty_lines(capfd, tmp_path, runtime, run_directory, artifact_directory):
    """100,000 characters are translated up to the limit, with a warning that names the line."""
    path = tmp_path / "in.txt"
    path.write_text(f"three hundred\n\n{'seventy ' * 12500}\nsix\n", encoding="utf-8")
    model = model_of(runtime, run_directory, artifact_directory)
    options = ("translate", "--model", model, "--runtime", runtime, "--input", path)
    status, out, err = run_here(capfd, *options)
    assert status == 0
    lines = out.split("\n")
    assert len(lines) == 5
    assert lines[1] == lines[4] == ""
    assert lines[0] and lines[3]
    warned = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert warned[0].startswith("warning: line 3: ")
    assert "more than the model's maximum of 64" in warned[0]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_evaluate(capfd, tmp_path, text_file, runtime, run_directory, artifact_directory, expected):
    reference = tmp_path / "reference.txt"
    reference.write_text("".join(f"{line}\n" for line in REFERENCES), encoding="utf-8")
    model = model_of(runtime, run_directory, artifact_directory)
    options = ("--model", model, "--runtime", runtime, "--source", text_file)
    status, out, err = run_here(
        capfd, "evaluate", "translator", *options, "--reference", reference, "--tokenize", "none"
    )
    assert status == 0, err
    report = json.loads(out)  # nothing but JSON on standard output
    assert report["sentences"] == 12
    exact = sum(a == b for a, b in zip(expected, REFERENCES, strict=True)) / 12
    assert report["exact_match"] == pytest.approx(exact)
    assert "tok:none" in report["bleu_signature"]
    assert 0 <= report["bleu"] <= 100
    assert 0 < report["chrf"] <= 100


@pytest.mark.parametrize(
    "options", [(), ("--kind", "encoder", "--layer", 0, "--head", 3), ("--kind", "decoder")]
)
def test_plot_attention(capfd, tmp_path, options, run_directory):
    path = tmp_path / "attention.png"
    command = ("plot", "attention", "--model", run_directory, "--text", SOURCES[0])
    status, _, err = run_here(capfd, *command, *options, "--output", path)
    assert status == 0, err
    assert path.read_bytes().startswith(b"\x89PNG")
    if not options:  # a picture is the same again
        first = path.read_bytes()
        assert run_here(capfd, *command, "--output", path, "--force")[0] == 0
        assert path.read_bytes() == first


def test_resume_does_nothing_on_a_finished_run(capfd, run_directory):
    before = {p: p.stat().st_mtime_ns for p in run_directory.rglob("*")}
    status, out, err = run_here(capfd, "train", "translator", "--output", run_directory, "--resume")
    assert status == 0, err
    assert "is finished: nothing to do" in out
    assert {p: p.stat().st_mtime_ns for p in run_directory.rglob("*")} == before


def test_train_export_and_translate_from_a_shell(tmp_path):
    """The road itself, each step a process of its own: resume starts afresh, quiet is quiet."""
    run, artifact = tmp_path / "run", tmp_path / "artifact"
    write_words(tmp_path, pairs=300)
    files = ("--train-source", tmp_path / "train.en", "--train-target", tmp_path / "train.de")
    options = ("--epochs", 1, "--vocabulary-size", 70, "--seed", 3, "--resume", "--quiet")
    options += ("--architecture", "rnn", "--preset", "small-fixed")  # whose graphs are small
    process = run_process("train", "translator", *files, "--output", run, *options)
    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")
    names = {"model.keras", "digests.json", "data.json", "tokenizer", "config.json"}
    assert {p.name for p in run.iterdir()} == names | {"history.csv", "snapshots", "logs"}
    assert json.loads((run / "config.json").read_text())["seed"] == 3
    process = run_process("export", "--model", run, "--output", artifact, "--formats", "onnx")
    assert process.returncode == 0, process.stderr
    names = {"manifest.json", "README.md", "model.onnx", "tokenizer"}
    assert {p.name for p in artifact.iterdir()} == names
    process = run_process("translate", "--model", artifact, input=b"seven\n")
    assert process.returncode == 0
    assert process.stdout.count(b"\n") == 1


def test_the_demo(tmp_path, capsys, monkeypatch):
    """A small one: what it prints, what it leaves, and that all runtimes agree."""
    from keras_attention.cli.demo import run_demo

    options = dict(epochs=1, corpus_size=600, vocabulary_size=300, max_sequence_length=48)
    options["max_buckets"] = 1
    monkeypatch.setattr(translation_comparison, "COMPARED_SENTENCES", 16)  # of 200
    for name in ("report.json", "alignment.png"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(InputError, match=f"{name} already exists"):
            run_demo(tmp_path)
        assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
        (tmp_path / name).unlink()
    with mock.patch.dict(PRESETS["tiny"], num_layers=1):
        report = run_demo(tmp_path / "demo", sentences=8, **options)
    assert {p.name for p in (tmp_path / "demo").iterdir()} == {
        *("run", "artifact", "report.json", "alignment.png")
    }
    assert json.loads((tmp_path / "demo" / "report.json").read_text()) == report
    assert set(report["agreement"]) == set(RUNTIMES)
    assert set(report["agreement"].values()) == {1.0}
    assert 0 <= report["exact_match"] <= 1
    assert report["seconds"] > 0
    printed = capsys.readouterr().out
    for runtime in RUNTIMES:
        assert f"\n{runtime} " in printed
