"""Runs the benchmarks of speed and memory; makes tables of docs/results.md and README.md of them.

python benchmarks/report.py [--model RUN] [--only NAME ...]    runs them, writes report.json
python benchmarks/report.py --tables                           writes the parts of the two pages
python benchmarks/report.py --check                            whether the pages have these parts

Nothing is trained beyond the steps that are timed: the models have random weights, but for RUN, a
run of a translator, with which decoding is measured if it is given. `make bench` takes half an hour
at most: what does not fit any more is not run, and next time the oldest figures come first.

The report holds, for every benchmark, when, on what machine and with what it was measured. Figures
of a benchmark that is not run, or gives none, stay as they are. The file is written anew after each
one, so that an interrupted run keeps what it has.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.benchmark_table import BENCHMARKS, LIMIT
from benchmarks.report_pages import ROOT, differing, read_report, write_pages
from keras_attention.cli.signals import Stopped, stop_at_signals
from keras_attention.files import write_atomically

REPORT = ROOT / "benchmarks" / "report.json"
WRITTEN = ("benchmarks/report.json", "docs/results.md", "README.md")  # of figures, not of code
PACKAGES = (
    *("tensorflow", "keras", "keras-hub", "ctranslate2", "onnxruntime", "ai-edge-litert"),
    *("torch", "transformers"),
)
VARIABLES = (
    *("TF_CPU_ALLOCATOR_USE_BFC", "TF_ENABLE_ONEDNN_OPTS", "TF_CPU_BFC_MEM_LIMIT_IN_MB"),
    *("TF_XLA_FLAGS", "XLA_FLAGS", "OMP_NUM_THREADS", "KERAS_BACKEND", "CUDA_VISIBLE_DEVICES"),
    *("MALLOC_ARENA_MAX", "LD_PRELOAD"),
)
SENTENCES = 500  # of the built-in corpus
GRACE = 5  # seconds that a benchmark has to end


def machine():
    """What the figures are measured on."""
    name = platform.processor() or platform.machine()
    flags = set()
    if Path("/proc/cpuinfo").exists():
        lines = [line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines()]
        known = {line[0].strip(): line[1].strip() for line in lines if len(line) == 2}
        name, flags = known.get("model name", name), set(known.get("flags", "").split())
    wanted = ("avx2", "avx512f", "avx512_vnni", "amx_tile")
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "instructions": [flag for flag in wanted if flag in flags],
    }


def version(package):
    """The version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit():
    """The commit of this checkout, with a "+" if its code was changed since; None without git."""
    paths = [":/", *(f":(top,exclude){path}" for path in WRITTEN)]
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.check_output([*git, "rev-parse", "--short=10", "HEAD"], text=True)
        changes = subprocess.check_output([*git, "status", "--porcelain", "--", *paths], text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.strip() + ("+" if changes else "")


def missing(benchmark):
    """What a benchmark lacks here, as the end of a sentence, or None."""
    packages = [package for package in benchmark.packages if version(package) is None]
    if packages:
        where = " (benchmarks/requirements-peers.txt)" if "torch" in packages else ""
        return f"it needs `pip install {' '.join(packages)}`{where}"
    folder = os.environ.get("KERAS_ATTENTION_DATA")
    files = [file for file in benchmark.data if not folder or not (Path(folder) / file).exists()]
    if files:
        return f"it needs {' and '.join(files)} in the folder that KERAS_ATTENTION_DATA names"
    return None


def measure(name, model, folder):
    """One entry of the report; its rows are empty if the benchmark has given none."""
    own = BENCHMARKS[name]
    # A run takes the place of random weights; the entry does not tell its path.
    command = [*own.command, *(("--model", "RUN", "--source", "SOURCE") if model else ())]
    files = {"RUN": str(model), "SOURCE": str(folder / "source.txt")}
    if "SOURCE" in command:
        from keras_attention.text import phrase_corpus

        lines = phrase_corpus(SENTENCES, seed=0, split="test")[0]
        Path(files["SOURCE"]).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    options = [files.get(option, option) for option in command[1:]]
    output = folder / "figures.json"
    output.unlink(missing_ok=True)
    print(f"\n{name}: {shlex.join([command[0], *options])}", flush=True)
    entry = {
        "command": shlex.join(command),
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "machine": machine(),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in PACKAGES if version(package)},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
    started = time.monotonic()
    status = _run([sys.executable, str(own.script), *options, "--json", str(output)])
    rows = json.loads(output.read_text(encoding="utf-8")) if output.exists() else []
    seconds = round(time.monotonic() - started)
    return entry | {"seconds": seconds, "exit_status": status, "rows": rows}


def _run(command):
    """The exit status of a benchmark; with this process its processes end too, without a word."""
    process = subprocess.Popen(command, start_new_session=True)
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise


def write_report(found):
    """Writes report.json, complete or not at all: the entries in the order of `BENCHMARKS`."""
    report = {
        "seconds": sum(found[n]["seconds"] for n in found if BENCHMARKS[n].in_bench),
        "not_measured_yet": [name for name in BENCHMARKS if name not in found],
        "benchmarks": {name: found[name] for name in BENCHMARKS if name in found},
    }
    write_atomically(REPORT, (json.dumps(report, indent=2) + "\n").encode())


def run_all(names, model, limit):
    """Runs benchmarks, the oldest figures first. Returns the names of those that failed."""
    entries = read_report(REPORT)["benchmarks"]
    found = {name: entry for name, entry in entries.items() if name in BENCHMARKS}
    failed, started = [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(names, key=lambda name: found.get(name, {}).get("date", "")):
            former = found.get(name, {"seconds": 0})
            stays = f"Its figures of {former['date']} stay." if name in found else "It has none."
            reason = missing(BENCHMARKS[name])
            if time.monotonic() - started + (former["seconds"] or 0) > limit:
                reason = f"it does not fit into {limit:,} s any more"
            if reason:
                print(f"\n{name} is not run: {reason}. {stays}", flush=True)
                continue
            try:
                entry = measure(name, model if BENCHMARKS[name].takes_run else None, Path(folder))
            except Stopped as stopped:
                print(f"\n{name} was not finished. {stays}", flush=True)
                raise stopped
            if entry["exit_status"]:
                failed.append(name)
            if entry["rows"]:
                found[name] = entry
                write_report(found)
            else:
                print(f"{name} has given no figures. {stays}", flush=True)
    return failed


def main(arguments=None):
    """Runs the benchmarks, writes the pages or checks them. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", metavar="RUN", help="of a translator, to decode with")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME")
    parser.add_argument("--tables", action="store_true", help="write the pages and no report")
    parser.add_argument("--check", action="store_true", help="whether the pages are the report's")
    options = parser.parse_args(arguments)
    if options.check:
        pages = [str(path.relative_to(ROOT)) for path in differing(read_report(REPORT))]
        if pages:
            print(f"{' and '.join(pages)} differ from report.json: run report.py --tables.")
        return 1 if pages else 0
    if options.tables:
        write_pages(read_report(REPORT))
        return 0
    if options.model is not None and not Path(options.model).is_dir():
        parser.error(f"--model must be the directory of a run. Received: {options.model}")
    stop_at_signals("report.py")
    try:
        names = options.only or [name for name in BENCHMARKS if BENCHMARKS[name].in_bench]
        failed = run_all(names, options.model, float("inf") if options.only else LIMIT)
    except Stopped as stopped:
        print(f"report.py: {stopped}", file=sys.stderr)
        return stopped.exit_status
    print(f"\n{REPORT} is written; report.py --tables makes the pages of it.")
    if failed:
        print(f"These benchmarks failed: {', '.join(failed)}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
