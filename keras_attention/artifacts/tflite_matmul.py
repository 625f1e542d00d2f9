"""Products with matrices of weights in a .tflite file with fewer operators around them."""

import copy

import numpy as np

from keras_attention.artifacts.tflite_file import TFLiteFile, readers_of

# Of one input, element by element: what stands between two products of a feed-forward layer.
ELEMENTWISE = ("GELU", "RELU", "RELU6", "ELU", "TANH", "LOGISTIC", "HARD_SWISH", "LEAKY_RELU")


def simplify_matmuls(data):
    """Products of three axes without reshapes, of separate parts, with their scales in them.

    TensorFlow multiplies matrices, so what has more axes is made one before and is taken apart
    after. A reshape whose sizes are computed cannot go into the delegate: each cuts the graph where
    it stands, and copies. FULLY_CONNECTED takes any number of axes.

    Then a product whose columns are split at once becomes one for each part, which copies nothing,
    and the number by which queries are multiplied goes into their matrix.

    Args:
        data: bytes of a .tflite file.

    Returns:
        The new file's bytes.
    """
    file = TFLiteFile(data)
    for graph in file.model.subgraphs:
        for product in [o for o in graph.operators if file.is_a(o, "FULLY_CONNECTED")]:
            _keep_axes(file, graph, product)
    for graph in file.model.subgraphs:
        for split in [o for o in graph.operators if file.is_a(o, "SPLIT_V")]:
            _separate(file, graph, split)
        for multiply in [o for o in graph.operators if file.is_a(o, "MUL")]:
            _take_scale(file, graph, multiply)
    _forget_unread(file)
    return file.to_bytes()


def _keep_axes(file, graph, product):
    """Multiplies what had its axes flattened before the product as it was."""
    flatten = _maker(graph, product.inputs[0])
    if flatten is None or not file.is_a(flatten, "RESHAPE"):
        return
    chain, unflatten = _chain(file, graph, product)
    if unflatten is None:
        return
    inputs = _unflattened(file, graph, flatten, unflatten)
    if inputs is None or _place(graph, _maker(graph, inputs)) > _place(graph, product):
        return
    product.inputs = np.array([inputs, *product.inputs[1:]], "int32")
    like = graph.tensors[inputs]
    for operator in chain:
        tensor = graph.tensors[operator.outputs[0]]
        width = tensor.shape[-1]
        tensor.shape = np.array([*like.shape[:-1], width], "int32")
        if like.shapeSignature is not None:
            tensor.shapeSignature = np.array([*like.shapeSignature[:-1], width], "int32")
        if file.is_a(operator, "FULLY_CONNECTED"):
            operator.builtinOptions.keepNumDims = True
            file.set_version(operator, 5)  # the first that has the option
    _remove(graph, unflatten)
    chain[-1].outputs = unflatten.outputs
    if not _is_read(graph, flatten.outputs[0]):
        _remove(graph, flatten)


def _chain(file, graph, product):
    """A product and the operators after it up to a RESHAPE, and this; None if there is none."""
    readers, results = readers_of(graph), set(map(int, graph.outputs))
    chain = [product]
    while True:
        output = int(chain[-1].outputs[0])
        if output in results or len(readers[output]) != 1:
            return chain, None
        [operator] = readers[output]
        if file.is_a(operator, "RESHAPE"):
            return chain, operator
        is_product = file.is_a(operator, "FULLY_CONNECTED") and int(operator.inputs[0]) == output
        if not is_product and not any(file.is_a(operator, name) for name in ELEMENTWISE):
            return chain, None
        chain.append(operator)


def _unflattened(file, graph, flatten, unflatten):
    """A tensor (B, T, D) whose rows `flatten` makes and whose B and T `unflatten` gives back."""
    source, rows = int(flatten.inputs[0]), graph.tensors[flatten.outputs[0]]
    product, output = (graph.tensors[i] for i in (unflatten.inputs[0], unflatten.outputs[0]))
    if len(rows.shape) != 2 or len(output.shape) != 3 or _width(output) != _width(product):
        return None
    # The same elements in the same order: the tensor itself, or another shape of it.
    shapes = [o for o in readers_of(graph)[source] if file.is_a(o, "RESHAPE") and o is not flatten]
    for index in (source, *(int(o.outputs[0]) for o in shapes)):
        shape = graph.tensors[index].shape
        if len(shape) == 3 and shape[-1] == rows.shape[-1] != 1:
            if _length_is_that_of(file, graph, unflatten.inputs[1], index):
                return index
    return None


def _length_is_that_of(file, graph, sizes, index):
    """Whether `sizes`, of a RESHAPE to (B, T, U), holds B, or -1, and T of a tensor (B, T, D)."""
    constant = file.constant(graph, sizes)
    if constant is not None:
        return constant[0] == -1 and constant[1] == _sizes(graph.tensors[index])[1] > 0
    pack = _maker(graph, sizes)
    if pack is None or not file.is_a(pack, "PACK"):
        return False
    first = file.constant(graph, pack.inputs[0])
    is_first = _is_size(file, graph, pack.inputs[0], index, 0) if first is None else first == -1
    return bool(is_first) and _is_size(file, graph, pack.inputs[1], index, 1)


def _is_size(file, graph, number, index, axis):
    """Whether `number` is computed as the size of an axis of the tensor `index`."""
    size = _maker(graph, number)
    if size is None or not file.is_a(size, "STRIDED_SLICE"):
        return False
    shape = _maker(graph, size.inputs[0])
    begin = file.constant(graph, size.inputs[1])
    return (
        shape is not None
        and file.is_a(shape, "SHAPE")
        and int(shape.inputs[0]) == index
        and begin is not None
        and begin.tolist() == [axis]
        and size.builtinOptions.shrinkAxisMask == 1
    )


def _separate(file, graph, split):
    """One product for each part of one whose columns are split."""
    product = _maker(graph, split.inputs[0])
    if product is None or not _is_own(file, graph, product):
        return
    sizes, axis = (file.constant(graph, i) for i in split.inputs[1:])
    last = len(graph.tensors[split.inputs[0]].shape) - 1
    if sizes is None or axis is None or axis.item() not in (-1, last) or (sizes < 0).any():
        return
    kernel, bias = _kernel_and_bias(file, graph, product)
    parts, ends = [], np.cumsum(sizes)
    for output, begin, end in zip(split.outputs, ends - sizes, ends, strict=True):
        part = copy.copy(product)
        part.builtinOptions = copy.copy(product.builtinOptions)
        part.outputs = np.array([output], "int32")
        _set_weights(
            file, graph, part, kernel[begin:end], None if bias is None else bias[begin:end]
        )
        parts.append(part)
    place = _place(graph, product)
    graph.operators[place : place + 1] = parts
    _remove(graph, split)


def _take_scale(file, graph, multiply):
    """The product takes over a number by which all of its result is multiplied."""
    if multiply.builtinOptions is None or multiply.builtinOptions.fusedActivationFunction:
        return
    numbers = [i for i in multiply.inputs if len(graph.tensors[i].shape) == 0]
    others = [i for i in multiply.inputs if i not in numbers]
    scale = file.constant(graph, numbers[0]) if len(numbers) == len(others) == 1 else None
    before = None if scale is None else _maker(graph, others[0])
    if before is None:
        return
    product = before
    if file.is_a(before, "RESHAPE"):
        product = _maker(graph, before.inputs[0])
        if product is None or not _is_read_once(graph, before.outputs[0]):
            return
    if not _is_own(file, graph, product) or product.builtinOptions.fusedActivationFunction:
        return
    kernel, bias = _kernel_and_bias(file, graph, product)
    _set_weights(file, graph, product, kernel * scale, None if bias is None else bias * scale)
    _read_instead(graph, multiply.outputs[0], before.outputs[0])
    _remove(graph, multiply)


def _is_own(file, graph, product):
    """Whether a product's weights are constants, and its result is read once."""
    return (
        file.is_a(product, "FULLY_CONNECTED")
        and _is_read_once(graph, product.outputs[0])
        and all(file.constant(graph, i) is not None for i in product.inputs[1:] if i >= 0)
        and not _is_shared(file, graph.tensors[product.inputs[1]].buffer)
    )


def _is_shared(file, buffer):
    """Whether a matrix is a table too: its one buffer serves both."""
    tensors = [
        (g, i) for g in file.model.subgraphs for i, t in enumerate(g.tensors) if t.buffer == buffer
    ]
    return sum(len(readers_of(graph)[i]) for graph, i in tensors) > 1


def _is_read(graph, index):
    return bool(readers_of(graph)[int(index)]) or int(index) in map(int, graph.outputs)


def _is_read_once(graph, index):
    return len(readers_of(graph)[int(index)]) == 1 and int(index) not in map(int, graph.outputs)


def _kernel_and_bias(file, graph, product):
    kernel, *bias = product.inputs[1:]
    has_bias = len(bias) == 1 and bias[0] >= 0
    return file.constant(graph, kernel), file.constant(graph, bias[0]) if has_bias else None


def _set_weights(file, graph, product, kernel, bias):
    """Gives a product a kernel (U, D) and a bias (U,), or none, of its own."""
    old = graph.tensors[product.inputs[1]]
    indices = []
    for array in (kernel, bias):
        if array is None:
            indices.append(-1)
            continue
        like = file.schema.TensorT()
        like.name, like.shape = old.name, np.array(array.shape, "int32")
        name = b"/part%d" % len(graph.tensors)  # OpenVINO tells tensors apart by their names
        buffer = file.add_buffer(array.astype("float32"))
        indices.append(file.add_tensor(graph, name, like, file.schema.TensorType.FLOAT32, buffer))
    product.inputs = np.array([product.inputs[0], *indices], "int32")


def _forget_unread(file):
    """Removes the computation of sizes that nothing reads any more, and weights likewise."""
    read = {note.buffer for note in file.model.metadata or []}
    for graph in file.model.subgraphs:
        for name in ("PACK", "STRIDED_SLICE", "SHAPE"):  # in the order in which each reads the next
            for operator in [o for o in graph.operators if file.is_a(o, name)]:
                if not _is_read(graph, operator.outputs[0]):
                    _remove(graph, operator)
        used = {*readers_of(graph), *map(int, graph.outputs)}
        read |= {tensor.buffer for i, tensor in enumerate(graph.tensors) if i in used}
    for index, buffer in enumerate(file.model.buffers):
        if index not in read:
            buffer.data = None


def _sizes(tensor):
    """The sizes of a tensor's axes, -1 where only the runtime knows one."""
    return tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature


def _width(tensor):
    return _sizes(tensor)[-1]


def _maker(graph, index):
    return next((o for o in graph.operators if int(index) in map(int, o.outputs)), None)


def _place(graph, operator):
    """Where an operator stands; -1 for None, which makes what a graph begins with."""
    return next((i for i, o in enumerate(graph.operators) if o is operator), -1)


def _read_instead(graph, old, new):
    """Makes all that read the tensor `old` read `new`."""
    for operator in readers_of(graph)[int(old)]:
        operator.inputs = np.array([new if i == old else i for i in operator.inputs], "int32")


def _remove(graph, operator):
    graph.operators = [o for o in graph.operators if o is not operator]
