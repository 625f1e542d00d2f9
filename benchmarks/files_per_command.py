"""How many files of the library a command needs, and how many a reader of CONTRIBUTING.md opens.

python benchmarks/files_per_command.py [--tree DIRECTORY] [--list]

A command needs a file if one of the file's functions is called while the command runs. What runs
because a module is imported does not count: the bodies of modules and classes, and the functions
that they call. Each command runs in a process of its own, under a profiler, on a translator of the
smallest size. Code that TensorFlow's AutoGraph rewrites counts where its original stands.

The walks are the numbered lists under "How a sentence travels" in CONTRIBUTING.md. Every walk has
the heading that `WALKS` names, and every item begins with a path below keras_attention/:

    ### From the command line to the loss
    1. `cli/main.py` reads the command line.

Prints each count beside its bound. Exit status 1 if a count is over its bound, or a walk names a
file that its command does not need, or names one twice.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PACKAGE = "keras_attention"
BOUNDS = {"train translator": 45, "export": 45, "translate --runtime tflite": 18}
# Heading, the command that takes this walk, and how many files it may have.
WALKS = (
    ("From the command line to the loss", "train translator", 20),
    ("A sentence through translate --runtime tflite", "translate --runtime tflite", 10),
    ("An attention mask", "train translator", 5),
)
ITEM = re.compile(r"^\s*\d+\.\s+`([^`]+)`")


def count(tree, output, arguments):
    """Runs one command in this process and writes the files that it needs, a line each."""
    root = f"{os.path.realpath(tree)}/{PACKAGE}/"
    sys.path.insert(0, os.path.dirname(os.path.dirname(root)))
    is_function = 1  # CO_OPTIMIZED: neither the body of a module nor that of a class
    needed, known = set(), {}

    def while_importing(frame):
        while frame is not None:
            code = frame.f_code
            if code.co_name == "<module>" and code.co_filename.startswith(root):
                return True
            if code.co_filename.startswith("<frozen importlib"):  # which asks our finder too
                return True
            frame = frame.f_back
        return False

    def profile(frame, event, argument):
        if event != "call":
            return
        code = frame.f_code
        name = known.get(code)
        if name is None:
            is_ours = code.co_filename.startswith(root) and code.co_flags & is_function
            name = known[code] = code.co_filename[len(root) :] if is_ours else ""
        if name and name not in needed and not while_importing(frame):
            needed.add(name)

    def note_originals():
        """Notes what AutoGraph converts: the code that then runs is in a file of its own."""
        from tensorflow.python.autograph.impl import api

        convert = api._convert_actual

        def noting(entity, *others):
            code = getattr(getattr(entity, "__func__", entity), "__code__", None)
            if code is not None and code.co_filename.startswith(root):
                needed.add(code.co_filename[len(root) :])
            return convert(entity, *others)

        api._convert_actual = noting

    if arguments[0] != "translate":  # which may run without TensorFlow
        note_originals()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        from keras_attention.cli.main import main

        status = main(arguments)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    Path(output).write_text("".join(f"{name}\n" for name in sorted(needed)), encoding="utf-8")
    return status


def files_of_commands(tree):
    """The files that each command of `BOUNDS` needs: a dict of lists."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for side, word in (("en", "number"), ("de", "Zahl")):
            lines = "".join(f"{word} {number}\n" for number in range(40))
            (folder / side).write_text(lines, encoding="utf-8")
        corpus = [
            option
            for part in ("train", "valid")
            for side, name in (("source", "en"), ("target", "de"))
            for option in (f"--{part}-{side}", name)
        ]
        commands = {
            "train translator": [
                *("train", "translator", *corpus, "--vocabulary-size", "60", "--epochs", "1"),
                *("--output", "run", "--quiet"),
            ],
            "export": ["export", "--model", "run", "--output", "artifact", "--quiet"],
            "translate --runtime tflite": [
                *("translate", "--model", "artifact", "--runtime", "tflite", "--input", "en"),
            ],
        }
        needed = {}
        for name, arguments in commands.items():
            options = ["--count", os.path.realpath(tree), "needed.txt", "--", *arguments]
            done = subprocess.run(
                [sys.executable, os.path.abspath(__file__), *options],
                cwd=folder,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise SystemExit(f"`{' '.join(arguments)}` failed:\n{done.stderr[-3000:]}")
            needed[name] = (folder / "needed.txt").read_text(encoding="utf-8").split()
        return needed


def walks_of(text):
    """The lists of paths under the headings of CONTRIBUTING.md: a dict of lists."""
    walks, heading = {}, None
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").replace("`", "").strip()
        elif match := ITEM.match(line):
            walks.setdefault(heading, []).append(match[1].removeprefix(f"{PACKAGE}/"))
    return walks


def faults_of_walk(walk, needed):
    """What is wrong with a list of paths, a sentence each."""
    if not walk:
        yield "CONTRIBUTING.md has no numbered list under this heading"
    for name in dict.fromkeys(walk):
        if name not in needed:
            yield f"{name} is not a file whose functions this command calls"
        if walk.count(name) > 1:
            yield f"{name} is named twice"


def main():
    """Prints the counts and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", default=Path(__file__).parent.parent, help="a checkout")
    parser.add_argument("--list", action="store_true", help="also print the files")
    options = parser.parse_args()
    commands = files_of_commands(options.tree)
    is_over = False

    def report(name, files, bound, faults=()):
        nonlocal is_over
        faults = list(faults)
        is_bad = bool(faults) or len(files) > bound
        is_over |= is_bad
        print(f"{name:<50}{len(files):>4} files, at most {bound:>2}{'  OVER' * is_bad}")
        for line in [*faults, *files * options.list]:
            print(f"    {line}")

    for name, bound in BOUNDS.items():
        report(name, commands[name], bound)
    page = Path(options.tree) / "CONTRIBUTING.md"
    walks = walks_of(page.read_text(encoding="utf-8")) if page.exists() else {}
    for heading, command, bound in WALKS:
        walk = walks.get(heading, [])
        report(heading, walk, bound, faults_of_walk(walk, commands[command]))
    return 1 if is_over else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--count"]:
        _, _, tree, output, _, *arguments = sys.argv
        sys.exit(count(tree, output, arguments))
    sys.exit(main())
