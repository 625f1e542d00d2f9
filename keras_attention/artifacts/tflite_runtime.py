"""A .tflite file in LiteRT (ai_edge_litert)."""

import os

from keras_attention._validation import missing_package


def signature(path, name="ids", outputs=None, num_threads=None):
    """A signature of a .tflite file: a function of named arrays to a dict of arrays.

    Args:
        path: of the file.
        name: of the signature.
        outputs: of no meaning here: LiteRT computes all of them.
        num_threads: None for as many as there are processors.

    Raises:
        ImportError: if `ai_edge_litert` is not installed; names the extra.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise missing_package("ai-edge-litert", "litert") from error

    interpreter = Interpreter(str(path), num_threads=num_threads or os.cpu_count())
    return interpreter.get_signature_runner(name)
