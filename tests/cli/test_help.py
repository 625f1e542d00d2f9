"""Help texts name defaults in one way."""

import argparse
import dataclasses
import re
import subprocess
import sys

import pytest

from keras_attention.cli.main import COMMANDS as ALL_COMMANDS
from keras_attention.cli.main import make_parser
from keras_attention.runs.described_default import described_default
from keras_attention.tasks import TASKS, task_of
from keras_attention.tasks.option import Option
from keras_attention.tasks.translation.translator_families import TRANSLATOR_FAMILIES
from keras_attention.version import __version__

KINDS = [kind for kind in TASKS if task_of(kind).trains]
COMMANDS = [
    *((command, kind) for command in ("train", "evaluate") for kind in KINDS),
    *(("plot", kind) for kind in ("attention", "length")),
    *((name,) for name in ALL_COMMANDS if name not in ("train", "evaluate", "plot")),
]
# What is left out changes nothing, or it is needed to begin with.
NOTHING = {
    *("train", "custom", "input", "output", "prompt", "confusion", "pair", "pair_column", "family"),
    *("debug", "help", "arguments"),
}


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


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_whatever_takes_a_value_says_what_it_is_by_itself(command):
    for option in options_of(command):
        if option.nargs != 0 and not option.required and option.dest not in NOTHING:
            assert "(default: " in (option.help or ""), option


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_that_help_names_are_those_of_a_training(kind):
    """With every preset, and with what else a training may begin with."""
    cls = task_of(kind).config_class()
    plain = {field.name: field.default for field in dataclasses.fields(cls)}
    names = [option.dest for option in options_of(("train", kind)) if option.dest in plain]
    names = [name for name in names if isinstance(plain[name], (int, float))]
    assert len(names) > 5
    files = dict(train_source="a", train_target="b") if kind == "translator" else {"train": "a.txt"}
    architectures = {n: name for name, f in TRANSLATOR_FAMILIES.items() for n in f.presets}
    for begin, suited in cls.suits.items():
        given = {"preset": begin, **files}
        if begin == "initial weights":
            given = {"initial_weights": "none", **files}
        elif begin == "the built-in corpus":
            given = {}
        elif kind == "translator":
            given["architecture"] = architectures[begin]
        config = cls.for_preset(**given)
        for name in names:
            if name not in ("epochs", "steps"):  # of which one follows from the other
                assert getattr(config, name) == suited.get(name, plain[name]), (begin, name)


def test_a_default_in_words():
    @dataclasses.dataclass
    class Config:
        size: int = 3
        rate: float = 5e-5
        limit: float | None = None
        suits = {
            "tiny": dict(size=4, rate=1e-3),
            "small": dict(size=4, rate=2e-3),
            **{name: dict(rate=float(name)) for name in ("3", "4", "5")},
        }

    assert described_default(Config, "size") == "3; 4 of tiny and small"
    assert described_default(Config, "rate") == "the preset's, from 5e-05 to 5"
    assert described_default(Config, "limit") == "none"
    assert described_default(Config, "other") is None


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c[0] in ("train", "evaluate", "export")]
)
def test_whatever_reads_texts_takes_their_encoding(command):
    flags = {flag for option in options_of(command) for flag in option.option_strings}
    assert {"--encoding", "--delimiter", "--skip-invalid"} <= flags
