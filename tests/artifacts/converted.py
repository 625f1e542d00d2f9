"""A small function as a .tflite file, and what LiteRT makes of it."""

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_attention.tasks.graph import Graph


def graph_of(ids):
    """A `tf.function` as the graph that a format is written from."""
    return Graph(ids, text=None, modules={}, signatures={}, fields={})


def converted(make, *shape):
    """`make()`, a function of one float32 tensor, and the file of it: a pair."""
    keras.utils.set_random_seed(0)
    function = make()
    signature = tf.function(
        function, input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [signature.get_concrete_function()], tf.Module()
    )
    return function, converter.convert()


def run(data, x):
    """What the file gives for `x`."""
    interpreter = Interpreter(model_content=data, num_threads=1)
    [given], [wanted] = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(wanted["index"])


def require_same(function, x, *files):
    """Each file gives what the function gives."""
    expected = np.asarray(function(x))
    for data in files:
        np.testing.assert_allclose(run(data, x), expected, atol=2e-5)


def operators(data):
    """The names of the operators of a file, of all graphs."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    codes = [names[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in model.operatorCodes]
    return [codes[o.opcodeIndex] for graph in model.subgraphs for o in graph.operators]


def names(data):
    """The names of the tensors of a file, a list for each graph."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    return [[tensor.name for tensor in graph.tensors] for graph in model.subgraphs]
