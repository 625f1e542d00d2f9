"""Target tokens a second of what `export` writes, against CTranslate2 with the same weights.

python benchmarks/translate_speed.py --model RUN --source F

Greedy search and a beam of four, one sentence at a time and 32 at a time, interleaved in one run on
two threads, without tokenisation. Every program may do as suits it best: both threads over one
batch, or one alone (a second one can cost more than it gives), or one for each of two batches; and
the batch as it is, or in parts.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from peer_ctranslate2 import write_ctranslate2
from translation_agreement import MAX_LENGTH, SUPPRESSED

from keras_attention import load
from keras_attention.tasks.export import export
from keras_attention.text import read_lines
from keras_attention.token_ids import SpecialIds

SPECIAL = SpecialIds()
WAYS = {"2": (1, 2), "1": (1, 1), "1 + 1": (2, 1)}  # programs at once, threads of each
PEER = ("CTranslate2", "float32")
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


def of_ctranslate2(directory, precision, beam_size, rows, pieces, way, size):
    """The same of a CTranslate2 model."""
    import ctranslate2

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
        beam_size=beam_size,
        length_penalty=0,
        max_decoding_length=MAX_LENGTH,
        suppress_sequences=[[piece] for piece in SUPPRESSED],
        return_scores=True,  # as ours do
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


def spread_of(times):
    """Lower and upper quartile."""
    return np.percentile(times, 25), np.percentile(times, 75)


def main():
    """Prints one table for each beam and batch size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, metavar="RUN")
    parser.add_argument("--source", required=True, metavar="F")
    parser.add_argument("--sentences", type=int, default=1000, help="of the source, evenly taken")
    parser.add_argument("--single", type=int, default=200, help="of these, one at a time")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    parser.add_argument("--formats", nargs="+", default=list(FORMATS))
    parser.add_argument("--beams", type=int, nargs="+", default=BEAMS)
    options = parser.parse_args()

    ours = load(options.model)
    lines = read_lines(options.source)
    lines = lines[:: max(1, len(lines) // options.sentences)]
    rows = ours.encode(lines)
    target = ours.tokenizer.target
    pieces = [target.id_to_piece(i) for i in range(target.vocabulary_size)]
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        write_ctranslate2(ours.model, pieces, directory / "peer")
        for beam_size in options.beams:
            artifacts = {}
            for precision in options.precisions:
                artifacts[precision] = directory / f"{precision}-{beam_size}"
                export(
                    ours.model,
                    artifacts[precision],
                    ours.tokenizer,
                    examples=lines[:20],
                    search=dict(beam_size=beam_size, max_length=MAX_LENGTH),
                    precision=precision,
                )
            for size, (ways, parts_of) in CHOICES.items():
                programs = {}
                for way, part in itertools.product(ways, parts_of):
                    how = f"{way}, by {part}"
                    for precision in ("float32", "int8"):
                        programs["CTranslate2", precision, how] = of_ctranslate2(
                            directory / "peer", precision, beam_size, rows, pieces, way, part
                        )
                    for precision, artifact in artifacts.items():
                        for name in options.formats:
                            # These two are slower by far, whatever they are asked.
                            if name == "SavedModel" and (precision != "float32" or way != "2"):
                                continue
                            if name != "TFLite" and part != size:
                                continue
                            programs[name, precision, how] = of_artifact(
                                artifact, name, rows, way, part
                            )
                parts = batches(rows, size)
                if size == 1:
                    parts = parts[:: max(1, len(parts) // options.single)]
                compare(programs, parts, options.rounds, f"beam {beam_size}, batch {size}")


def compare(programs, parts, rounds, title):
    """Runs all programs in turns and prints their medians."""
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
    peer = min(
        (name for name in programs if name[0] == "CTranslate2"),
        key=lambda name: statistics.median(times[name]),
    )
    print(f"\n{title}: {sentences} sentences, over CTranslate2's fastest ({' '.join(peer[1:])})")
    for name in sorted(programs, key=lambda name: statistics.median(times[name])):
        ratios = [a / b for a, b in zip(times[peer], times[name], strict=True)]
        low, high = spread_of(ratios)
        rate = tokens[name] / statistics.median(times[name])
        print(
            f"{name[0]:12} {name[1]:8} threads {name[2]:12} {rate:8.0f} tokens/s  "
            f"{statistics.median(ratios):5.2f} [{low:.2f} {high:.2f}]  same {same[name]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
