"""--encoding, --delimiter and --skip-invalid, `-`, and flags in messages."""

import contextlib
import json
import os
import sys

import pytest

from keras_attention.cli.options import spelled, text
from tests.cli.command import run_here
from tests.tasks.small_models import saved


@contextlib.contextmanager
def as_standard_input(path):
    """The block in which descriptor 0 is a file."""
    kept = os.dup(0)
    with open(path, "rb") as file:
        os.dup2(file.fileno(), 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


TABLE = "text;label\nStraße;bad\nno label;\none;two;three\nnaïve;good\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE.encode("latin-1"))
    return path


def test_an_evaluation_of_a_faulty_table(once, capfd, table):
    command = ("evaluate", "classifier", "--model", saved(once, "classifier"), "--data", table)
    status, out, err = run_here(capfd, *command)
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert "line 2: not UTF-8 text" in err
    options = ("--encoding", "latin-1", "--delimiter", ";")
    status, out, err = run_here(capfd, *command, *options)
    assert (status, out) == (2, "") and "line 4: the row has 3 fields; expected 2" in err
    status, out, err = run_here(capfd, *command, *options, "--skip-invalid")
    assert status == 0 and json.loads(out)["texts"] == 2
    told = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert told[0].endswith("expected 2 ('text', 'label'). It is left out.")
    assert told[1].endswith("line 3: the label ('label') is empty. It is left out.")
    assert told[2:] == ["warning: 2 rows could not be read, as said above."]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--encoding", "utf-9", "--encoding must be one that Python knows"),
        ("--delimiter", ";;", "--delimiter must be one character"),
    ],
)
def test_an_option_that_is_none(capfd, table, option, value, said):
    command = ("evaluate", "classifier", "--model", "none", "--data", table, option, value)
    status, out, err = run_here(capfd, *command)
    assert (status, out) == (2, "") and err.startswith(f"keras-attention: {said}")


def test_every_line_has_an_answer(once, capfd, tmp_path):
    (tmp_path / "text").write_bytes(b"three\n\xff\non monday\n")
    model = saved(once, "classifier")
    command = ("classify", "--model", model, "--input", tmp_path / "text")
    assert run_here(capfd, *command)[0] == 2
    status, out, err = run_here(capfd, *command, "--skip-invalid")
    assert status == 0 and out.count("\n") == 3
    assert "line 2: not UTF-8 text (byte 1 is 0xff). It counts as an empty one." in err
    assert err.endswith("warning: 1 row could not be read, as said above.\n")
    status, out, _ = run_here(capfd, *command, "--encoding", "latin-1")
    assert status == 0 and out.count("\n") == 3


def test_standard_input_as_a_file(once, capfd, tmp_path):
    """Of an evaluation, whose files are read by their names."""
    (tmp_path / "text").write_text("three\non monday\n")
    command = ("evaluate", "masked-lm", "--model", saved(once, "masked-lm"), "--data")
    expected = run_here(capfd, *command, tmp_path / "text")
    with as_standard_input(tmp_path / "text"):
        found = run_here(capfd, *command, "-")
    assert found[0] == expected[0] == 0, (found, expected)
    seconds = [{**json.loads(out), "seconds": 0} for _, out, _ in (found, expected)]
    assert seconds[0] == seconds[1]


def test_a_picture_on_standard_output(once, capfdbinary, tmp_path):
    from keras_attention.cli.main import main

    command = ["plot", "attention", "--model", str(saved(once, "translator")), "--text", "three"]
    assert main([*command, "--output", "-"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"\x89PNG\r\n")


def test_texts_of_arguments_are_utf8_in_any_locale(monkeypatch):
    assert text("Straße") == "Straße" and text("abc") == "abc"
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    assert text("Straße".encode().decode("ascii", "surrogateescape")) == "Straße"
    assert text(b"\xff".decode("ascii", "surrogateescape")) == "\ufffd"


def test_unknown_names_are_those_of_flags(capfd):
    run_here(capfd, "export", "--help")  # from now on its flags are known
    assert spelled("Unknown format 'x'; expected") == "Unknown --formats 'x'; expected"
    assert spelled("config.json: Unknown format 'x'") == "config.json: Unknown format 'x'"
