"""Lower precision for TFLite, in built-in operators: what is stored, and how it is used."""

import collections

import numpy as np

from keras_attention.exporting.quantization import is_weight, quantize
from keras_attention.exporting.tflite_file import TFLiteFile

ARITHMETIC = {
    "float16": "float32: weights are converted once, before their first use",
    "int8": (
        "products with a matrix of weights in integers, activations quantised by row to 8 bits; "
        "all other float32"
    ),
}


def lower_tflite_precision(data, precision):
    """Stores the weights of a .tflite file as float16 or int8.

    The converter's own quantisation is not used: it gives a table that is looked up one scale for
    all of its rows, and stores it a second time where it is also a matrix. Here all uses of a
    tensor share one buffer, in which every row has a scale.

    Args:
        data: bytes of a .tflite file.
        precision: "float16" or "int8".

    Returns:
        The new file's bytes, and the numbers of elements of the tensors stored in `precision`.
    """
    file = TFLiteFile(data)
    uses = _uses_of_weights(file)
    sizes = []
    for index, users in uses.items():
        array = np.frombuffer(file.model.buffers[index].data.tobytes(), "float32")
        array = array.reshape(users[0].tensor.shape)
        sizes.append(array.size)
        if precision == "float16":
            _store_float16(file, array, users)
        else:
            _store_int8(file, array, users)
        file.model.buffers[index].data = None
    return file.to_bytes(), sizes


# A tensor, its number in its graph, and the pairs (operator, place among its inputs) that read it.
_Use = collections.namedtuple("_Use", "graph index tensor readers")


def _uses_of_weights(file):
    """The `_Use`s of every buffer that is a weight: a dict by the buffer's index."""
    uses = collections.defaultdict(list)
    for graph in file.model.subgraphs:
        readers = collections.defaultdict(list)
        for operator in graph.operators:
            for place, index in enumerate(operator.inputs):
                readers[int(index)].append((operator, place))
        for index, tensor in enumerate(graph.tensors):
            data = file.model.buffers[tensor.buffer].data
            is_constant = data is not None and tensor.type == file.schema.TensorType.FLOAT32
            if is_constant and is_weight(np.empty(tensor.shape, "float32")):
                uses[tensor.buffer].append(_Use(graph, index, tensor, readers[index]))
    return uses


def _store_float16(file, array, uses):
    buffer = file.add_buffer(array.astype("float16"))
    for use in uses:
        _dequantize(file, use, file.schema.TensorType.FLOAT16, buffer)


def _dequantize(file, use, type, buffer, quantization=None):
    """Gives the tensor its values by a DEQUANTIZE, which the runtime computes once and keeps."""
    use.tensor.buffer = 0
    if use.readers:
        stored = file.add_tensor(use.graph, b"/stored", use.tensor, type, buffer, quantization)
        options = file.schema.DequantizeOptionsT()
        operator = file.make_operator("DEQUANTIZE", [stored], [use.index], options, version=5)
        use.graph.operators.insert(0, operator)


def _store_int8(file, array, uses):
    """With a scale for every row where anything needs rows, for every column otherwise."""
    names = file.schema.BuiltinOperator

    def kind(operator, place):
        number = file.operator_of(operator)
        if (number, place) == (names.FULLY_CONNECTED, 1):
            return "matrix"
        if (number, place) == (names.GATHER, 0) and array.ndim == 2 and _takes_rows(operator):
            return "table"
        return "other"

    by_row = any(kind(*reader) != "other" for use in uses for reader in use.readers)
    axis = 0 if by_row else array.ndim - 1
    values, scale = quantize(array, tuple(i for i in range(array.ndim) if i != axis))
    parameters = file.schema.QuantizationParametersT()
    parameters.scale = scale.reshape(-1)
    parameters.zeroPoint = np.zeros(scale.size, "int64")
    parameters.quantizedDimension = axis
    int8, buffer, scale_buffer = file.schema.TensorType.INT8, file.add_buffer(values), None
    for use in uses:
        readers = collections.defaultdict(list)
        for operator, place in use.readers:
            readers[kind(operator, place)].append((operator, place))
        if readers["matrix"]:
            matrix = file.add_tensor(use.graph, b"/int8", use.tensor, int8, buffer, parameters)
            for operator, place in readers["matrix"]:
                operator.inputs = np.array(operator.inputs)  # the file's own are read-only
                operator.inputs[place] = matrix
                operator.builtinOptions.asymmetricQuantizeInputs = True
                file.set_version(operator, 12)  # the first with a scale for every row
        for operator, _ in readers["table"]:
            scale_buffer = scale_buffer or file.add_buffer(scale)
            _gather(file, use, operator, buffer, scale_buffer)
        _dequantize(file, use._replace(readers=readers["other"]), int8, buffer, parameters)


def _takes_rows(gather):
    options = gather.builtinOptions
    return options.axis == 0 and options.batchDims == 0


def _gather(file, use, gather, buffer, scale_buffer):
    """Puts `gather(values) * gather(scales)` in the place of a GATHER of float32 rows."""
    graph, like = use.graph, use.graph.tensors[gather.outputs[0]]
    int8, float32 = file.schema.TensorType.INT8, file.schema.TensorType.FLOAT32
    table = file.add_tensor(graph, b"/rows", use.tensor, int8, buffer)
    scales = file.add_tensor(graph, b"/scales", use.tensor, float32, scale_buffer, last=1)
    row = file.add_tensor(graph, b"/row", like, int8)
    values = file.add_tensor(graph, b"/values", like, float32)
    scale = file.add_tensor(graph, b"/scale", like, float32, last=1)
    ids, options, cast = gather.inputs[1], gather.builtinOptions, file.schema.CastOptionsT()
    cast.inDataType, cast.outDataType = int8, float32
    multiply = file.schema.MulOptionsT()
    place = next(i for i, operator in enumerate(graph.operators) if operator is gather)
    graph.operators[place : place + 1] = [
        file.make_operator("GATHER", [table, ids], [row], options, version=2),
        file.make_operator("CAST", [row], [values], cast),
        file.make_operator("GATHER", [scales, ids], [scale], options),
        file.make_operator("MUL", [values, scale], gather.outputs, multiply),
    ]
