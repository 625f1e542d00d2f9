"""The same commands with two commits: whether they give the same, and how long each took.

python benchmarks/regression/compare.py --base COMMIT [--folder F] [--base-python P] [--only WORD]

or `make regression BASE=COMMIT`. COMMIT is checked out into a temporary folder, with an environment
of its own; the other side is this checkout as it stands, with the Python that runs this script.
`commands.py` says what both do, each in its own folder of results, at the same time.

Equal must be: exit statuses, translations, labels, pictures, tokenizers, the names of files, what
`inspect` says, all JSON but for what measures time or hashes bytes, and, bit by bit, weights, the
arrays of snapshots, scores and histories. `renames.json` lists what may differ:

    options   spelling in COMMIT's command line -> spelling here
    new, gone, changed     [{"file": pattern, "path": regular expression, "changelog": text}, ...]
    renamed   the same with "to": what the path, or the name of the file, is called here
    texts     [{"file": pattern, "from": regular expression, "to": text, "changelog": text}, ...]
    moved     [{"file": pattern, "operation": name, "at_most": 1e-6}, ...]

"file" is below the folder of results, such as "*/manifest.json"; "path" leads through a JSON file,
such as "decoding.method", and is empty for the file itself. "changelog" must be in CHANGELOG.md.

Exit status 1 if anything else differs.
"""

import argparse
import collections
import concurrent.futures
import csv
import fnmatch
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.regression import commands

HERE = Path(__file__).parent
TREE = HERE.parents[1]
# What two runs of the same commit do not share.
NEVER_EQUAL = re.compile(
    r"(.*\.)?(seconds|milliseconds_per_\w+|\w*sha256|bytes|float32_bytes|size_ratio)|packages\..*"
)
UNEQUAL_WORDS = (
    (re.compile(r"[\d.]+ (ms|MB)"), r"N \1"),
    (re.compile(r"[\d.]+% of float32"), "N% of float32"),
    (re.compile(r"keras_attention [\d.]+\w*"), "keras_attention N"),
)
SNAPSHOT = "snapshots/step-*.safetensors"
SHOWN = 5  # differences of a file
DEADLINE = 900  # seconds that one group of commands may take


def environment(tree):
    """What both sides find in their environment."""
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": str(tree),
        "PYTHONHASHSEED": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_CPU_ALLOCATOR_USE_BFC": "1",
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


class Side:
    """One commit: its package, its Python, its results."""

    def __init__(self, name, tree, python, folder, options):
        self.name, self.tree, self.python, self.folder = name, Path(tree), str(python), folder
        self.options = options
        folder.mkdir(parents=True)
        commands.write_corpora(folder, TREE)

    def spelled(self, arguments):
        """The arguments in the spelling of this commit."""
        return [self.options.get(argument, argument) for argument in arguments]

    def start(self, arguments):
        """A process in the folder of the results."""
        with open(self.folder / "errors.txt", "ab") as errors:
            return subprocess.Popen(
                [self.python, *arguments],
                cwd=self.folder,
                env=environment(self.tree),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )

    def perform(self, group):
        """Runs named commands in one process, and waits."""
        started = time.time()
        group = [[name, self.spelled(arguments)] for name, arguments in group]
        process = self.start([str(HERE / "perform.py"), json.dumps(group)])
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(f"{self.name}: {group[0][0]} {time.time() - started:.0f} s", flush=True)

    def interrupt_and_resume(self):
        """Stops a training by a signal after a snapshot, and goes on with it."""
        arguments = self.spelled(commands.RESUMED)
        process = self.start(["-m", "keras_attention.cli.main", *arguments])
        while process.poll() is None and not [*(self.folder / "resumed").glob(SNAPSHOT)]:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)
        (self.folder / "interrupted.status").write_text(f"{process.returncode}\n")
        self.perform([["resume", [*arguments, "--resume"]]])

    def perform_all(self, only):
        """Everything in `commands` whose name has the word `only`."""
        for arguments in commands.TRAININGS:
            if only in arguments[-1]:
                self.perform([[f"train_{arguments[-1]}", arguments]])
        if only in "resumed":
            self.interrupt_and_resume()
        for run in (*commands.TRANSLATORS, *commands.CLASSIFIERS):
            if only in run:
                self.perform([*commands.of_run(run), [f"probe_{run}", [run]]])
        for artifact, (_, *options) in commands.EXPORTS.items():
            if only in artifact:
                formats = commands.formats_of(options)
                probes = [[f"probe_{artifact}_{name}", [artifact, name]] for name in formats]
                self.perform([*commands.of_artifact(artifact), *probes])
        if not only:
            self.perform([*commands.refused(), ["probe_corpus", ["corpus"]]])


class Comparison:
    """Finds what differs between the results of two sides, and what of it is listed."""

    def __init__(self, base, head, rules):
        self.base, self.head, self.rules = base, head, rules
        self.faults, self.allowed, self.compared = [], [], 0

    def listed(self, kind, file, path=""):
        """The rule of a kind that lists this, or None."""
        for rule in self.rules.get(kind, []):
            if fnmatch.fnmatch(file, rule["file"]) and re.fullmatch(rule.get("path", ".*"), path):
                return rule

    def differ(self, kind, file, path, sentence):
        """Notes a difference, which a rule of that kind may allow."""
        if kind and self.listed(kind, file, path):
            self.allowed.append(f"{file}: {path or 'file'}: {kind}")
        else:
            self.faults.append(f"{file}: {sentence}")

    def renamed(self, file, path):
        """What a path is called on the other side."""
        for rule in self.rules.get("renamed", []):
            if fnmatch.fnmatch(file, rule["file"]):
                new = re.sub(f"^(?:{rule['path']})$", rule["to"], path)
                if new != path:
                    self.allowed.append(f"{file}: {path} is now {new}")
                    path = new
        return path

    def values(self, file, old, new):
        """Compares two dicts of values by path."""
        old = {self.renamed(file, path): value for path, value in old.items()}
        for path in sorted({*old, *new}):
            self.compared += 1
            if NEVER_EQUAL.fullmatch(path) and (path in old) == (path in new):
                continue
            if path not in new:
                self.differ("gone", file, path, f"{path} is gone (was {old[path]!r})")
            elif path not in old:
                self.differ("new", file, path, f"{path} is new ({new[path]!r})")
            elif isinstance(old[path], float) and isinstance(new[path], float):
                self.numbers(file, path, old[path], new[path])
            elif old[path] != new[path]:
                said = f"{path} was {old[path]!r}, is {new[path]!r}"
                self.differ("changed", file, path, said)

    def numbers(self, file, name, old, new):
        """Compares arrays, or numbers, bit by bit."""
        import numpy as np

        self.compared += 1
        old, new = np.asarray(old), np.asarray(new)
        if old.shape != new.shape or old.dtype != new.dtype:
            said = f"{name} was {old.dtype} {old.shape}, is {new.dtype} {new.shape}"
            self.faults.append(f"{file}: {said}")
        elif old.tobytes() != new.tobytes():
            if old.dtype.kind != "f":
                return self.differ("changed", file, name, f"{name} differs")
            distance = float(np.max(np.abs(old.astype("float64") - new.astype("float64"))))
            rule = self.listed("moved", file, name)
            # Printed scores are rounded to six digits, and one unit of the last is 1e-6.
            if rule and round(distance, 12) <= rule["at_most"]:
                self.allowed.append(f"{file}: {name} moved by {distance:.1e}: {rule['operation']}")
            else:
                self.differ("changed", file, name, f"{name} differs by {distance:.2e}")

    def arrays(self, file, old, new):
        """Compares two dicts of arrays, in their order where names differ."""
        if [*old] != [*new] and len(old) == len(new):
            same = {_bits(array) for array in old.values()} == {_bits(a) for a in new.values()}
            if same:
                self.allowed.append(f"{file}: the same {len(old)} arrays by other names")
                return
            new = dict(zip(old, new.values(), strict=True))
        for name in sorted({*old, *new}):
            if name in old and name in new:
                self.numbers(file, name, old[name], new[name])
            else:
                kind = "gone" if name in old else "new"
                self.differ(kind, file, name, f"array {name} is {kind}")

    def text(self, file, old, new):
        """Compares lines."""
        for rule in self.rules.get("texts", []):
            if fnmatch.fnmatch(file, rule["file"]):
                changed = re.sub(rule["from"], rule["to"], old)
                if changed != old:
                    self.allowed.append(f"{file}: {rule['from']!r} is now {rule['to']!r}")
                old = changed
        for pattern, word in UNEQUAL_WORDS:
            old, new = pattern.sub(word, old), pattern.sub(word, new)
        old, new = old.splitlines(), new.splitlines()
        self.compared += max(len(old), len(new))
        if len(old) != len(new):
            self.differ("changed", file, "", f"had {len(old)} lines, has {len(new)}")
        for number, (was, now) in enumerate(zip(old, new, strict=False), start=1):
            if was != now:
                said = f"line {number} was {was!r}, is {now!r}"
                self.differ("changed", file, str(number), said)

    def all(self):
        """Compares every file of the results."""
        old = {self.renamed(name, name): name for name in _names(self.base)}
        new = {name: name for name in _names(self.head)}
        for name in sorted({*old, *new}):
            if name not in new:
                self.differ("gone", old[name], "", "there is no such file any more")
            elif name not in old:
                self.differ("new", name, "", "there was no such file")
            else:
                self.file(name, self.base / old[name], self.head / name)

    def file(self, name, old, new):
        """Compares two files by their kind."""
        base = Path(name).name
        if old.suffix == ".json":
            values = [_flat(json.loads(path.read_text(encoding="utf-8"))) for path in (old, new)]
            self.values(name, *values)
        elif base.startswith(("evaluate_", "plot_")) and old.suffix == ".out":
            self.values(name, *[_flat(json.loads(path.read_text() or "{}")) for path in (old, new)])
        elif base.startswith("classify_") and old.suffix == ".out":
            self.values(name, *[_flat(_json_lines(path.read_text())) for path in (old, new)])
        elif old.suffix == ".csv":
            self.values(name, *[_flat(_table(path.read_text())) for path in (old, new)])
        elif old.suffix == ".status" and not base.startswith(("refuse_", "interrupted")):
            for side, path in (("before", old), ("now", new)):
                if path.read_text().strip() != "0":
                    self.faults.append(f"{name}: the command fails {side}: see errors.txt")
        elif old.suffix in (".out", ".status", ".txt"):
            self.text(name, *[path.read_text(encoding="utf-8") for path in (old, new)])
        elif old.suffix == ".npz":
            self.arrays(name, *[_npz(path) for path in (old, new)])
        elif old.suffix == ".safetensors":
            self.arrays(name, *[_safetensors(path) for path in (old, new)])
        elif old.suffix == ".keras":
            self.arrays(name, *[_keras_weights(path) for path in (old, new)])
        elif old.suffix == ".png":
            from matplotlib.image import imread

            self.numbers(name, "pixels", imread(old), imread(new))
        elif "/tokenizer/" in name:
            self.compared += 1
            if old.read_bytes() != new.read_bytes():
                self.differ("changed", name, "", "differs")
        # What an artifact's files compute is compared by what its runtimes answer.


def _names(folder):
    """The files of the results that are compared, sorted."""
    given = ("errors.txt", "published/*", "shards/*", "asked.*", "train.*", "valid.*")
    given += ("batch.*", "*/logs/*", "train_*.out", "export_*.out", "refuse_*.out", "resume.out")
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    # Where a signal ends a training is chance, and so are the snapshots that it leaves.
    given += ("resumed/snapshots/*",)
    return [name for name in names if not any(fnmatch.fnmatch(name, each) for each in given)]


def _flat(value, path=""):
    """A JSON value as a dict of plain values by path."""
    if isinstance(value, dict) and value:
        items = value.items()
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        items = enumerate(value)
    else:
        return {path: value}
    found = {}
    for name, item in items:
        found |= _flat(item, f"{path}.{name}" if path else str(name))
    return found


def _json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def _table(text):
    """The numbers of a table by line and column."""
    rows = csv.DictReader(io.StringIO(text))
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def _bits(array):
    return str(array.dtype), array.shape, array.tobytes()


def _npz(path):
    import numpy as np

    with np.load(path) as file:
        return dict(file)


def _safetensors(path):
    from safetensors.numpy import load_file

    return dict(sorted(load_file(path).items()))


def _keras_weights(path):
    """The arrays of a .keras file by their place in it."""
    import h5py

    found = {}

    def note(name, entry):
        if isinstance(entry, h5py.Dataset):
            found[name] = entry[()]

    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as member:
        with h5py.File(io.BytesIO(member.read())) as file:
            file.visititems(note)
    return found


def require_changelog(rules):
    """Raises `SystemExit` unless CHANGELOG.md has what the rules quote of it."""
    text = (TREE / "CHANGELOG.md").read_text(encoding="utf-8")
    for kind in ("new", "gone", "changed", "renamed", "texts"):
        for rule in rules.get(kind, []):
            if rule["changelog"] not in text:
                raise SystemExit(f"CHANGELOG.md does not say {rule['changelog']!r}.")
    for rule in rules.get("moved", []):
        if not rule["operation"] or rule["at_most"] > 1e-6:
            raise SystemExit(f"A rule must name its operation and allow at most 1e-6: {rule}")


def check_out(commit, folder):
    """A clone of this repository at a commit, with its own environment: its Python."""
    subprocess.run(["git", "clone", "-q", str(TREE), str(folder)], check=True)
    subprocess.run(["git", "checkout", "-q", commit], cwd=folder, check=True)
    python = folder / ".venv/bin/python"
    return python


def main():
    """Runs both sides, prints what differs and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", required=True, metavar="COMMIT")
    parser.add_argument("--folder", type=Path, metavar="F", help="keep clone and results here")
    parser.add_argument("--base-python", metavar="P", help="instead of a new environment")
    parser.add_argument("--only", default="", metavar="WORD", help="in the names of results")
    parser.add_argument("--compare-only", action="store_true", help="of results that stand there")
    options = parser.parse_args()
    rules = json.loads((HERE / "renames.json").read_text(encoding="utf-8"))
    require_changelog(rules)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        if not options.compare_only:
            run_both(options, folder, rules)
        comparison = Comparison(folder / "results/base", folder / "results/head", rules)
        comparison.all()
    for line in dict.fromkeys(comparison.allowed):
        print(f"listed: {line}")
    said = collections.Counter()
    for line in comparison.faults:
        file = line.split(":")[0]
        said[file] += 1
        if said[file] <= SHOWN:
            print(f"DIFFERS: {line}")
    for file, count in said.items():
        if count > SHOWN:
            print(f"DIFFERS: {file}: {count - SHOWN} values more")
    print(f"{comparison.compared:,} values compared, {len(comparison.faults)} differ.")
    return 1 if comparison.faults else 0


def run_both(options, folder, rules):
    """Fills `results/base` and `results/head` of a folder."""
    clone = folder / "base"
    python = check_out(options.base, clone)
    if options.base_python:
        python = options.base_python
    else:
        subprocess.run(["make", "-s", ".venv/installed"], cwd=clone, check=True)
    sides = (
        Side("base", clone, python, folder / "results/base", {}),
        Side("head", TREE, sys.executable, folder / "results/head", rules["options"]),
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for work in [pool.submit(side.perform_all, options.only) for side in sides]:
            work.result()


if __name__ == "__main__":
    sys.exit(main())
