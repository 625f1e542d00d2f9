"""The code of docs/: classes and the picture of a band run as they stand; imports in one order."""

import re
import shlex
from pathlib import Path

import keras
import pytest

from tests.cli.command import run_here
from tests.import_order import is_set_here, variables_at_import

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "python.md"
BLOCKS = {
    re.search(r"^class (\w+)", code, re.M)[1]: code
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    if re.search(r"^class ", code, re.M)
}

# Every block that imports Keras or TensorFlow beside this package, by its page and its place there.
IMPORTING = {
    f"{page.name} {place}": code
    for page in sorted([*DOCS.glob("*.md"), DOCS.parent / "README.md"])
    for place, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S))
    if "keras_attention" in code and re.search(r"^ *(import|from) (keras|tensorflow)\b", code, re.M)
}


@pytest.mark.skipif(not is_set_here, reason="nothing is set on this machine")
@pytest.mark.parametrize("name", IMPORTING)
def test_the_package_comes_before_keras_and_tensorflow(name, tmp_path):
    (tmp_path / "block.py").write_text(IMPORTING[name], encoding="utf-8")
    assert variables_at_import(tmp_path / "block.py")[:2] == ["1", "1"]


@pytest.mark.parametrize("name", sorted(set(BLOCKS) - {"LanguageModel"}))
def test_it_runs(name):
    keras.utils.set_random_seed(0)
    found = {"__name__": "docs"}
    exec(compile(BLOCKS[name], f"docs/python.md {name}", "exec"), found)
    assert name in found


def test_the_language_model_emits_what_its_logits_say():
    keras.utils.set_random_seed(0)
    found = {"__name__": "docs"}
    exec(compile(BLOCKS["LanguageModel"], "docs/python.md", "exec"), found)
    model, ids = found["model"], found["prompts"]
    for variable in model.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.5, seed=1))
    emitted = model.generate(ids, max_length=10)["token_ids"]
    for step in range(emitted.shape[1]):
        chosen = keras.ops.argmax(model(ids)[:, -1], -1)
        has_ended = keras.ops.any(ids[:, 5:] == 0, axis=1)
        expected = keras.ops.where(has_ended, 0, chosen)
        assert keras.ops.all(emitted[:, step] == expected)
        ids = keras.ops.concatenate([ids, keras.ops.cast(expected[:, None], ids.dtype)], 1)


def test_the_commands_that_draw_a_band(tmp_path, monkeypatch, capfd):
    """docs/language-models.md: a block makes a banded model, and the commands after it draw it."""
    monkeypatch.chdir(tmp_path)
    page = PAGE.with_name("language-models.md").read_text(encoding="utf-8")
    code, after = re.search(r"```python\n([^`]*\"banded\"[^`]*)```(.*?)\n## ", page, re.S).groups()
    exec(compile(code, "docs/language-models.md", "exec"), {"__name__": "docs"})
    commands = re.findall(r"^    keras-attention (plot .*)$", after, re.M)
    assert len(commands) == 2
    for command in commands:
        status, _, error = run_here(capfd, *shlex.split(command))
        assert status == 0, error
    for name in ("dense.png", "banded.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
