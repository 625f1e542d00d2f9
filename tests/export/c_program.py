"""The programs of `export/c`: TensorFlow's C++ loader without Python."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

EXPORT = Path(__file__).parents[2] / "export"


def package(name):
    """The folder of an installed package."""
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


OPERATORS = package("tensorflow_text") / "python" / "ops"
OP_LIBRARY = OPERATORS / "_sentencepiece_tokenizer.so"
WORDPIECE_LIBRARY = OPERATORS / "_fast_wordpiece_tokenizer.so"


def build(directory):
    """Compiles them in a copy of their folder; the path of the copy."""
    shutil.copytree(EXPORT / "c", Path(directory) / "c")
    command = ["make", "-C", Path(directory) / "c", f"TENSORFLOW={package('tensorflow')}"]
    if shutil.which("ld.gold"):  # binds a gigabyte of TensorFlow in a fifth of the other's time
        command.append("CFLAGS=-O2 -fuse-ld=gold")
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return Path(directory) / "c"


def run(program, *arguments, stdin=b""):
    """Runs it in an empty environment; status, standard output and standard error."""
    found = subprocess.run(
        [program, *arguments], input=stdin, capture_output=True, env={}, timeout=300
    )
    return found.returncode, found.stdout.decode(), found.stderr.decode()
