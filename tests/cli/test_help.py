"""Help texts name defaults in one way."""

import argparse
import re
import subprocess
import sys

import pytest

from keras_attention.cli.main import make_parser
from keras_attention.tasks import task_of
from keras_attention.tasks.option import Option
from keras_attention.version import __version__

COMMANDS = [
    *(("train", kind) for kind in ("translator", "classifier", "masked-lm")),
    *(("evaluate", kind) for kind in ("translator", "classifier", "masked-lm")),
    *(("plot", kind) for kind in ("attention", "length")),
    *((name,) for name in ("translate", "classify", "export", "import", "inspect", "launch")),
]


def options_of(command):
    """The options of a command, from its parser."""
    parser = make_parser(command)
    for name in command:
        (kinds,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        parser = kinds.choices[name]
    return parser._actions


def test_tasks_that_share_an_option_mean_the_same_by_it(monkeypatch):
    """The parser has one option of a name, with one help."""
    first, other = (Option("file", said) for said in ("labelled texts", "a file of sentences"))
    monkeypatch.setattr(task_of("classifier"), "export_options", (first,))
    for options, holds in (((first,), True), ((other,), False)):
        monkeypatch.setattr(task_of("encoder"), "export_options", options)
        if holds:
            make_parser(["export"])
        else:
            with pytest.raises(ValueError, match="file of encoder"):
                make_parser(["export"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_defaults_are_named_in_one_way(command):
    options = options_of(command)
    assert len(options) > 1
    for option in options:
        said = option.help or ""
        assert "by default" not in said and "(default)" not in said, option
        assert not re.search(r"; [\w.]+$", said.removesuffix("slower").removesuffix("weights"))
        if isinstance(option.default, (int, float)) and not isinstance(option.default, bool):
            assert f"(default: {option.default})" in said, option


NOTHING_HEAVY = """
import sys

class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "tensorflow", "matplotlib", "h5py", "sentencepiece"):
            raise ImportError(f"{name} is imported")

sys.meta_path.insert(0, Refuses())
from keras_attention.cli.main import main
for command in COMMANDS:
    try:
        main(command)
    except SystemExit as stop:
        assert stop.code == 0, (command, stop.code)
"""


def test_help_and_version_import_nothing_heavy():
    commands = [[*command, "--help"] for command in (*COMMANDS, ())] + [["--version"]]
    code = NOTHING_HEAVY.replace("COMMANDS", repr(commands))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: keras-attention") == len(commands) - 1
    assert done.stdout.endswith(f"keras-attention {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_option_that_has_a_default_names_it(command):
    said = "|".join(("default", "required", "- is standard", "each further", "overwrite"))
    for option in options_of(command):
        if option.default is not None and option.default is not argparse.SUPPRESS:
            is_flag = option.nargs == 0  # which says what it does
            assert is_flag or option.help is None or re.search(said, option.help), option


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c[0] in ("train", "evaluate", "export")]
)
def test_whatever_reads_texts_takes_their_encoding(command):
    flags = {flag for option in options_of(command) for flag in option.option_strings}
    assert {"--encoding", "--delimiter", "--skip-invalid"} <= flags
