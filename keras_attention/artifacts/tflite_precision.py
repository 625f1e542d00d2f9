"""Lower precision for TFLite, in built-in operators: what is stored, and how it is used."""

import collections

import numpy as np

from keras_attention.artifacts.quantization import is_weight, quantize
from keras_attention.artifacts.tflite_file import TFLiteFile

ARITHMETIC = {
    "float16": "float32: weights are converted before their first use, tables when looked up",
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


def _by_kind(file, use, ndim):
    """The readers of a use, a dict of lists: of a "matrix", a "table" of rows, or "other"."""
    names = file.schema.BuiltinOperator
    kinds = {"matrix": [], "table": [], "other": []}
    for operator, place in use.readers:
        number = file.operator_of(operator)
        if (number, place) == (names.FULLY_CONNECTED, 1):
            kind = "matrix"
        elif (number, place) == (names.GATHER, 0) and ndim == 2 and _takes_rows(operator):
            kind = "table"
        else:
            kind = "other"
        kinds[kind].append((operator, place))
    return kinds


def _takes_rows(gather):
    options = gather.builtinOptions
    return options.axis == 0 and options.batchDims == 0


def _store_float16(file, array, uses):
    float16, buffer = file.schema.TensorType.FLOAT16, file.add_buffer(array.astype("float16"))
    for use in uses:
        kinds = _by_kind(file, use, array.ndim)
        for gather, _ in kinds["table"]:
            _gather_float16(file, use, gather, buffer)
        rest = [*kinds["matrix"], *kinds["other"]]
        _dequantize(file, use._replace(readers=rest), float16, buffer)


def _dequantize(file, use, type, buffer, quantization=None):
    """Gives the tensor its values by a DEQUANTIZE, which the runtime computes once and keeps."""
    use.tensor.buffer = 0
    if use.readers:
        stored = file.add_tensor(use.graph, b"/stored", use.tensor, type, buffer, quantization)
        use.graph.operators.insert(0, _to_float32(file, stored, [use.index]))


def _to_float32(file, stored, outputs):
    options = file.schema.DequantizeOptionsT()
    return file.make_operator("DEQUANTIZE", [stored], outputs, options, version=5)


def _store_int8(file, array, uses):
    """With a scale for every row where anything needs rows, for every column otherwise."""
    kinds = [_by_kind(file, use, array.ndim) for use in uses]
    axis = 0 if any(k["matrix"] or k["table"] for k in kinds) else array.ndim - 1
    values, scale = quantize(array, tuple(i for i in range(array.ndim) if i != axis))
    parameters = file.schema.QuantizationParametersT()
    parameters.scale = scale.reshape(-1)
    parameters.zeroPoint = np.zeros(scale.size, "int64")
    parameters.quantizedDimension = axis
    int8, buffer, scale_buffer = file.schema.TensorType.INT8, file.add_buffer(values), None
    for use, readers in zip(uses, kinds, strict=True):
        if readers["matrix"]:
            matrix = file.add_tensor(use.graph, b"/int8", use.tensor, int8, buffer, parameters)
            for operator, place in readers["matrix"]:
                operator.inputs = np.array(operator.inputs)  # the file's own are read-only
                operator.inputs[place] = matrix
                operator.builtinOptions.asymmetricQuantizeInputs = True
                file.set_version(operator, 12)  # the first with a scale for every row
        for gather, _ in readers["table"]:
            scale_buffer = scale_buffer or file.add_buffer(scale)
            _gather_int8(file, use, gather, buffer, scale_buffer)
        _dequantize(file, use._replace(readers=readers["other"]), int8, buffer, parameters)


def _gather_float16(file, use, gather, buffer):
    """Puts a conversion of the rows that are looked up in the place of a GATHER of float32."""
    graph, like = use.graph, use.graph.tensors[gather.outputs[0]]
    float16 = file.schema.TensorType.FLOAT16
    table = file.add_tensor(graph, b"/rows", use.tensor, float16, buffer)
    row = file.add_tensor(graph, b"/row", like, float16)
    _replace(
        graph,
        gather,
        file.make_operator("GATHER", [table, gather.inputs[1]], [row], gather.builtinOptions),
        _to_float32(file, row, gather.outputs),
    )


def _gather_int8(file, use, gather, buffer, scale_buffer):
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
    _replace(
        graph,
        gather,
        file.make_operator("GATHER", [table, ids], [row], options, version=2),
        file.make_operator("CAST", [row], [values], cast),
        file.make_operator("GATHER", [scales, ids], [scale], options),
        file.make_operator("MUL", [values, scale], gather.outputs, multiply),
    )


def _replace(graph, operator, *others):
    place = next(i for i, other in enumerate(graph.operators) if other is operator)
    graph.operators[place : place + 1] = others
