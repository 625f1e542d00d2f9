"""Layer normalisation in a .tflite file with fewer operators."""

import collections

import numpy as np

from keras_attention.artifacts.tflite_file import TFLiteFile, readers_of

# What Keras' layer becomes: with r = 1 / sqrt(var(x) + epsilon),
# y = x * (r * gamma) + (beta + -mean(x) * (r * gamma)).
_Norm = collections.namedtuple("_Norm", "x mean inverse gamma beta output operators")


def simplify_norms(data):
    """Computes every layer normalisation as `(x - mean(x)) * r`, its scale and shift elsewhere.

    Where nothing but products with matrices of their own reads the result, these take over scale
    and shift: (z * gamma + beta) W = z (gamma W) + beta W. A decoder's step on one sentence is
    hardly more than the number of its operators, and a third of these were norms.

    Args:
        data: bytes of a .tflite file.

    Returns:
        The new file's bytes.
    """
    file = TFLiteFile(data)
    uses = collections.Counter(t.buffer for graph in file.model.subgraphs for t in graph.tensors)
    for graph in file.model.subgraphs:
        for norm in list(_norms(file, graph)):
            _simplify(file, graph, norm, uses)
    return file.to_bytes()


def _norms(file, graph):
    """The `_Norm`s of a graph."""
    maker = {int(i): operator for operator in graph.operators for i in operator.outputs}
    readers, results = readers_of(graph), set(map(int, graph.outputs))

    def made(index, name):
        """The operator `name` that makes a tensor, or None."""
        operator = maker.get(int(index))
        return operator if operator is not None and file.is_a(operator, name) else None

    def reader(index, name):
        """The operator that alone reads a tensor, if it is a `name`, or None."""
        operators = readers[int(index)]
        is_one = len(operators) == 1 and int(index) not in results
        return operators[0] if is_one and file.is_a(operators[0], name) else None

    def other(operator, index):
        """What an operator of two inputs reads beside a tensor."""
        first, second = map(int, operator.inputs)
        return second if first == int(index) else first

    for rsqrt in [o for o in graph.operators if file.is_a(o, "RSQRT")]:
        add = made(rsqrt.inputs[0], "ADD")
        variance = add and made(add.inputs[0], "MEAN")
        square = variance and made(variance.inputs[0], "SQUARED_DIFFERENCE")
        if not square:
            continue
        x, mean = map(int, square.inputs)
        inverse = int(rsqrt.outputs[0])
        negated = [o for o in readers[mean] if file.is_a(o, "NEG")]
        scale = reader(inverse, "MUL")
        if len(negated) != 1 or scale is None or not made(mean, "MEAN"):
            continue
        scaled, minus = int(scale.outputs[0]), int(negated[0].outputs[0])
        products = {other(o, scaled): o for o in readers[scaled] if file.is_a(o, "MUL")}
        if set(products) != {x, minus} or len(readers[scaled]) != 2 or scaled in results:
            continue
        shift = reader(minus, "MUL") and reader(products[minus].outputs[0], "ADD")
        result = shift and reader(shift.outputs[0], "ADD")
        if not result or result is not reader(products[x].outputs[0], "ADD"):
            continue
        gamma, beta = other(scale, inverse), other(shift, products[minus].outputs[0])
        if file.constant(graph, gamma) is None or file.constant(graph, beta) is None:
            continue
        operators = [negated[0], scale, products[minus], shift, products[x], result]
        yield _Norm(x, mean, inverse, gamma, beta, int(result.outputs[0]), operators)


def _simplify(file, graph, norm, uses):
    tensors, schema = graph.tensors, file.schema
    float32, like = schema.TensorType.FLOAT32, tensors[norm.output]
    centred = file.add_tensor(graph, b"/centred", like, float32)
    new = [file.make_operator("SUB", [norm.x, norm.mean], [centred], schema.SubOptionsT())]

    def multiply(inputs, output):
        new.append(file.make_operator("MUL", inputs, [output], schema.MulOptionsT()))

    gamma, beta = (file.constant(graph, i).reshape(-1) for i in (norm.gamma, norm.beta))
    width = like.shape[-1]
    products = _products(file, graph, norm.output, uses)
    if products and gamma.size == beta.size == width:
        multiply([centred, norm.inverse], norm.output)
        for product in products:
            _take_over(file, graph, product, gamma, beta)
    else:
        unit = file.add_tensor(graph, b"/unit", like, float32)
        scaled = file.add_tensor(graph, b"/scaled", like, float32)
        multiply([centred, norm.inverse], unit)
        multiply([unit, norm.gamma], scaled)
        add = file.make_operator("ADD", [scaled, norm.beta], [norm.output], schema.AddOptionsT())
        new.append(add)
    *others, last = norm.operators
    place = next(i for i, o in enumerate(graph.operators) if o is last)
    graph.operators[place : place + 1] = new
    graph.operators = [o for o in graph.operators if all(o is not gone for gone in others)]


def _products(file, graph, output, uses):
    """The FULLY_CONNECTED operators that alone read a tensor, or None if something else does.

    A RESHAPE that leaves the last axis may stand between.
    """
    readers = readers_of(graph)
    if output in map(int, graph.outputs):
        return None
    found = []
    for operator in readers[output]:
        if file.is_a(operator, "RESHAPE"):
            width = graph.tensors[output].shape[-1]
            if graph.tensors[operator.outputs[0]].shape[-1] != width:
                return None
            after = _products(file, graph, int(operator.outputs[0]), uses)
            if after is None:
                return None
            found += after
            continue
        if not file.is_a(operator, "FULLY_CONNECTED") or int(operator.inputs[0]) != output:
            return None
        kernel, *bias = map(int, operator.inputs[1:])
        # A table that is also looked up, or a matrix of two products, stays what it is.
        shared = uses[graph.tensors[kernel].buffer] > 1 or len(readers[kernel]) > 1
        if shared or any(file.constant(graph, i) is None for i in (kernel, *bias) if i >= 0):
            return None
        found.append(operator)
    return found


def _take_over(file, graph, product, gamma, beta):
    """`product` of z * gamma + beta becomes one of z."""
    kernel, bias = (int(i) for i in product.inputs[1:3])
    old = graph.tensors[kernel]
    array = file.constant(graph, kernel)  # (units, D)
    shift = (array.astype("float64") @ beta).astype("float32")
    if bias >= 0:
        shift = shift + file.constant(graph, bias).reshape(-1)
    file.model.buffers[old.buffer].data = np.frombuffer((array * gamma).tobytes(), "uint8")
    like = file.schema.TensorT()
    like.name, like.shape = old.name, np.array([shift.size], "int32")
    float32 = file.schema.TensorType.FLOAT32
    shift_index = file.add_tensor(graph, b"/shift", like, float32, file.add_buffer(shift))
    product.inputs = np.array([product.inputs[0], kernel, shift_index], "int32")
