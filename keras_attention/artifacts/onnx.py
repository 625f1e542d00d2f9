"""ONNX: written with standard operators only, and run by ONNX Runtime."""

import logging
import os
import threading
import warnings
from pathlib import Path

from keras_attention._validation import missing_package
from keras_attention.artifacts.onnx_dimensions import name_dimensions
from keras_attention.artifacts.onnx_graph import all_nodes, hoist_loop_invariants
from keras_attention.artifacts.onnx_precision import ARITHMETIC, lower_onnx_precision
from keras_attention.artifacts.quantization import describe_storage
from keras_attention.files import write_atomically

OPSET = 18
_CONVERTING = threading.Lock()  # the variable that `_convert` sets is everybody's


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
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise missing_package("tf2onnx", "onnx") from error

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    # Its own, of NumPy and onnx. For good: `catch_warnings` would undo what other threads set.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(tf2onnx|onnx)\b")
    proto = _convert(graph.ids)
    hoist_loop_invariants(proto.graph)
    if "ids" in graph.signatures:
        name_dimensions(proto.graph, graph.signatures["ids"])
    size, storage = proto.ByteSize(), None
    if precision != "float32":
        elements = lower_onnx_precision(proto, precision)
        storage = describe_storage(
            precision, proto.ByteSize(), size, elements, ARITHMETIC[precision]
        )
    onnx.checker.check_model(proto, full_check=True)
    write_atomically(Path(path), proto.SerializeToString())
    return storage


def _convert(function):
    """The ONNX model of a `tf.function` that has an input signature.

    tf2onnx copies the graph before each of its passes, in case the pass fails, which takes much
    of the time. While this variable is set it copies nothing and raises what fails. After each pass
    it looks for the nodes that are used, once for every output of every loop: see `_used_nodes`.
    """
    from tf2onnx import constants, convert
    from tf2onnx.graph import Graph

    def once():
        signature = function.input_signature
        return convert.from_function(function, input_signature=signature, opset=OPSET)[0]

    name = constants.ENV_TF2ONNX_CATCH_ERRORS
    with _CONVERTING:
        given, search = os.environ.get(name), Graph.extract_sub_graph_nodes
        os.environ[name] = "FALSE"
        Graph.extract_sub_graph_nodes = _used_nodes
        try:
            return once()
        except Exception:
            del os.environ[name]
            Graph.extract_sub_graph_nodes = search
            return once()  # without the pass that failed
        finally:
            Graph.extract_sub_graph_nodes = search
            os.environ.pop(name, None)
            if given is not None:
                os.environ[name] = given


def _used_nodes(graph, outputs_name, input_checker=None, remove_unused_inputs=True):
    """Stands in for tf2onnx's `Graph.extract_sub_graph_nodes`, and gives the same nodes.

    That one searches for each output anew and visits a node as often as outputs depend on it. The
    body of a loop over time has an output for every cache: it took three quarters of a conversion.
    """
    names = [*outputs_name]
    if not remove_unused_inputs:
        names += [node.output[0] for node in graph.inputs]
    found = {}  # a dict, as a set has another order in each process
    while names:
        node = graph.get_node_by_output(names.pop(), search_in_parent_graphs=False)
        if node is None or node in found or (input_checker and input_checker(node) is False):
            continue
        found[node] = True
        names += [*node.input, *node.get_implicit_inputs()]
    return list(found)


def operators(path):
    """The operators of the .onnx file, subgraphs and functions included, as "domain:name"."""
    import onnx

    model = onnx.load(str(path))
    nodes = [node for holder in (model.graph, *model.functions) for node in all_nodes(holder)]
    return sorted({f"{node.domain or 'ai.onnx'}:{node.op_type}" for node in nodes})


def signature(path, name="ids", outputs=None, num_threads=0):
    """The one signature of an .onnx file: a function of named arrays to a dict of arrays.

    Args:
        path: of the file.
        name: "ids"; an .onnx file has no other.
        outputs: the names of those that are wanted; None for all.
        num_threads: 0 lets ONNX Runtime choose.

    Returns:
        A function that several threads may call, as ONNX Runtime's sessions allow.

    Raises:
        ImportError: if `onnxruntime` is not installed; names the extra.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_package("onnxruntime", "onnx") from error

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = outputs or [output.name for output in session.get_outputs()]

    def run(**inputs):
        return dict(zip(names, session.run(list(names), inputs), strict=True))

    return run
