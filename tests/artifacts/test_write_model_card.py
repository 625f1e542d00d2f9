"""README.md and labels.txt of an artifact, and the one table of formats."""

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

import keras_attention
from keras_attention import json_file
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS, RUNTIMES
from keras_attention.artifacts.manifest import read_manifest, verify_files
from keras_attention.artifacts.write_labels import write_labels
from keras_attention.artifacts.write_model_card import write_model_card
from keras_attention.tasks import TASKS, task_of
from keras_attention.tasks.export import export
from tests.tasks.small_models import KINDS, exported, save_small_run, saved

ROOT = Path(keras_attention.__file__).parent
NAMES = [name for name in KINDS if name not in ("rnn translator", "functional classifier")]


@pytest.fixture(params=NAMES)
def artifact(request, once):
    """An artifact of every task, with all formats. Not to be changed."""
    return exported(once, request.param)


def card_of(directory):
    return (directory / "README.md").read_text(encoding="utf-8")


def rows_of(card):
    """The cells of each format's row."""
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {row[0]: dict(zip(cells[0], row, strict=True)) for row in cells[1:]}


def commands_of(card):
    return [line.strip() for line in card.splitlines() if line.startswith("    ")]


def test_a_card_says_what_the_manifest_does(artifact):
    manifest, card = read_manifest(artifact), card_of(artifact)
    assert card.splitlines()[0] == f"# {manifest['kind'].capitalize()}"
    rows = rows_of(card)
    assert list(rows) == manifest["formats"]
    for name, row in rows.items():
        assert row["file"] == f"`{FORMATS[name].path}`"
        assert row["precision"] == "float32"
        reports = manifest["parity"][name]
        assert row["same as Keras"] == f"100.0% of {reports[0]['sentences']}"
    model = manifest["model"]
    parameters = f"{model['parameters']:,}"
    assert f"- made from the Keras model {model['class']} with {parameters} parameters\n" in card
    assert "\nCompared with Keras, and scored, on texts that the export was given.\n" in card
    for line in task_of(manifest["kind"]).describe(manifest):
        assert f"- {line}\n" in card
    for signature, entry in manifest["signatures"].items():
        assert f"- signature `{signature}` (" in card
        assert all(name in card for name in (*entry["inputs"], *entry["outputs"]))
    assert f"keras {manifest['packages']['keras']}" in card


def test_a_card_has_one_command_a_format(artifact):
    manifest = read_manifest(artifact)
    commands = commands_of(card_of(artifact))
    assert len(commands) == len(manifest["formats"]) + 1
    for name, command in zip(manifest["formats"], commands, strict=False):
        assert name in command
        assert shlex.split(command)[0] in ("keras-attention", "python")
    server = "A server, which answers at `http://localhost:8501/v1/models/model`:\n\n    "
    assert server + commands[-1] in card_of(artifact)
    words = shlex.split(commands[-1])
    assert words[0] == "docker" and "$PWD/saved_model:/models/model" in words


@pytest.mark.parametrize("place", range(len(FORMATS)))
def test_the_commands_of_a_card_run(place, artifact, monkeypatch, capfd, tmp_path):
    from keras_attention.cli.main import main

    monkeypatch.chdir(artifact)
    words = shlex.split(commands_of(card_of(artifact))[place])
    if words[0] == "python":
        exec(words[2], {})
        assert "array" in capfd.readouterr().out
    else:
        (tmp_path / "in.txt").write_text("three\non monday\n")
        assert main([*words[1:], "--input", str(tmp_path / "in.txt")]) == 0
        assert len(capfd.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(
    "name",
    [*(pytest.param(n, marks=pytest.mark.slow) for n in ("translator", "classifier")), "encoder"],
)
def test_a_card_says_on_what_it_was_compared(once, tmp_path, name):
    export(saved(once, name), tmp_path / "artifact", formats=("onnx",))
    said = "Compared with Keras, and scored, on phrases of the built-in corpus."
    assert said in card_of(tmp_path / "artifact")
    manifest = read_manifest(tmp_path / "artifact")
    assert {tuple(entry["formats"]) for entry in manifest["signatures"].values()} == {("onnx",)}


def test_labels_stand_in_a_file(artifact):
    manifest = read_manifest(artifact)
    path = artifact / "labels.txt"
    assert path.exists() == ("labels" in manifest)
    if path.exists():
        assert path.read_text(encoding="utf-8").split("\n") == [*manifest["labels"], ""]
        assert f"labels: {', '.join(manifest['labels'])}" in card_of(artifact)


def test_the_manifest_lists_both(artifact):
    files = read_manifest(artifact)["files"]
    assert "README.md" in files
    assert ("labels.txt" in files) == (artifact / "labels.txt").exists()
    verify_files(artifact)


@pytest.mark.parametrize("label", ["one\nline", "two\r\nlines", "an end\u2028", "\x0c"])
def test_labels_that_hold_line_breaks(tmp_path, label):
    """No two labels become one line: `labels.txt` would have others than the manifest."""
    for name in ("classifier", "token-classifier"):
        said = "`labels` must be a list of different strings of one line each. Received"
        with pytest.raises(ValueError, match=said):
            save_small_run(name, tmp_path / "run", labels=["one line", label, "c"])
    with pytest.raises(InputError, match="`labels` must be a list of different names of one line"):
        json_file.require_fields(
            {"labels": [label, "b"]}, {"labels": json_file.NAMES}, "manifest.json"
        )
    write_labels(tmp_path, ["a b", "für 😐"])
    assert (tmp_path / "labels.txt").read_text("utf-8") == "a b\nfür 😐\n"


def made_up(**fields):
    """A manifest as an export hands it to the card."""
    report = {"agreement": 1.0, "sentences": 20, "batch_size": 1}
    return {
        "kind": "classifier",
        "formats": ["tf_saved_model", "tflite"],
        "precision": "int8",
        "labels": ["bad", "good"],
        "takes_pairs": False,
        "max_length": 12,
        "signatures": {},
        "model": {"class": "Classifier", "parameters": 1234},
        "compared_on": "the run's validation data",
        "parity": {"tf_saved_model": [report], "tflite": [report, {**report, "agreement": 0.95}]},
        **fields,
    }


def test_a_card_of_a_lower_precision_and_scores(tmp_path):
    manifest = made_up(
        preset="tiny",
        lower_precision={"tflite": {"precision": "int8"}},
        scores={"tflite": {"accuracy": 0.98765, "confusion": [[1]], "texts": 3}},
    )
    write_model_card(tmp_path, manifest, task_of("classifier"))
    card = card_of(tmp_path)
    assert card.startswith("# Classifier: tiny\n")
    rows = rows_of(card)
    assert [row["precision"] for row in rows.values()] == ["float32", "int8"]
    assert rows["tflite"]["same as Keras"] == "95.0% of 20"  # the worst report
    assert [row["scores"] for row in rows.values()] == ["not measured", "accuracy 0.9877"]
    assert "- labels: bad, good\n" in card


@pytest.mark.parametrize("kind", TASKS)
def test_every_format_has_a_command_whatever_the_task(kind, tmp_path):
    fields = dict(output="logits", decoding={}, kind=kind, precision="float32")
    fields |= dict(dimension=4, normalized=True)
    reports = [{"agreement": 1.0, "sentences": 2, "batch_size": 1}]
    parity = {name: reports for name in FORMATS}
    manifest = made_up(**fields, formats=list(FORMATS), parity=parity)
    write_model_card(tmp_path, manifest, task_of(kind))
    assert len(commands_of(card_of(tmp_path))) == len(FORMATS) + 1


# The table of formats


def test_the_table_has_a_line_for_each_format():
    assert list(FORMATS) == ["tf_saved_model", "tflite", "onnx"]
    assert RUNTIMES == ("keras", *FORMATS)
    for name, fmt in FORMATS.items():
        assert fmt.name == name
        assert fmt.main_file.startswith(fmt.path)
        module = ROOT / "artifacts" / f"{fmt.module}.py"
        tree = ast.parse(module.read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert {"write", "operators", "signature"} <= functions


def test_no_other_file_says_where_a_format_stands():
    """`model.onnx` and the others, as code or in a message, but not in docstrings."""
    named = re.compile("|".join(re.escape(fmt.path) for fmt in FORMATS.values()))
    found = []
    for path in ROOT.rglob("*.py"):
        if path == ROOT / "artifacts" / "formats.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        strings = [n for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        found += [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for node in strings
            if isinstance(node.value, str) and id(node) not in docstrings
            if named.search(node.value)
        ]
    assert found == []


def test_no_other_file_has_a_table_by_format():
    found = []
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                keys = {getattr(key, "value", None) for key in node.keys}
                if len(keys & set(FORMATS)) > 1:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_the_manifest_of_an_artifact_is_json_with_its_digests(artifact):
    entries = json.loads((artifact / "manifest.json").read_text())["files"]
    assert set(entries) == {
        path.relative_to(artifact).as_posix()
        for path in artifact.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
