"""--encoding, --delimiter and --skip-invalid, `-`, and flags in messages."""

import argparse
import contextlib
import json
import os
import re
import sys

import pytest

from keras_attention._validation import InputError
from keras_attention.cli.classify import split_pairs
from keras_attention.cli.main import _reading
from keras_attention.cli.options import read_lines, spelled, text
from keras_attention.text.corpora.reading_options import reading_as
from tests.cli.command import run_here
from tests.tasks.small_models import saved

pytestmark = pytest.mark.usefixtures("loads_once")


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


@contextlib.contextmanager
def as_pipe_to_standard_input(data):
    """The block in which descriptor 0 is a pipe that gives bytes."""
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    kept = os.dup(0)
    os.dup2(reader, 0)
    os.close(reader)
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


@pytest.mark.filterwarnings("ignore:.* It counts as an empty one.:UserWarning")
def test_a_pair_that_is_none_counts_as_an_empty_one(tmp_path):
    (tmp_path / "pairs").write_bytes(b"a\tb\nno tab\n\xff\tc\none\ttwo\tthree\n\td\n")
    with pytest.raises(InputError, match="line 3: not UTF-8"):
        read_lines(tmp_path / "pairs")
    with reading_as(skip_invalid=True) as reading:
        lines = read_lines(tmp_path / "pairs")
        found = split_pairs(lines, "pairs")
    assert found == (["a", "", "", "", ""], ["b", "", "", "", "d"])
    numbers = [re.search(r"line (\d+): (\d tabs)?", said).groups() for said in reading.skipped]
    assert numbers == [("2", "0 tabs"), ("3", None), ("4", "2 tabs")]
    with pytest.raises(InputError, match="pairs, line 2: 0 tabs"):
        split_pairs(["a\tb", "no tab"], "pairs")


@pytest.mark.parametrize("command", ["classify", "evaluate"])
def test_a_pipe_in_the_place_of_a_file(once, capfd, tmp_path, command):
    """As a shell makes of `<(cat FILE)`: it gives what the file gives."""
    (tmp_path / "a.txt").write_text("three\non monday\n" * 20)
    (tmp_path / "a.csv").write_text("a,b,score\n" + "three,drei,1\non monday,on,0.5\n" * 20)
    given = {
        "classify": ("classify", "--input", tmp_path / "a.txt"),
        "evaluate": ("evaluate", "embedding", "--data", tmp_path / "a.csv"),
    }[command]
    kind = "classifier" if command == "classify" else "embedding"
    given = (*given, "--model", saved(once, kind))
    expected = run_here(capfd, *given)
    for place in ("-", "/dev/fd/0"):
        with as_pipe_to_standard_input(given[-3].read_bytes()):
            found = run_here(capfd, *(place if part == given[-3] else part for part in given))
        without = [re.sub(r'"seconds": [\d.e-]+', "", out) for _, out, _ in (expected, found)]
        assert (found[0], without[0]) == (0, without[1]), found


def test_what_has_no_end_ends_in_a_sentence(once, capfd):
    model = saved(once, "classifier")
    for given in (
        ("classify", "--model", model),
        ("classify", "--model", model, "--input", "/dev/zero"),
        ("evaluate", "masked-lm", "--model", model, "--data", "-"),
    ):
        with as_standard_input("/dev/zero"):
            status, out, err = run_here(capfd, *given)
        assert (status, out) == (2, "") and err.count("\n") == 1 and "it is a device" in err


def test_a_delimiter_that_separates_nothing(once, capfd, tmp_path):
    (tmp_path / "a.txt").write_text("three\n")
    given = ("--model", saved(once, "masked-lm"), "--data", tmp_path / "a.txt", "--delimiter", ";")
    status, out, err = run_here(capfd, "evaluate", "masked-lm", *given)
    assert (status, out) == (2, "") and "a.txt: --delimiter is of .csv and .tsv files" in err
    options = argparse.Namespace(encoding=None, delimiter=";", skip_invalid=None)
    with _reading(options):  # of a command that reads no file
        pass
    assert "warning: --delimiter changed nothing: no .csv" in capfd.readouterr().err


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
