"""Help texts name defaults in one way."""

import argparse
import re

import pytest

from keras_attention.cli.main import make_parser
from keras_attention.tasks import task_of
from keras_attention.tasks.option import Option

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
