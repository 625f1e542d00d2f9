"""TFLite: written with built-in operators only, and run by LiteRT (ai_edge_litert)."""

import queue
import threading
from pathlib import Path

from keras_attention._validation import InputError, missing_package, one_line
from keras_attention.artifacts.processors import processors
from keras_attention.artifacts.quantization import describe_storage
from keras_attention.artifacts.tflite_matmul import simplify_matmuls
from keras_attention.artifacts.tflite_norms import simplify_norms
from keras_attention.artifacts.tflite_precision import ARITHMETIC, lower_tflite_precision
from keras_attention.files import read_file, write_atomically

# A file of at most so many bytes answers one row as fast with one thread (docs/lab-notes.md).
SMALL_FILE = 32_000_000


def write(path, model, graph, precision="float32", saved_model=None):
    """Converts the signatures of ids of the SavedModel in `saved_model`, which share the weights.

    From a SavedModel and not from a concrete function, which would be converted without its
    weights.

    Returns:
        What the manifest says of a precision below float32, a dict; None for float32.

    Raises:
        InputError: if the model cannot be converted: it has a loop whose shapes TFLite does not
        know, or an operator that it lacks.
    """
    import tensorflow as tf

    names = ["ids", *graph.further]
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=names)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        converted = converter.convert()
    except Exception as error:  # of no class that TensorFlow makes public
        raise InputError(f"The model cannot be converted to tflite: {_reason(error)}") from error
    data = simplify_matmuls(simplify_norms(converted))
    if precision == "float32":
        write_atomically(Path(path), data)
        return None
    lower, elements = lower_tflite_precision(data, precision)
    write_atomically(Path(path), lower)
    return describe_storage(precision, len(lower), len(data), elements, ARITHMETIC[precision])


def _reason(error):
    """What the first useful line of the compiler's many says, without the places in its graph.

    >>> _reason("<unknown>:0: error: loc(fused[...]): 'tf.Foo' op is not known\\n<unknown>: ...")
    "'tf.Foo' op is not known"
    """
    lines = [line for line in str(error).splitlines() if "error: " in line] or [str(error)]
    said = lines[0].split("error: ", 1)[-1]
    if said.startswith("loc("):
        said = said.rsplit("): ", 1)[-1]
    return one_line(said)


def operators(path):
    """The names of the operators in the .tflite file; one not built in begins with "custom:"."""
    return operators_of(read_file(path))


def operators_of(data):
    """As `operators`, of the bytes of a file."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(data)
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    ops = set()
    for index in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(index)
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = code.CustomCode()
        ops.add(f"custom:{custom.decode()}" if custom else names[builtin])
    return sorted(ops)


def signature(path, name="ids", outputs=None, num_threads=None):
    """A signature of a .tflite file: a function of named arrays to a dict of arrays.

    Args:
        path: of the file.
        name: of the signature.
        outputs: of no meaning here: LiteRT computes all of them.
        num_threads: of one call. None for as many as there are processors; for a call of one row
            one, where the file is small: its products are too small to be shared.

    Returns:
        A function that several threads may call. An interpreter has one set of tensors and answers
        one call after the other. So there are several, made when calls come together: as many as
        the processors have threads for.

    Raises:
        ImportError: if `ai_edge_litert` is not installed; names the extra.
    """
    interpreter_of = _interpreter()
    # The bytes and not the path: a file that is mapped into memory changes when it is overwritten.
    data, available = read_file(path), processors()

    def pool(threads):
        def make():
            interpreter = interpreter_of(model_content=data, num_threads=threads)
            return interpreter.get_signature_runner(name)

        return _Pool(make, max(1, available // threads))

    several = pool(num_threads or available)
    one = several if num_threads or len(data) > SMALL_FILE else pool(1)
    one.make()  # what is wrong with the file shows here

    def run(**inputs):
        is_one = all(len(array) == 1 for array in inputs.values())
        return (one if is_one else several).run(inputs)  # copies of the tensors

    return run


def signatures(path, names, num_threads=None):
    """Several signatures in one interpreter, which holds the weights once: a dict of functions.

    Args:
        path: of the file, or its bytes.
        names: of the signatures.
        num_threads: of one call; None for as many as there are processors.

    Returns:
        A dict of functions of named arrays to dicts of arrays. One call is answered after the
        other, of whichever signature.
    """
    data = path if isinstance(path, bytes) else read_file(path)
    interpreter = _interpreter()(model_content=data, num_threads=num_threads or processors())
    lock = threading.Lock()

    def locked(name):
        runner = interpreter.get_signature_runner(name)

        def run(**inputs):
            with lock:
                return runner(**inputs)  # copies of the tensors

        return run

    return {name: locked(name) for name in names}


def _interpreter():
    """The class of LiteRT's interpreters."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise missing_package("ai-edge-litert", "litert") from error
    return Interpreter


class _Pool:
    """Functions that each answer one call at a time, made by `make` when none is free."""

    def __init__(self, make, size):
        self._make = make
        self._free = queue.LifoQueue()  # what was made is taken before what is not
        for _ in range(size):
            self._free.put(None)

    def make(self):
        """Makes one before it is needed."""
        self._free.get()
        self._free.put(self._make())

    def run(self, inputs):
        function = self._free.get()
        try:
            function = function or self._make()
            return function(**inputs)
        finally:
            self._free.put(function)
