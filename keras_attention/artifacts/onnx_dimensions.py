"""Names of the dimensions of an ONNX model's inputs and outputs, which users set and read."""

from keras_attention.artifacts.onnx_graph import all_graphs

# What a signature of a manifest calls a size -> what an .onnx file does.
NAMES = {"N": "batch", "S": "source_length", "T": "length"}
TRANSLATED = {**NAMES, "T": "target_length"}  # where the output has a length of its own


def name_dimensions(graph, signature):
    """Names every size of the inputs and outputs that may differ from call to call.

    tf2onnx numbers them anew in each conversion, such as unk__9379.

    Args:
        graph: of an ONNX model; it is changed.
        signature: dict with "inputs" and "outputs", of pairs of a dtype and a shape by their names,
            as manifests have it.
    """
    lengths = {size for _, shape in signature["inputs"].values() for size in shape}
    names, former = TRANSLATED if "S" in lengths else NAMES, {}
    for side, values in (("inputs", graph.input), ("outputs", graph.output)):
        for value in values:
            _, shape = signature[side].get(value.name, (None, ()))
            dimensions = value.type.tensor_type.shape.dim
            if not dimensions:  # nothing is known of it, not even how many there are
                for _ in shape:
                    dimensions.add()
            for dimension, size in zip(dimensions, shape, strict=False):
                name = names.get(size, size)
                if isinstance(name, str) and not dimension.HasField("dim_value"):
                    former.setdefault(dimension.dim_param, set()).add(name)
                    dimension.dim_param = name
    # The same sizes within, where the number that they had tells which it is.
    known = {number: found.pop() for number, found in former.items() if number and len(found) == 1}
    for inner in all_graphs(graph):
        for value in inner.value_info:
            for dimension in value.type.tensor_type.shape.dim:
                if dimension.dim_param in known:
                    dimension.dim_param = known[dimension.dim_param]
