"""ONNX: whole generation with standard operators only."""

import logging
import warnings

from keras_attention._validation import missing_package

OPSET = 18


def write_onnx(path, ids):
    """Converts an `ids_function` by tf2onnx and checks the result.

    tf2onnx does not raise on an operator that it does not know: it writes an invalid model. So the
    file is always checked, and later run.

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
        tf2onnx.convert.from_function(
            ids, input_signature=ids.input_signature, opset=OPSET, output_path=str(path)
        )
    onnx.checker.check_model(str(path), full_check=True)


def onnx_ops(path):
    """The operators of an .onnx file, subgraphs and functions included, as "domain:name"."""
    import onnx

    model = onnx.load(str(path))
    ops = set()

    def visit(nodes):
        for node in nodes:
            ops.add(f"{node.domain or 'ai.onnx'}:{node.op_type}")
            for attribute in node.attribute:
                for graph in (attribute.g, *attribute.graphs):
                    visit(graph.node)

    visit(model.graph.node)
    for function in model.functions:
        visit(function.node)
    return sorted(ops)
