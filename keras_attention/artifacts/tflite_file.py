"""A .tflite file as objects that can be changed, by flatbuffers' generated code."""

import collections

import numpy as np


class TFLiteFile:
    """The model in a .tflite file, and what is needed to add to it.

    Args:
        data: bytes of the file.

    `model` is the schema's `ModelT`, `schema` the module of generated code, whose
    `BuiltinOperator` and `TensorType` name operators and types.
    """

    def __init__(self, data):
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.model = schema.ModelT.InitFromPackedBuf(data, 0)

    def to_bytes(self):
        """The file's bytes."""
        import flatbuffers

        class AlignedBuilder(flatbuffers.Builder):
            """Aligns buffers as the schema demands: Python's generated code does not."""

            def CreateNumpyVector(self, x):
                if x.dtype == np.uint8:
                    self.Prep(16, x.size)
                return super().CreateNumpyVector(x)

        builder = AlignedBuilder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def operator_of(self, operator):
        """The number of an operator in `schema.BuiltinOperator`."""
        return _number(self.model.operatorCodes[operator.opcodeIndex])

    def is_a(self, operator, name):
        """Whether an operator is the one of this name in `schema.BuiltinOperator`."""
        return self.operator_of(operator) == getattr(self.schema.BuiltinOperator, name)

    def constant(self, graph, index):
        """The array of a constant tensor of float32 or int32, or None."""
        tensor, types = graph.tensors[index], self.schema.TensorType
        dtype = {types.FLOAT32: "float32", types.INT32: "int32"}.get(tensor.type)
        data = self.model.buffers[tensor.buffer].data
        if data is None or dtype is None:
            return None
        return np.frombuffer(data.tobytes(), dtype).reshape(tensor.shape)

    def set_version(self, operator, version):
        """Says that a runtime needs at least this version of the operator."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        code.version = max(code.version, version)

    def add_buffer(self, array):
        """The index of a new buffer that holds `array`."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), "uint8")
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def add_tensor(self, graph, name, like, type, buffer=0, quantization=None, last=None):
        """The index of a new tensor of the shape of `like`, or with another `last` axis."""
        tensor = self.schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = like.name + name, type, buffer
        tensor.quantization = quantization
        tensor.shape = np.array(like.shape, "int32")
        if like.shapeSignature is not None:
            tensor.shapeSignature = np.array(like.shapeSignature, "int32")
        for shape in (tensor.shape, tensor.shapeSignature):
            if last is not None and shape is not None:
                shape[-1] = last
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def make_operator(self, name, inputs, outputs, options=None, version=1):
        """A new operator, by its name in `schema.BuiltinOperator`; it stands in no graph yet."""
        number = getattr(self.schema.BuiltinOperator, name)
        operator = self.schema.OperatorT()
        operator.opcodeIndex = self._index_of_code(number)
        operator.inputs = np.array(inputs, "int32")
        operator.outputs = np.array(outputs, "int32")
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.set_version(operator, version)
        return operator

    def _index_of_code(self, number):
        for index, code in enumerate(self.model.operatorCodes):
            if _number(code) == number:
                return index
        code = self.schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.version = 1
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1


def readers_of(graph):
    """The operators that read each tensor of a graph: a dict of lists by the tensor's index."""
    found = collections.defaultdict(list)
    for operator in graph.operators:
        for index in operator.inputs:
            found[int(index)].append(operator)
    return found


def _number(code):
    return max(code.builtinCode, code.deprecatedBuiltinCode)
