"""Target tokens a second of what `export` writes, against CTranslate2 with the same weights.

python benchmarks/translate_speed.py [--model RUN --source F] [--length-penalty 0 0.6]

Without a run it takes preset tiny with random weights, 8,000 tokens and a made-up shortlist
(`random_translator.py`), whose translations all have `--max-length` tokens.

Greedy search and a beam of four, one sentence at a time and 32 at a time, interleaved in one run on
two threads, without tokenisation. Every program may do as suits it best: both threads over one
batch, or one alone (a second one can cost more than it gives), or one for each of two batches; and
the batch as it is, or in parts. What is three times as slow as the fastest of its kind, twice, is
not timed further. CTranslate2 gives no scores, which is its fastest mode. Of ours,
greedy search takes part with scores and without (`export --without-scores`).

Where RUN has learned a shortlist, our artifacts with it and CTranslate2 with the same one as its
vocabulary map take part too. A ratio is over the fastest CTranslate2 of the same kind, and over the
fastest of all. `--peer RUN` gives CTranslate2 the weights of another run with the same tokenizer,
such as preset `tiny` beside our `fast`.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import add_json_option, as_text, seconds, spread, write_figures
from benchmarks.peer_ctranslate2 import write_ctranslate2
from benchmarks.random_translator import write_random_translator
from benchmarks.translate_programs import (
    EXPORTED,
    FORMATS,
    SHORTLIST,
    batches,
    of_artifact,
    of_ctranslate2,
)
from benchmarks.translation_agreement import MAX_LENGTH
from keras_attention import load
from keras_attention.tasks.export import export
from keras_attention.text import read_lines

PEER = ("CTranslate2", "float32")
NO_SCORES = "-scores"  # after that of ours that give none
BEAMS = (1, 4)
SLOW = 3  # times the fastest of its kind
RANDOM_LENGTH = 20  # tokens of a translation by random weights
CHOICES = {  # how a batch of each size is worked on: ways, and the sizes of its parts
    1: (("2", "1"), (1,)),
    32: (("2", "1 + 1"), (32, 16, 8)),
}


def main():
    """Prints one table for each beam and batch size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", metavar="RUN", help="by default random weights")
    parser.add_argument("--peer", metavar="RUN", help="of CTranslate2; by default --model")
    parser.add_argument("--source", metavar="F", help="sentences for RUN")
    parser.add_argument("--sentences", type=int, default=1000, help="of the source, evenly taken")
    parser.add_argument("--single", type=int, default=200, help="of these, one at a time")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    parser.add_argument("--formats", nargs="+", default=list(FORMATS))
    parser.add_argument("--beams", type=int, nargs="+", default=BEAMS)
    parser.add_argument(
        "--length-penalty", type=float, nargs="+", default=[0.0], help="of the beams, in turn"
    )
    parser.add_argument("--max-length", type=int, help=f"tokens, by default {MAX_LENGTH} of RUN")
    add_json_option(parser)
    options, figures = parser.parse_args(), []
    if (options.model is None) != (options.source is None):
        parser.error("--model and --source must be given together, or neither")
    with tempfile.TemporaryDirectory() as directory:
        if options.model is None:
            options.model = str(Path(directory) / "run")
            lines = write_random_translator(options.model)
            options.max_length = options.max_length or RANDOM_LENGTH
        else:
            lines = read_lines(options.source)
        figures = measure(options, lines)
    write_figures(options.json, figures)


def measure(options, lines):
    """Prints the tables of one run. Returns the figures."""
    ours, figures = load(options.model), []
    lines = lines[:: max(1, len(lines) // options.sentences)]
    rows = ours.encode(lines)
    peer = ours if options.peer is None else load(options.peer)
    if peer.encode(lines) != rows:
        raise SystemExit("--peer must be a run with the tokenizer of --model")
    target = ours.tokenizer.target
    pieces = [target.id_to_piece(i) for i in range(target.vocabulary_size)]
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        shortlist = ours.tokenizer.shortlist
        write_ctranslate2(peer.model, pieces, directory / "peer", peer.tokenizer.shortlist)
        kinds = [""] if shortlist is None else ["", SHORTLIST]
        for beam_size, penalty in searches(options):
            artifacts = {}
            search = dict(
                beam_size=beam_size,
                length_penalty=penalty,
                max_length=options.max_length or MAX_LENGTH,
            )
            scored = ["", NO_SCORES] if beam_size == 1 else [""]
            for precision, kind, without in itertools.product(options.precisions, kinds, scored):
                name = precision + kind + without
                artifacts[name] = directory / f"{name}-{beam_size}-{penalty}"
                export(
                    ours.model,
                    artifacts[name],
                    ours.tokenizer,
                    examples=lines[:20],
                    search=dict(search, shortlist=bool(kind)),
                    precision=precision,
                    formats=[EXPORTED[each] for each in options.formats],
                    without_scores=bool(without),
                )
            for size, (ways, parts_of) in CHOICES.items():
                programs = {}
                for way, part in itertools.product(ways, parts_of):
                    how = f"{way}, by {part}"
                    for precision, kind in itertools.product(("float32", "int8"), kinds):
                        programs["CTranslate2", precision + kind, how] = of_ctranslate2(
                            directory / "peer", precision + kind, search, rows, pieces, way, part
                        )
                    for precision, artifact in artifacts.items():
                        for name in options.formats:
                            # These two are slower by far, whatever they are asked.
                            is_plain = precision == "float32" and way == "2"
                            if name == "SavedModel" and not is_plain:
                                continue
                            if name != "TFLite" and part != size:
                                continue
                            programs[name, precision, how] = of_artifact(
                                artifact, name, rows, way, part
                            )
                parts = batches(rows, size)
                if size == 1:
                    parts = parts[:: max(1, len(parts) // options.single)]
                figures += compare(programs, parts, options.rounds, search, size)
    return figures


def searches(options):
    """Pairs of a beam and a length penalty; greedy search has none."""
    for beam_size in options.beams:
        for penalty in options.length_penalty if beam_size > 1 else (0.0,):
            yield beam_size, penalty


def compare(programs, parts, rounds, search, size):
    """Runs all programs in turns and prints their medians.

    Returns:
        The figures of our fastest program without a shortlist, and with one: a list of dicts.
    """
    expected = next(run for name, run in programs.items() if name[:2] == PEER)(parts)
    sentences = sum(map(len, parts))
    same, tokens, first = {}, {}, {}
    for name, program in programs.items():
        started = time.perf_counter()
        found = program(parts)
        first[name] = time.perf_counter() - started
        same[name] = sum(a == b for a, b in zip(found, expected, strict=True) if b is not None)
        tokens[name] = sum(len(row) + 1 for row in found if row is not None)
    programs = {n: run for n, run in programs.items() if not is_slow(n, run, parts, first)}
    times = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            started = time.perf_counter()
            program(parts)
            times[name].append(time.perf_counter() - started)
    order = sorted(programs, key=lambda name: statistics.median(times[name]))
    fastest = {}  # of each side, without a shortlist and with one
    for name in order:
        fastest.setdefault(kind_of(name), name)
    peer = fastest[True, False]
    print(
        f"\nbeam {search['beam_size']}, length penalty {search['length_penalty']:g}, batch {size}: "
        f"{sentences} sentences, over CTranslate2's fastest without a map ({' '.join(peer[1:])})"
    )
    for name in order:
        rate = tokens[name] / statistics.median(times[name])
        print(
            f"{name[0]:12} {name[1]:18} threads {name[2]:12} {rate:8.0f} tokens/s  "
            f"{as_text(_ratio(times, peer, name))}  same {same[name]}",
            flush=True,
        )
    figures = []
    for kind in sorted({kind for _, kind in fastest}):
        ours, theirs = fastest[False, kind], fastest[True, kind]
        figures.append(
            {
                "beam": search["beam_size"],
                "length_penalty": search["length_penalty"],
                "batch": size,
                "ours": " ".join(ours),
                "peer": " ".join(theirs),
                "tokens_per_second": tokens[ours] / statistics.median(times[ours]),
                "ratio": _ratio(times, theirs, ours),
                "over_the_peer_without_a_map": _ratio(times, peer, ours),
            }
        )
    return figures


def kind_of(name):
    """Whose a program is, and whether it has a shortlist: a pair of booleans."""
    return name[0] == "CTranslate2", SHORTLIST in name[1]


def is_slow(name, program, parts, first):
    """Whether a program can not be the fastest of its kind. Who is slow at first has a second try.

    Args:
        name, program, parts: what would run.
        first: the seconds of the first run of every program.
    """
    limit = SLOW * min(took for each, took in first.items() if kind_of(each) == kind_of(name))
    if first[name] <= limit or seconds(program, parts) <= limit:
        return False
    print(f"{' '.join(name)}: {SLOW * first[name] / limit:.0f} times as slow, not timed further")
    return True


def _ratio(times, peer, ours):
    """The peer's time over ours, round by round."""
    return spread([a / b for a, b in zip(times[peer], times[ours], strict=True)])


if __name__ == "__main__":
    main()
