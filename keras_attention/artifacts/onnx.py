"""ONNX: whole generation with standard operators only."""

import logging
import warnings
from pathlib import Path

from keras_attention._validation import missing_package
from keras_attention.artifacts.onnx_graph import all_nodes, hoist_loop_invariants
from keras_attention.artifacts.onnx_precision import ARITHMETIC, lower_onnx_precision
from keras_attention.artifacts.quantization import describe_storage
from keras_attention.files import write_atomically

OPSET = 18


def write(path, model, graph, precision="float32", saved_model=None):
    """Converts `graph.ids` by tf2onnx and checks the result.

    tf2onnx does not raise on an operator that it does not know: it writes an invalid model. So the
    file is always checked, and later run.

    Returns:
        What the manifest says of a precision below float32, a dict; None for float32.

    Raises:
        ImportError: if `tf2onnx` or `onnx` is not installed; names the extra.
    """
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise missing_package("tf2onnx", "onnx") from error

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tf2onnx's own, of NumPy and onnx
        proto, _ = tf2onnx.convert.from_function(
            graph.ids, input_signature=graph.ids.input_signature, opset=OPSET
        )
    hoist_loop_invariants(proto.graph)
    size, storage = proto.ByteSize(), None
    if precision != "float32":
        elements = lower_onnx_precision(proto, precision)
        storage = describe_storage(
            precision, proto.ByteSize(), size, elements, ARITHMETIC[precision]
        )
    onnx.checker.check_model(proto, full_check=True)
    write_atomically(Path(path), proto.SerializeToString())
    return storage


def operators(path):
    """The operators of the .onnx file, subgraphs and functions included, as "domain:name"."""
    import onnx

    model = onnx.load(str(path))
    nodes = [node for holder in (model.graph, *model.functions) for node in all_nodes(holder)]
    return sorted({f"{node.domain or 'ai.onnx'}:{node.op_type}" for node in nodes})
