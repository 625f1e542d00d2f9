"""Target tokens a second of what `export` writes, against CTranslate2 with the same weights.

python benchmarks/translate_speed.py --model RUN --source F

Greedy search and a beam of four, one sentence at a time and 32 at a time, interleaved in one run on
two threads, without tokenisation. Every program may do as suits it best: both threads over one
batch, or one alone (a second one can cost more than it gives), or one for each of two batches; and
the batch as it is, or in parts. CTranslate2 gives no scores, which is its fastest mode. Of ours,
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import add_json_option, as_text, spread, write_figures
from benchmarks.peer_ctranslate2 import write_ctranslate2
from benchmarks.translation_agreement import MAX_LENGTH, SUPPRESSED
from keras_attention import load
from keras_attention.tasks.export import export
from keras_attention.text import read_lines
from keras_attention.token_ids import SpecialIds

SPECIAL = SpecialIds()
WAYS = {"2": (1, 2), "1": (1, 1), "1 + 1": (2, 1)}  # programs at once, threads of each
PEER = ("CTranslate2", "float32")
SHORTLIST = "+shortlist"  # after the precision of programs that have one
NO_SCORES = "-scores"  # after that of ours that give none
BEAMS = (1, 4)
CHOICES = {  # how a batch of each size is worked on: ways, and the sizes of its parts
    1: (("2", "1"), (1,)),
    32: (("2", "1 + 1"), (32, 16, 8)),
}


def batches(rows, size):
    """The indices of `rows`, of similar length together, `size` at a time."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    return [order[start : start + size] for start in range(0, len(order), size)]


def padded(rows):
    """(B, S) int32 of lists of ids."""
    length = max(map(len, rows))
    return np.array([row + [SPECIAL.padding] * (length - len(row)) for row in rows], "int32")


def until_end(row):
    """The tokens before END and padding."""
    over = (SPECIAL.end, SPECIAL.padding)
    return [int(token) for token in itertools.takewhile(lambda t: t not in over, row)]


def saved_model(path, threads):
    """`generate(ids) -> token_ids` of a SavedModel's signature of ids."""
    import tensorflow as tf

    signature = tf.saved_model.load(str(path)).signatures["ids"]
    return lambda ids: signature(source_ids=tf.constant(ids))["token_ids"].numpy()


def tflite(path, threads):
    """`generate(ids) -> token_ids` of a .tflite file."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path), num_threads=threads).get_signature_runner("ids")
    return lambda ids: runner(source_ids=ids)["token_ids"]


def onnx(path, threads):
    """`generate(ids) -> token_ids` of an .onnx file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda ids: session.run(["token_ids"], {"source_ids": ids})[0]


FORMATS = {
    "SavedModel": ("saved_model/1", saved_model),
    "TFLite": ("model.tflite", tflite),
    "ONNX": ("model.onnx", onnx),
}


EXPORTED = {
    "SavedModel": "tf_saved_model",
    "TFLite": "tflite",
    "ONNX": "onnx",
}  # as `export` has it


def of_artifact(artifact, name, rows, way, size):
    """A function of a list of batches that gives the tokens of every row, `size` rows a call."""
    file, make = FORMATS[name]
    workers, threads = WAYS[way]
    programs = [make(artifact / file, threads) for _ in range(workers)]
    pool = ThreadPoolExecutor(workers)

    def one(program, parts):
        return [(part, program(padded([rows[i] for i in part]))) for part in parts]

    def translate(parts):
        parts = [part[i : i + size] for part in parts for i in range(0, len(part), size)]
        shares = [parts[index::workers] for index in range(workers)]
        found = [None] * len(rows)
        for done in pool.map(one, programs, shares):
            for part, token_ids in done:
                for index, row in zip(part, token_ids.tolist(), strict=True):
                    found[index] = until_end(row)
        return found

    return translate


def of_ctranslate2(directory, precision, search, rows, pieces, way, size):
    """The same of a CTranslate2 model, with its vocabulary map where the precision says so."""
    import ctranslate2

    use_map = precision.endswith(SHORTLIST)
    precision = precision.removesuffix(SHORTLIST)
    workers, threads = WAYS[way]
    translator = ctranslate2.Translator(
        str(directory),
        compute_type=precision,
        inter_threads=workers,
        intra_threads=threads,
    )
    numbers = {piece: index for index, piece in enumerate(pieces)}
    tokens = [[pieces[i] for i in row] for row in rows]
    options = dict(
        beam_size=search["beam_size"],
        length_penalty=search["length_penalty"],
        max_decoding_length=MAX_LENGTH,
        suppress_sequences=[[piece] for piece in SUPPRESSED],
        use_vmap=use_map,
    )

    def translate(parts):
        found = [None] * len(rows)
        if len(parts[0]) == 1:
            for (index,) in parts:
                found[index] = translator.translate_batch([tokens[index]], **options)[0]
        else:  # it makes batches of similar length itself
            every = [index for part in parts for index in part]
            results = translator.translate_batch(
                [tokens[i] for i in every], max_batch_size=size, **options
            )
            for index, result in zip(every, results, strict=True):
                found[index] = result
        return [r and [numbers[piece] for piece in r.hypotheses[0]] for r in found]

    return translate


def main():
    """Prints one table for each beam and batch size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, metavar="RUN")
    parser.add_argument("--peer", metavar="RUN", help="of CTranslate2; by default --model")
    parser.add_argument("--source", required=True, metavar="F")
    parser.add_argument("--sentences", type=int, default=1000, help="of the source, evenly taken")
    parser.add_argument("--single", type=int, default=200, help="of these, one at a time")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    parser.add_argument("--formats", nargs="+", default=list(FORMATS))
    parser.add_argument("--beams", type=int, nargs="+", default=BEAMS)
    parser.add_argument("--length-penalty", type=float, default=0.0, help="of the beams")
    add_json_option(parser)
    options, figures = parser.parse_args(), []

    ours = load(options.model)
    lines = read_lines(options.source)
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
        for beam_size in options.beams:
            artifacts = {}
            penalty = options.length_penalty if beam_size > 1 else 0.0
            search = dict(beam_size=beam_size, length_penalty=penalty)
            scored = ["", NO_SCORES] if beam_size == 1 else [""]
            for precision, kind, without in itertools.product(options.precisions, kinds, scored):
                name = precision + kind + without
                artifacts[name] = directory / f"{name}-{beam_size}"
                export(
                    ours.model,
                    artifacts[name],
                    ours.tokenizer,
                    examples=lines[:20],
                    search=dict(search, max_length=MAX_LENGTH, shortlist=bool(kind)),
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
    write_figures(options.json, figures)


def compare(programs, parts, rounds, search, size):
    """Runs all programs in turns and prints their medians.

    Returns:
        The figures of our fastest program without a shortlist, and with one: a list of dicts.
    """
    expected = next(run for name, run in programs.items() if name[:2] == PEER)(parts)
    sentences = sum(map(len, parts))
    same, tokens, times = {}, {}, {name: [] for name in programs}
    for name, program in programs.items():
        found = program(parts)
        same[name] = sum(a == b for a, b in zip(found, expected, strict=True) if b is not None)
        tokens[name] = sum(len(row) + 1 for row in found if row is not None)
    for _ in range(rounds):
        for name, program in programs.items():
            started = time.perf_counter()
            program(parts)
            times[name].append(time.perf_counter() - started)
    order = sorted(programs, key=lambda name: statistics.median(times[name]))
    fastest = {}  # of each side, without a shortlist and with one
    for name in order:
        fastest.setdefault((name[0] == "CTranslate2", SHORTLIST in name[1]), name)
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


def _ratio(times, peer, ours):
    """The peer's time over ours, round by round."""
    return spread([a / b for a, b in zip(times[peer], times[ours], strict=True)])


if __name__ == "__main__":
    main()
