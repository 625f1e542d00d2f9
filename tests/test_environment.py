"""What `import keras_attention` sets before TensorFlow is imported, in processes of its own."""

import fnmatch
import importlib.util
import io
import json
import os
import runpy
import subprocess
import sys
import types
from pathlib import Path

import pytest

from keras_attention import _environment
from keras_attention._environment import ALLOCATOR, LIMIT, ONEDNN, recommended
from tests.import_order import NAMES, is_set_here

pytestmark = pytest.mark.skipif(not is_set_here, reason="nothing is set on this machine")
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


NVIDIA, WSL = "/dev/nvidia0", "/usr/lib/wsl/lib/libcuda.so.1"


@pytest.mark.parametrize(
    "files, environment, is_set",
    [
        ([], {}, True),
        ([NVIDIA, "/dev/nvidiactl"], {}, False),
        (["/dev/dxg", WSL], {}, False),
        # What TensorFlow of PyPI cannot use: AMD, other graphics in WSL, a driver without a device.
        (["/dev/kfd", "/dev/dri/renderD128"], {}, True),
        (["/dev/dxg", "/usr/lib/wsl/lib/libd3d12.so"], {}, True),
        (["/dev/nvidiactl", "/proc/driver/nvidia/gpus/0000:01:00.0"], {}, True),
        # What hides a GPU of NVIDIA, and what does not.
        *(([NVIDIA], {"CUDA_VISIBLE_DEVICES": v}, True) for v in ("", "-1", "-1,0", "NoDevFiles")),
        *(([NVIDIA], {"CUDA_VISIBLE_DEVICES": v}, False) for v in ("0", "1,0", "GPU-8932f937")),
        ([NVIDIA], {"HIP_VISIBLE_DEVICES": "-1"}, False),
    ],
)
def test_a_gpu_that_tensorflow_can_use_leaves_all_as_it_is(files, environment, is_set, monkeypatch):
    for name in (*NAMES, "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")  # so that it is restored, whatever the test sets
        monkeypatch.delenv(name)
    for name, value in {"KERAS_BACKEND": "tensorflow", **environment}.items():
        monkeypatch.setenv(name, value)
    for module in ("keras", "tensorflow"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(_environment.glob, "glob", lambda pattern: fnmatch.filter(files, pattern))
        _environment.set_environment()
    assert [name in os.environ for name in NAMES[:2]] == [is_set] * 2


def backend_of_keras(monkeypatch):
    """What Keras' own module answers, run anew in this environment."""
    package = Path(importlib.util.find_spec("keras").origin).parent
    exports = types.SimpleNamespace(keras_export=lambda names: lambda function: function)
    monkeypatch.setitem(sys.modules, "keras.src.api_export", exports)
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "")  # so that what it sets is taken back
    return runpy.run_path(package / "src" / "backend" / "config.py")["backend"]()


@pytest.mark.parametrize("variable", [None, "", "jax"])
@pytest.mark.parametrize("home", [None, "", "~/.keras", "~/other", "HOME/other"])
@pytest.mark.parametrize("place", [".keras", "other", "."])
@pytest.mark.parametrize("content", ['{"backend": "jax"}', '{"floatx": "float32"}', "{"])
def test_the_backend_is_the_one_of_keras(variable, home, place, content, monkeypatch, tmp_path):
    import keras  # noqa: F401 (parts of which its module imports)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    home = home and home.replace("HOME", str(tmp_path))
    for name, value in (("KERAS_BACKEND", variable), ("KERAS_HOME", home)):
        monkeypatch.setenv(name, value or "")
        if value is None:
            monkeypatch.delenv(name)
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "keras.json").write_text(content)
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "keras")
        found = _environment._backend()
    assert found == backend_of_keras(monkeypatch)


def test_without_a_writable_home_the_backend_is_that_of_tmp(monkeypatch, tmp_path):
    """As in Keras, whose module would write there."""
    read = []
    for name in ("KERAS_BACKEND", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: path != str(tmp_path))
        patch.setattr("builtins.open", lambda path: read.append(path) or io.StringIO("{}"))
        _environment._backend()
    assert read == ["/tmp/.keras/keras.json"]


def test_this_suite_has_them_however_it_is_started():
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    code = f"import keras_attention, os; print(*[n for n in {NAMES} if n in os.environ])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= set(os.environ)


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
