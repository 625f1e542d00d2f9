"""Figures of a benchmark: a median with its spread, for people and for the report."""

import json
import time
from pathlib import Path

import numpy as np


def seconds(function, *arguments):
    """How long one call takes."""
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def spread(values):
    """Median and quartiles of a list of numbers, as the report holds them."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median": float(middle), "low": float(low), "high": float(high)}


def quartiles(values):
    """Median and quartiles, as text: "1.59 [1.56 1.63]"."""
    return as_text(spread(values))


def as_text(found, digits=2):
    """What `spread` gives, as text, with so many digits after the point."""
    middle, low, high = (f"{found[name]:.{digits}f}" for name in ("median", "low", "high"))
    return f"{middle} [{low} {high}]"


def add_json_option(parser):
    """The option with which `benchmarks/report.py` asks a benchmark for its figures."""
    parser.add_argument("--json", metavar="F", help="where to write the figures")


def write_figures(path, rows):
    """Writes rows, dicts of names, numbers and spreads, if a path is given."""
    if path:
        Path(path).write_text(json.dumps(rows, indent=2), encoding="utf-8")
