"""What docs/results.md and README.md say of a report, between two lines that mark it."""

import collections
import itertools
import json
import shlex
from pathlib import Path

from benchmarks.benchmark_table import BENCHMARKS, LIMIT
from benchmarks.figures import as_text

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- made by benchmarks/report.py: begin -->", "<!-- end -->"


def pages(report):
    """The whole text of each page that has a part made of a report, by its path."""
    parts = {ROOT / "docs" / "results.md": results, ROOT / "README.md": readme}
    return {path: _replaced(path, part(report)) for path, part in parts.items()}


def _replaced(path, part):
    """The text of a page with `part` between its two marks."""
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise SystemExit(f"{path} must have one line {BEGIN!r} and after it one line {END!r}.")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{part}\n\n{END}{rest.split(END)[1]}"


def results(report):
    """The tables of docs/results.md: those of every benchmark, with command, date and machine."""
    entries = report["benchmarks"]
    usual = _usual(entries)
    absent = report["not_measured_yet"]
    parts = [
        f"Measured, where nothing else is said, {usual}.",
        f"The benchmarks of `make bench` took {report['seconds']:,} s as they stand here. Its "
        f"limit is {LIMIT:,} s." + (f" Not measured yet: {', '.join(absent)}." if absent else ""),
    ]
    for name, entry in entries.items():
        said = [each for each in _remarks(name, entry, usual) if each]
        tables = [table(list(rows)) for _, rows in itertools.groupby(entry["rows"], _first_name)]
        command = f"    python benchmarks/{entry['command']}"
        parts += [f"### {name}", command, *([" ".join(said)] if said else []), *tables]
    return "\n\n".join(parts)


def _first_name(row):
    return next(iter(row))


def _usual(entries):
    """The circumstances of most entries, in words."""
    found = collections.Counter(map(circumstances, entries.values()))
    return found.most_common(1)[0][0]


def circumstances(entry):
    """When, on what and with what an entry was measured, in words."""
    own = entry["machine"]
    versions = entry["versions"]
    variables = entry["environment"]
    parts = [
        f"on {entry['date']}: {own['processor']}, {own['cores']} cores "
        f"({', '.join(own['instructions'])})",
        ", ".join(f"{name} {found}" for name, found in versions.items() if found),
    ]
    parts.append(f"commit {entry['commit']}" if entry["commit"] else "commit not recorded")
    if variables is None:
        parts.append("environment variables not recorded")
    else:
        parts.append(" ".join(f"{name}={value}" for name, value in variables.items()))
    return "; ".join(part for part in parts if part)


def _remarks(name, entry, usual):
    """The sentences above the tables of an entry."""
    own = BENCHMARKS[name]
    yield f"{own.ratio}." if own.ratio else ""
    yield entry.get("note", "")
    yield "" if circumstances(entry) == usual else f"Measured {circumstances(entry)}."
    yield f"The command ended with status {entry['exit_status']}." if entry["exit_status"] else ""
    now = shlex.join(own.command)
    # What a given run decodes is added to the command.
    if entry["command"] != now and not entry["command"].startswith(f"{now} --model"):
        yield f"The command is now `{now}`, which is not measured yet."
    yield "" if own.in_bench else f'Asked for by `report.py --only "{name}"`.'


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
        return as_text(value, 1 if value["median"] >= 100 else 2)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def readme(report):
    """The rows of README.md that the report has figures for."""
    lines = ["| speed and memory | figure |", "|---|---|"]
    for name, (what, figure) in README_ROWS.items():
        entry = report["benchmarks"].get(name)
        text = entry and figure(entry["rows"])
        lines += [f"| {what} | {text} |"] if text else []
    return "\n".join(lines)


def _steps(rows):
    """Each vocabulary's ratio."""
    return ", ".join(
        f"{row['ratio']['median']:.2f} times as fast with {row['vocabulary']:,} tokens"
        for row in rows
    )


def _epochs(rows):
    """Whichever corpora were trained beside KerasHub."""
    return "; ".join(
        f"{row['corpus']}: {row['keras_hub_of_one_length']['median']:.2f} times as fast an epoch "
        f"as its batches of one length, {row['keras_hub_on_our_batches']['median']:.2f} times "
        "where it is given ours"
        for row in rows
        if "keras_hub_of_one_length" in row
    )


def _inference(rows):
    """The least and the greatest ratio."""
    found = [row["ratio"]["median"] for row in rows if row["what"].startswith("inference")]
    least, most = (f"{edge(found):.1f}" for edge in (min, max)) if found else ("", "")
    return found and f"{least} to {most} times as fast, by batch and length"


def _sizes(rows):
    """Time and memory of each size, the largest first."""
    return "; ".join(
        f"{row['size']}: {row['ratio']['median']:.1f} times as fast, in "
        f"1/{row['memory_ratio']:.0f} of the memory"
        for row in reversed(rows)
    )


README_ROWS = {
    "Training step, transformer": (
        "training step of a translator, preset tiny, by the size of its vocabulary, beside "
        "KerasHub, each in its faster mode",
        _steps,
    ),
    "Training step beside PyTorch": ("the same beside PyTorch, each in its faster mode", _steps),
    "Training step, real texts": (
        "training a BERT classifier on real texts, beside KerasHub, without XLA",
        _epochs,
    ),
    "BERT": (
        "inference of a BERT of 6 layers, width 384, beside KerasHub, each by its fastest program",
        _inference,
    ),
    "Additive attention": (
        "`AdditiveAttention` at (B, T, S, D), forward and backward, beside stock Keras",
        _sizes,
    ),
}


def differing(report):
    """The pages whose part is not what the report gives: a list of paths."""
    return [
        path for path, text in pages(report).items() if path.read_text(encoding="utf-8") != text
    ]


def write_pages(report):
    """Puts the parts in their places."""
    for path, text in pages(report).items():
        path.write_text(text, encoding="utf-8")


def read_report(path):
    """A report as `report.py` writes it; an empty one where there is no file."""
    if not path.exists():
        return {"seconds": 0, "not_measured_yet": list(BENCHMARKS), "benchmarks": {}}
    return json.loads(path.read_text(encoding="utf-8"))
