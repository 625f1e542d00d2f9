"""The one table of tasks, and that nobody outside it tells kinds apart."""

import argparse
import ast
from pathlib import Path

import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.checkpoints.families import FAMILIES
from keras_attention.cli import import_checkpoint as import_command
from keras_attention.cli.options import add_options, flag_of, given, spelled
from keras_attention.files import refuse_existing
from keras_attention.json_file import require_fields
from keras_attention.tasks import TASKS, Option, Task, kind_of_model, task_of
from tests.tasks.small_models import KINDS, MAKERS, small_model

ROOT = Path(keras_attention.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("kind", TASKS)
def test_every_kind_has_its_task(kind):
    task = task_of(kind)
    assert isinstance(task, Task) and task.kind == kind
    assert (ROOT / "tasks" / TASKS[kind] / "task.py").exists()
    assert type(task).__module__ == f"keras_attention.tasks.{TASKS[kind]}.task"


def test_every_folder_is_in_the_table():
    folders = [path.parent.name for path in (ROOT / "tasks").glob("*/task.py")]
    assert sorted(folders) == sorted(TASKS.values())


@pytest.mark.parametrize("kind", TASKS)
def test_a_task_has_what_it_says(kind):
    task = task_of(kind)
    # Everything an artifact and a run need is there, whatever the task.
    for method in ("load_tokenizer", "run_config", "run_options", "require_fit", "wrap", "open"):
        assert getattr(type(task), method) is not getattr(Task, method), method
    for method in ("artifact_options", "examples", "graph", "comparison"):
        assert getattr(type(task), method) is not getattr(Task, method), method
    trained = ("config_class", "read_data", "make_batches", "make_model", "compile", "plan")
    for method in trained:
        overridden = getattr(type(task), method) is not getattr(Task, method)
        assert overridden == task.trains, method
    assert bool(task.train_options) == bool(task.train_help) == task.trains
    assert bool(task.evaluate_options) == bool(task.evaluate_help)
    assert bool(task.evaluate_options) == (type(task).evaluate is not Task.evaluate)
    if task.trains:
        assert task.config_class().kind == kind


@pytest.mark.parametrize("kind", TASKS)
def test_fields_of_manifests_can_be_required(kind):
    with pytest.raises(InputError, match="here"):
        require_fields({}, task_of(kind).manifest_fields, "here")


@pytest.mark.parametrize("kind", ["poet", "", None, 3, "tasks.translation"])
def test_a_kind_that_there_is_not(kind):
    with pytest.raises(InputError) as caught:
        task_of(kind, "run is a run")
    assert str(caught.value) == (
        f"run is a run of another kind: {kind!r}, not a translator or a classifier or a masked-lm "
        "or an encoder or a token-classifier or an embedding or a language-model."
    )


def test_another_kind_than_the_one_that_is_wanted():
    with pytest.raises(InputError) as caught:
        task_of("encoder", "run is a run", "translator")
    assert str(caught.value) == "run is a run of another kind: 'encoder', not a translator."


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "functional classifier"])
def test_models_say_their_kind(name):
    assert kind_of_model(small_model(name)) == KINDS[name]


def test_a_stock_model_says_none():
    assert kind_of_model(small_model("functional classifier")) is None


def test_a_checkpoint_is_imported_for_every_task_of_its_family():
    (choices,) = [option.choices for option in import_command.OPTIONS if option.name == "task"]
    assert set(choices) == {task for family in FAMILIES.values() for task in family.tasks}
    assert set(choices) <= set(TASKS)


# Nobody else tells kinds apart


def is_kind(node):
    """Whether an expression is somebody's kind of task: `kind`, `x.kind`, `x["kind"]`."""
    if isinstance(node, ast.Name):
        return node.id == "kind"
    if isinstance(node, ast.Attribute):
        return node.attr in ("kind", "task_kind") and getattr(node.value, "attr", "") != "dtype"
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "kind"
    is_get = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get"
    return is_get and bool(node.args) and getattr(node.args[0], "value", None) == "kind"


def names_a_task(node):
    values = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
    return bool(values & (set(TASKS) - {"encoder"}))  # which is a kind of attention too


def is_model(node):
    name = getattr(node, "id", getattr(node, "attr", ""))
    return name in ("model", "classifier", "translator", "user", "encoder", "backbone_model")


def told_apart(tree):
    """The lines on which code compares a kind with a task's, or asks a model what it has."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(map(is_kind, sides)) and any(map(names_a_task, sides)):
                yield node.lineno
        elif isinstance(node, ast.Match) and is_kind(node.subject):
            yield node.lineno
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr"):
            constant = isinstance(node.args[1], ast.Constant)
            if is_model(node.args[0]) and constant:
                yield node.lineno


def test_no_code_outside_the_table_tells_kinds_apart():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES
        for line in told_apart(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'if kind == "translator": pass',
        'if config["kind"] != "classifier": pass',
        'x = options.kind in ("masked-lm", "classifier")',
        'x = "classifier" == manifest.get("kind")',
        'x = getattr(model, "encoder", model)',
        'x = hasattr(self.model, "labels")',
        'match kind:\n    case "translator": pass',
    ],
)
def test_the_check_sees_every_form(code):
    assert len(list(told_apart(ast.parse(code)))) == 1


def test_the_check_lets_other_kinds_be():
    code = (
        'if kind == "cross": pass\nif array.dtype.kind in "iu": pass\nx = getattr(config, "seed")'
    )
    assert list(told_apart(ast.parse(code))) == []


# Options as data


def parse(options, *arguments):
    parser = argparse.ArgumentParser()
    add_options(parser, options)
    return parser.parse_args(arguments), parser.format_help()


@pytest.mark.parametrize(
    ("option", "flag"),
    [
        (Option("epochs"), "--epochs"),
        (Option("max_sequence_length", spelling="max-length"), "--max-length"),
        (Option("snapshot_every"), "--snapshot-every"),
        (Option("whole_words", spelling="single-pieces"), "--single-pieces"),
    ],
)
def test_the_flag_of_an_option(option, flag):
    assert flag_of(option) == flag


def test_an_option_becomes_a_flag():
    options = (
        Option("steps", "how many", int, metavar="N", group="work"),
        Option("rate", type=float, default=0.5),
        Option("method", choices=("one", "two"), required=True),
        Option("whole_words", type=bool, spelling="single-pieces", const=False),
        Option("texts", spelling="text", repeated=True),
    )
    arguments = "--method two --steps 3 --single-pieces --text a --text b".split()
    found, help = parse(options, *arguments)
    assert vars(found) == {
        "steps": 3,
        "rate": 0.5,
        "method": "two",
        "whole_words": False,
        "texts": ["a", "b"],
    }
    assert "work:" in help and "--steps N" in help and "how many" in help
    found, _ = parse(options, "--method", "one")
    assert given(found, ["steps", "whole_words", "method", "no_such"]) == {"method": "one"}


@pytest.mark.parametrize("arguments", [[], ["--method", "three"], ["--method", "one", "--n", "x"]])
def test_an_option_that_is_wrong_ends_with_status_2(arguments, capsys):
    options = (Option("method", choices=("one",), required=True), Option("n", type=int))
    with pytest.raises(SystemExit) as stop:
        parse(options, *arguments)
    assert stop.value.code == 2
    assert "--method" in capsys.readouterr().err or arguments[-1] == "x"


def test_every_option_of_a_task_is_one():
    for kind in TASKS:
        task = task_of(kind)
        for options in (task.train_options, task.export_options, task.evaluate_options):
            assert all(isinstance(option, Option) for option in options)
            flags = [flag_of(option) for option in options]
            assert len(set(flags)) == len(flags)
        names = {option.name for option in task.export_options}
        assert set(task.example_options) <= names
        if task.trains:
            fields = vars(task.make_config(**_needed(task)))
            decoding = set(fields.get("decoding", ())) | {"decoding"}
            for option in task.train_options:
                assert option.name in fields or option.name in decoding, option.name


def _needed(task):
    """The texts of a training, which a resumed one need not be given."""
    return {option.name: "file" for option in task.train_options if option.name == "train"}


def test_messages_name_arguments_in_python_and_flags_on_the_command_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        refuse_existing(tmp_path / "file", force=False)
    said = str(caught.value)
    assert said.endswith("Give another path, or `force` to overwrite it.")
    assert spelled(said).endswith("Give another path, or --force to overwrite it.")
    parse((Option("max_sequence_length", spelling="max-length"),))
    assert (
        spelled("`max_sequence_length` must be an integer.") == "--max-length must be an integer."
    )
    assert spelled("`labels` are `a b`.") == "`labels` are `a b`."


def literals(tree):
    """The strings of a file that are no docstrings, with their lines."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in docstrings:
                yield node.lineno, node.value


# What shows commands to people: the model card and the notes on workers.
SHOWS_COMMANDS = {"artifacts/write_model_card.py"}


def test_flags_stand_in_the_command_line_alone():
    found = []
    for path in MODULES:
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("cli/") or name in SHOWS_COMMANDS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [
            f"{name}:{line} {text}"
            for line, text in literals(tree)
            if any(w.startswith("--") and w[2:3].isalpha() for w in text.split())
        ]
    assert found == []
