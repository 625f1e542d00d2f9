"""The program of `export/c`: TensorFlow's C++ loader without Python."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

EXPORT = Path(__file__).parents[2] / "export"


def package(name):
    """The folder of an installed package."""
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


OP_LIBRARY = package("tensorflow_text") / "python" / "ops" / "_sentencepiece_tokenizer.so"


def build(directory):
    """Compiles it in a copy of its folder; the path of the program."""
    shutil.copytree(EXPORT / "c", Path(directory) / "c")
    made = subprocess.run(
        ["make", "-C", Path(directory) / "c", f"TENSORFLOW={package('tensorflow')}"],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return Path(directory) / "c" / "translate"


def run(program, *arguments, stdin=b""):
    """Runs it in an empty environment; status, standard output and standard error."""
    found = subprocess.run(
        [program, *arguments], input=stdin, capture_output=True, env={}, timeout=300
    )
    return found.returncode, found.stdout.decode(), found.stderr.decode()
