"""What `import keras_attention` sets before TensorFlow is imported, in processes of its own."""

import json
import os
import platform
import subprocess
import sys

import pytest

from keras_attention import _environment
from keras_attention._environment import ALLOCATOR, LIMIT, ONEDNN, recommended

NAMES = (ALLOCATOR, ONEDNN, LIMIT)
is_x86_linux = platform.system() == "Linux" and platform.machine().lower() in ("x86_64", "amd64")
pytestmark = pytest.mark.skipif(not is_x86_linux, reason="nothing is set on this machine")
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


def after(code, **environment):
    """The variables after some code, in a process that begins without them."""
    inherited = {name: value for name, value in os.environ.items() if name not in NAMES}
    inherited.pop("KERAS_BACKEND", None)
    printed = f"import json, os; print(json.dumps([os.environ.get(n) for n in {NAMES}]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{printed}"],
        env={**inherited, **NO_GPU, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "keras_attention" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_both_are_set_and_the_limit_is_the_machines():
    limit = recommended(_environment._megabytes()).get(LIMIT)
    assert after("import keras_attention") == ["1", "1", limit]
    assert recommended(65_536) == {ALLOCATOR: "1", ONEDNN: "1"}
    assert recommended(100_000)[LIMIT] == "100000"


@pytest.mark.parametrize("value", ["0", "1", ""])
def test_what_the_user_has_set_wins(value):
    found = after("import keras_attention", **dict.fromkeys(NAMES, value))
    assert found == [value] * 3
    assert after("import keras_attention", **{ONEDNN: value})[:2] == ["1", value]


def test_tensorflow_came_first_and_nothing_is_said():
    assert after("import tensorflow, keras_attention") == [None] * 3


def test_nothing_is_set_on_jax(tmp_path):
    assert after("import keras_attention", KERAS_BACKEND="jax") == [None] * 3
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert after("import keras_attention", KERAS_HOME=str(tmp_path)) == [None] * 3
    (tmp_path / "keras.json").write_text('["no config"]')
    assert after("import keras_attention", KERAS_HOME=str(tmp_path))[:2] == ["1", "1"]


@pytest.mark.parametrize("hidden, count", [("-1", 2), ("", 2), ("0", 0), (None, 0)])
def test_a_visible_gpu_leaves_all_as_it_is(hidden, count, monkeypatch, tmp_path):
    for name in (*NAMES, "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "KERAS_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(_environment, "GPU_FILES", (str(tmp_path / "nvidia[0-9]*"),))
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    _environment.set_environment()
    assert sum(name in os.environ for name in NAMES[:2]) == count
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_every_command_has_them_before_tensorflow():
    """Also the workers of `launch`, which inherit the environment of the command."""
    code = (
        "import os, runpy, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'tensorflow':\n"
        f"            seen.append([os.environ.get(n) for n in {NAMES[:2]}])\n"
        "seen = []\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['keras-attention', 'train', 'classifier', '--train', 'none.tsv', "
        "'--output', 'none']\n"
        "try:\n"
        "    runpy.run_module('keras_attention.cli.main', run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "assert seen and seen[0] == ['1', '1'], seen"
    )
    assert after(code)[:2] == ["1", "1"]
