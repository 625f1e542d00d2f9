"""Lower precision for ONNX, in standard operators: what is stored, and how products use it."""

import numpy as np

from keras_attention.artifacts.onnx_graph import (
    all_graphs,
    all_nodes,
    remove_unused,
    replace_nodes,
    set_items,
)
from keras_attention.artifacts.quantization import is_weight, quantize

# Below this, quantising the rows of the other factor takes longer than the product gains.
MIN_INTEGER_ELEMENTS = 2**17

# Of a quantised activation, from the least number of its row to the greatest. Seven bits:
# processors without VNNI add pairs of products of (unsigned, signed) bytes in 16 bits, where
# 2 * 127 * 127 has room and 2 * 255 * 127 is cut off. So every processor computes the same.
ACTIVATION_LEVELS = 127

_ACTIVATION_CONSTANTS = {
    "quantize/levels": np.float32(ACTIVATION_LEVELS),
    "quantize/smallest": np.float32(1e-20),  # in the place of 0, for a row of equal numbers
    "quantize/last_axis": np.array([-1]),
}

ARITHMETIC = {
    "float16": "float32: weights are converted when the file is loaded",
    "int8": (
        f"products with a matrix of at least {MIN_INTEGER_ELEMENTS:,} elements in integers, "
        "activations quantised by row to 7 bits, from its least number to its greatest; all other "
        "float32, weights converted when the file is loaded"
    ),
}


def lower_onnx_precision(model, precision):
    """Stores the weights of a model as float16 or int8.

    They are converted to float32 by nodes that depend on nothing but constants and stand outside
    of all loops: a runtime computes them once, when it loads the file. In int8 every column of a
    matrix (row of a table) has a scale of its own, and the products with large matrices are
    computed in integers, every row of activations with a scale of its own: `DynamicQuantizeLinear`
    would give one to the whole tensor, and so let the sentences of a batch change each other.

    Args:
        model: an `onnx.ModelProto` of opset 18 or later, changed in place.
        precision: "float16" or "int8".

    Returns:
        The numbers of elements of the tensors that are stored in `precision`.
    """
    from onnx import numpy_helper

    weights = _take_weights(model.graph)
    if precision == "float16":
        constants, nodes = _float16(weights)
    else:
        constants, nodes = _int8(weights, model.graph)
    set_items(model.graph.node, [*nodes, *model.graph.node])
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    )
    remove_unused(model.graph)
    return [array.size for array in weights.values()]


def _float16(weights):
    """The constants, a dict by name, and the nodes that make `weights` of them."""
    from onnx import TensorProto, helper

    constants = {f"{name}/float16": array.astype("float16") for name, array in weights.items()}
    return constants, [
        helper.make_node("Cast", [f"{name}/float16"], [name], to=TensorProto.FLOAT)
        for name in weights
    ]


def _int8(weights, graph):
    """As `_float16`; and the products of `graph` with large ones become products of integers."""
    from onnx import TensorProto, helper

    # A table's rows are looked up, or it is transposed and then a matrix: one scale for each row.
    looked_up = {node.input[0] for node in all_nodes(graph) if node.op_type == "Gather"}
    transposed = {
        node.output[0]: node.input[0]
        for node in all_nodes(graph)
        if node.op_type == "Transpose" and node.input[0] in weights and _swaps_two_axes(node)
    }
    tables = looked_up.union(transposed.values())
    constants, nodes = dict(_ACTIVATION_CONSTANTS), []

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], **attributes))

    for name, array in weights.items():
        int8, scale, values = (f"{name}/{part}" for part in ("int8", "scale", "values"))
        constants[int8], constants[scale] = quantize(array, (-1,) if name in tables else (-2,))
        node("Cast", [int8], values, to=TensorProto.FLOAT)
        node("Mul", [values, scale], name)
        if name in transposed.values():
            constants[f"{scale}/transposed"] = constants[scale].T
            node("Transpose", [int8], f"{int8}/transposed", perm=[1, 0])

    def replace(matmul):
        matrix = matmul.input[1] if matmul.op_type == "MatMul" else None
        name = transposed.get(matrix, matrix)
        by_column = name not in tables or matrix in transposed
        if name not in weights or weights[name].ndim != 2 or not by_column:
            return [matmul]
        if weights[name].size < MIN_INTEGER_ELEMENTS:
            return [matmul]
        suffix = "/transposed" if matrix in transposed else ""
        # What each column adds up to: the part of the product that is the same for equal numbers.
        values, scale = constants[f"{name}/int8"], constants[f"{name}/scale"]
        sums = f"{name}/sums{suffix}"
        axis = 1 if suffix else 0
        constants[sums] = (values.sum(axis, dtype="int32") * scale.ravel()).astype("float32")
        return _integer_product(matmul, f"{name}/int8{suffix}", f"{name}/scale{suffix}", sums)

    replace_nodes(graph, replace)
    return constants, nodes


def _take_weights(graph):
    """Removes the weights from all graphs; a dict of their names to arrays."""
    from onnx import numpy_helper

    weights = {}
    for g in all_graphs(graph):
        arrays = [numpy_helper.to_array(initializer) for initializer in g.initializer]
        weights |= {
            i.name: array
            for i, array in zip(g.initializer, arrays, strict=True)
            if is_weight(array)
        }
        set_items(g.initializer, [i for i in g.initializer if i.name not in weights])
    return weights


def _swaps_two_axes(transpose):
    return [list(a.ints) for a in transpose.attribute if a.name == "perm"] in ([[1, 0]], [])


def _integer_product(matmul, matrix, scale, sums):
    """The nodes of `x @ (matrix * scale)` with `x` quantised by row.

    `x = q * row_scale + least` with `row_scale = (greatest - least) / levels`, so the product is
    `(q @ matrix) * row_scale * scale + least * sums`, with the `sums` of the columns of
    `matrix * scale`. What is mostly of one sign, as after GELU and ReLU, so gets all levels. The
    two scales are applied one after the other, and the first is made by a division: a runtime that
    knows the pattern of one scale for the whole tensor must not find it here.
    """
    from onnx import TensorProto, helper

    [x, _], [y] = matmul.input, matmul.output
    nodes = []

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    greatest = node("ReduceMax", [x, "quantize/last_axis"], f"{y}/greatest", keepdims=1)
    least = node("ReduceMin", [x, "quantize/last_axis"], f"{y}/least", keepdims=1)
    span = node("Sub", [greatest, least], f"{y}/span")
    span = node("Max", [span, "quantize/smallest"], f"{y}/positive")
    inverse = node("Div", ["quantize/levels", span], f"{y}/inverse")
    q = node("Mul", [node("Sub", [x, least], f"{y}/above"), inverse], f"{y}/scaled")
    q = node("Cast", [node("Round", [q], f"{y}/rounded")], f"{y}/quantized", to=TensorProto.UINT8)
    product = node("MatMulInteger", [q, matrix], f"{y}/integers")
    product = node("Cast", [product], f"{y}/sums", to=TensorProto.FLOAT)
    row_scale = node("Div", [span, "quantize/levels"], f"{y}/row_scale")
    product = node("Mul", [product, row_scale], f"{y}/by_row")
    product = node("Mul", [product, scale], f"{y}/by_column")
    node("Add", [product, node("Mul", [least, sums], f"{y}/of_least")], y)
    return nodes
