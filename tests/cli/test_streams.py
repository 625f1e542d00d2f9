"""Closed, full and broken standard streams, odd locales: a sentence, and no status 0 by mistake."""

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.command import run_here
from tests.tasks.small_classifier import write_data
from tests.tasks.small_models import exported, saved

COMMAND = f"{sys.executable} -m keras_attention.cli.main"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}


def shell(line, **environment):
    """Status, standard output and standard error of a line of the shell."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "text"
    path.write_text("three\nmonday\n")
    return path


@pytest.fixture(scope="module")
def classify(once, text):
    """By ONNX Runtime: such a process imports neither TensorFlow nor Keras."""
    model = exported(once, "classifier")
    return f"{COMMAND} classify --model '{model}' --runtime onnx --input {text}"


CLOSED = "keras-attention: standard output cannot be written: it is closed.\n"
FULL = "keras-attention: standard output cannot be written: No space left on device.\n"
GONE = "keras-attention: standard output cannot be written: its reader has gone.\n"


def test_standard_output_that_takes_nothing(classify):
    assert shell(f"{classify} >&-") == (2, "", CLOSED)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_standard_output_that_is_full(classify):
    assert shell(f"{classify} >/dev/full") == (2, "", FULL)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("asked", ["--help", "--version", "classify --help"])
def test_help_is_an_answer_too(asked):
    command = f"{sys.executable} -m keras_attention.cli.main {asked}"
    assert shell(f"{command} >/dev/full") == (2, "", FULL)


def test_a_reader_that_has_gone(classify):
    status, _, err = shell(f"{classify} | true")
    assert (status, err) == (128 + signal.SIGPIPE, GONE)


def test_standard_error_that_is_closed(once, text, tmp_path):
    """What is opened next would else take its number, and the sentence."""
    run = saved(once, "classifier")
    status, out, _ = shell(f"{COMMAND} classify --model '{run}' --input {text} 2>&-")
    assert status == 0 and out.count("\n") == 2
    (tmp_path / "texts").write_bytes(b"\xff\n")
    status, out, _ = shell(f"{COMMAND} classify --model none --input {tmp_path}/texts 2>&-")
    assert (status, out) == (2, "")
    assert (tmp_path / "texts").read_bytes() == b"\xff\n"


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-", ">&- 2>&-"])
def test_streams_that_are_closed_from_the_start(closed):
    status, out, err = shell(f"{COMMAND} classify --model none {closed}")
    assert (status, out) == (2, "")
    if closed == "<&-":
        assert (
            err == "keras-attention: standard input is closed; give --input, the name of a file.\n"
        )


@pytest.mark.parametrize("runtime", [pytest.param("keras", marks=pytest.mark.slow), "onnx"])
def test_a_locale_of_another_encoding(once, tmp_path, runtime):
    """Files and answers are UTF-8, messages can be read, whatever the locale."""
    model = (saved if runtime == "keras" else exported)(once, "classifier")
    (tmp_path / "text").write_text("Stra\u00dfe \u6f22\n", encoding="utf-8")
    answers = tmp_path / "r\u00e9ponse"
    line = f"{COMMAND} classify --model '{model}' --runtime {runtime} --input {tmp_path}/text"
    status, out, err = shell(f"{line} --output {answers}", **ASCII)
    assert (status, out) == (0, ""), err
    assert answers.read_text("utf-8").count("\n") == 1
    status, _, err = shell(f"{line} --output {answers}", **ASCII)
    assert status == 2 and err.endswith("Give another path, or --force to overwrite it.\n")
    status, _, err = shell(f"{COMMAND} inspect {tmp_path}/n\u00e4", **ASCII)
    assert status == 2 and "neither a run directory" in err and "Traceback" not in err


def test_a_training_whose_reader_goes_is_finished(tmp_path):
    data = write_data(tmp_path)
    run = tmp_path / "run"
    status, out, err = shell(
        f"{COMMAND} train classifier --train {data}/train.jsonl --valid {data}/valid.jsonl "
        "--preset lesson --vocabulary-size 120 --max-length 16 --batch-size 32 --epochs 2 "
        f"--jit no --output {run} | head -1"
    )
    assert status == 0, err
    assert out.count("\n") == 1 and (run / "model.keras").exists()


def test_names_of_files_do_not_write_on_the_terminal(capfd, tmp_path):
    name = tmp_path / "a\x1b[31m\nb\udcff"
    status, out, err = run_here(capfd, "inspect", name)
    assert (status, out) == (2, "")
    assert err == f"keras-attention: {tmp_path}/a\\x1b[31m\\nb\\udcff: neither a run directory " + (
        "(no config.json) nor an artifact (no manifest.json).\n"
    )


@pytest.mark.parametrize("error", [MemoryError(), OSError(), RuntimeError(""), ValueError("  ")])
def test_no_message_is_empty(capfd, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("keras_attention.tasks.describe.describe", fail)
    status, _, err = run_here(capfd, "inspect", "x")
    assert status in (1, 2) and err.startswith("keras-attention: ") and len(err) > 30
    assert ("not enough memory" in err) == isinstance(error, MemoryError)
