"""A .tflite file in LiteRT (ai_edge_litert)."""

import os

from keras_attention._validation import missing_package


def tflite_signature(path, num_threads=None):
    """The signature `ids` of a .tflite file: a function of named arrays to a dict of arrays.

    Raises:
        ImportError: if `ai_edge_litert` is not installed; names the extra.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise missing_package("ai-edge-litert", "litert") from error

    interpreter = Interpreter(str(path), num_threads=num_threads or os.cpu_count())
    return interpreter.get_signature_runner("ids")


def tflite_generate(path, num_threads=None):
    """`generate(source_ids[, seed]) -> (token_ids, score)` by a .tflite file."""
    run = tflite_signature(path, num_threads)

    def generate(source_ids, **seeds):
        outputs = run(source_ids=source_ids, **seeds)
        return outputs["token_ids"], outputs["score"]

    return generate
