"""The environment that a program has when it first imports Keras or TensorFlow."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from keras_attention._environment import ALLOCATOR, LIMIT, ONEDNN

NAMES = (ALLOCATOR, ONEDNN, LIMIT)
ROOT = Path(__file__).parent.parent
is_set_here = platform.system() == "Linux" and platform.machine().lower() in ("x86_64", "amd64")
# Ends the process at the first import of either, so that no test waits for TensorFlow.
PROGRAM = f"""
import json, os, runpy, sys

def end():
    print()
    print(json.dumps([os.environ.get(name) for name in {NAMES}]), flush=True)
    os._exit(0)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("keras", "tensorflow"):
            end()

sys.meta_path.insert(0, Finder())
path = sys.argv.pop(1)
sys.argv[0] = path
sys.path[0] = os.path.dirname(path)  # as it is for who runs the file itself
try:
    runpy.run_path(path, run_name="__main__")
finally:
    end()
"""


def variables_at_import(path, *arguments):
    """The values of `NAMES` at that import, or at the program's end, an error included.

    Args:
        path: of a Python program.
        *arguments: of the program, which begins without the variables and without a visible GPU.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    environment |= {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
