"""Commands that need Keras say what to install where it is missing."""

import json

import pytest

from tests.checkpoints.golden_models import GOLDEN
from tests.tasks.small_models import saved
from tests.text.tokenizers.pure_process import run_without_tensorflow

CODE = """
import contextlib, io, json
from keras_attention.cli.main import main
for command in json.loads({commands!r}):
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = main(command)
    print(json.dumps([status, said.getvalue()]))
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("text,label\ngood,a\nbad,b\n")
    return path


def test_what_to_install_is_said(once, tmp_path, table):
    run, output = saved(once, "classifier"), tmp_path / "output"
    commands = [
        ["inspect", run],
        ["export", "--model", run, "--output", output],
        ["evaluate", "classifier", "--model", run, "--data", table],
        ["import", GOLDEN / "sequence_classification", "--output", output],
        ["train", "translator", "--output", output, "--quiet"],
        ["train", "classifier", "--train", table, "--valid", table, "--output", output],
    ]
    text = json.dumps([list(map(str, command)) for command in commands])
    answers = run_without_tensorflow(CODE.format(commands=text)).splitlines()
    for command, answer in zip(commands, answers, strict=True):
        status, said = json.loads(answer)
        assert status == 2, command
        assert said == (
            "keras-attention: The package `keras` is needed here and is not installed. "
            "Install it with: pip install keras_attention\n"
        ), command
    assert not output.exists()
