"""The classes that docs/python.md shows: each block of code that defines one runs as it stands."""

import re
from pathlib import Path

import keras
import pytest

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
BLOCKS = {
    re.search(r"^class (\w+)", code, re.M)[1]: code
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    if re.search(r"^class ", code, re.M)
}


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
    emitted = model.generate(ids, max_length=20)["token_ids"]
    for step in range(emitted.shape[1]):
        chosen = keras.ops.argmax(model(ids)[:, -1], -1)
        has_ended = keras.ops.any(ids[:, 5:] == 0, axis=1)
        expected = keras.ops.where(has_ended, 0, chosen)
        assert keras.ops.all(emitted[:, step] == expected)
        ids = keras.ops.concatenate([ids, keras.ops.cast(expected[:, None], ids.dtype)], 1)
