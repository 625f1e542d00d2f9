"""What translates in `translate_speed.py`: artifacts in their runtimes, and CTranslate2."""

import itertools
from concurrent.futures import ThreadPoolExecutor

from benchmarks.translation_agreement import SUPPRESSED
from keras_attention.token_ids import SpecialIds

import numpy as np

SPECIAL = SpecialIds()
WAYS = {"2": (1, 2), "1": (1, 1), "1 + 1": (2, 1)}  # programs at once, threads of each
SHORTLIST = "+shortlist"  # after the precision of programs that have one


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
        max_decoding_length=search["max_length"],
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
