"""Runs the benchmarks of speed and memory; makes the tables of docs/results.md of their figures.

python benchmarks/report.py [--model RUN] [--only NAME ...]    runs them, writes report.json
python benchmarks/report.py --tables                           writes the tables of docs/results.md

Nothing is trained beyond the steps that are timed: the models have random weights, but for RUN, the
run of `make demo`, with which decoding is measured if it is there. With --only, the figures of the
other benchmarks stay as the report has them.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import as_text

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "benchmarks" / "report.json"
RESULTS = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- made by benchmarks/report.py: begin -->", "<!-- end -->"
PACKAGES = ("tensorflow", "keras", "keras-hub", "ctranslate2", "onnxruntime", "ai-edge-litert")
SENTENCES = 500  # of the built-in corpus, to decode and to train on

# What is run: a name, which is the title of its table, and the command.
BENCHMARKS = {
    "Training step, transformer": [
        *("training_step.py", "--rounds", "5", "--loss", "stock", "--peers", "keras_hub"),
    ],
    "Training step, our loss on both sides": [
        *("training_step.py", "--rounds", "5", "--loss", "ours", "--peers", "keras_hub"),
        *("--vocabulary-size", "8000"),
    ],
    "Training step, memory": [
        *("training_step.py", "--memory", "--vocabulary-size", "8000", "32000"),
    ],
    "Training step, recurrent network": [
        *("training_step.py", "--preset", "small", "--rows", "64", "--rounds", "7"),
        *("--vocabulary-size", "8000", "--loss", "stock"),
    ],
    "Training step, real texts": ["real_corpora.py", "--corpora", "multi30k", "ag_news"],
    "Training step, language model": [
        *("language_model_training.py", "SOURCE", "--steps", "60", "--rounds", "3"),
    ],
    "Additive attention": ["additive_attention.py", "--rounds", "2"],
    "Cost of large inputs": ["bounded_cost.py"],
    "BERT": ["bert.py", "--rounds", "3"],
    "LoRA": ["lora.py", "--rounds", "5"],
    "Decoding": [
        *("translate_speed.py", "--rounds", "3", "--sentences", "200", "--single", "60"),
        *("--formats", "TFLite", "--model", "RUN", "--source", "SOURCE"),
    ],
    "Generating text": [
        *("generate_speed.py", "--shapes", "llama-tiny", "--rounds", "3"),
        *("--prompt", "64", "--new-tokens", "32", "--programs", "ONNX float32", "TFLite float32"),
        *("SavedModel float32", "ONNX int8", "KerasHub float32", "CTranslate2 float32"),
        "CTranslate2 int8",
    ],
    "Export": ["export_time.py"],
    "Serving under load": ["serving_load.py", "--requests", "600"],
    "Environment": ["environment.py", "--rounds", "1", "--steps", "10"],
    "Snapshots": ["snapshot_cost.py"],
}


def machine():
    """What the figures were measured on."""
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


def versions():
    """The versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def run(name, model, folder):
    """The figures of one benchmark: seconds, exit status and rows; None if it cannot be run."""
    script, *options = BENCHMARKS[name]
    if "RUN" in options and (model is None or not Path(model).is_dir()):
        print(f"{name}: left out, for there is no run at {model}.", flush=True)
        return None
    source = folder / "source.txt"
    if "SOURCE" in options:
        source.write_text("".join(f"{line}\n" for line in _phrases()), encoding="utf-8")
    options = [{"RUN": str(model), "SOURCE": str(source)}.get(o, o) for o in options]
    output = folder / "figures.json"
    output.unlink(missing_ok=True)
    command = [sys.executable, str(ROOT / "benchmarks" / script), *options, "--json", str(output)]
    print(f"\n{name}: {shlex.join([script, *options])}", flush=True)
    started = time.time()
    status = subprocess.run(command, check=False).returncode
    rows = json.loads(output.read_text(encoding="utf-8")) if output.exists() else []
    return {"seconds": round(time.time() - started), "exit_status": status, "rows": rows}


def _phrases():
    from keras_attention.text import phrase_corpus

    return phrase_corpus(SENTENCES, seed=0, split="test")[0]


def table(rows):
    """Rows of figures as a table of Markdown; a column for each name."""
    rows = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [
        f"| {' | '.join(name.replace('_', ' ') for name in names)} |",
        "|---" * len(names) + "|",
    ]
    lines += [f"| {' | '.join(_cell(row.get(name, '')) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _flat(row):
    """A row whose groups of figures stand beside the others."""
    found = {}
    for name, value in row.items():
        if isinstance(value, dict) and set(value) != {"median", "low", "high"}:
            found |= {f"{name}_{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def _cell(value):
    if isinstance(value, dict):
        return as_text(value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def section(report):
    """The part of docs/results.md that a report gives."""
    own = report["machine"]
    packages = ", ".join(f"{name} {found}" for name, found in report["versions"].items() if found)
    parts = [
        f"Measured on {report['date']}: {own['processor']}, {own['cores']} cores "
        f"({', '.join(own['instructions'])}); {packages}. A ratio is the peer's time over ours, "
        "each in its faster mode, with the quartiles in brackets."
    ]
    for name, found in report["benchmarks"].items():
        parts.append(
            f"### {name}\n\n    python benchmarks/{found['command']}\n\n{table(found['rows'])}"
        )
    return "\n\n".join(parts)


def write_tables():
    """Puts the section in its place in docs/results.md."""
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    before, rest = RESULTS.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END, 1)[1]
    text = f"{before}{BEGIN}\n\n{section(report)}\n\n{END}{after}"
    RESULTS.write_text(text, encoding="utf-8")


def write_report(found):
    """Writes report.json: what was found so far, in the order of `BENCHMARKS`."""
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "benchmarks": {name: found[name] for name in BENCHMARKS if name in found},
    }
    temporary = REPORT.with_suffix(".new")
    temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    temporary.replace(REPORT)


def main():
    """Runs the benchmarks, or writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", metavar="RUN", default=str(ROOT / "demo" / "run"))
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME")
    parser.add_argument("--tables", action="store_true", help="write docs/results.md and no report")
    options = parser.parse_args()
    if options.tables:
        return write_tables()
    former = json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}
    found = former.get("benchmarks", {}) if options.only else {}
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only or BENCHMARKS:
            measured = run(name, options.model, Path(folder))
            if measured is None:
                continue
            if measured["exit_status"]:
                failed.append(name)
            if measured["rows"]:  # one that broke off gives none
                found[name] = {"command": shlex.join(BENCHMARKS[name]), **measured}
                write_report(found)
    print(f"\nwrote {REPORT}" + (f"; these failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
