"""ONNX: written with standard operators only, and run by ONNX Runtime."""

import gc
import logging
import os
import threading
import warnings
from pathlib import Path

from keras_attention._validation import missing_package
from keras_attention.artifacts.onnx_data import OnnxData
from keras_attention.artifacts.onnx_dimensions import name_dimensions
from keras_attention.artifacts.onnx_graph import all_nodes, hoist_loop_invariants
from keras_attention.artifacts.onnx_precision import ARITHMETIC, lower_onnx_precision
from keras_attention.artifacts.quantization import describe_storage
from keras_attention.files import read_file, require_file, write_atomically

OPSET = 18
LARGE = 2**24  # bytes of a model from which tf2onnx's garbage is worth a search
NEW = "new_"  # what `kv_cache_k_0` becomes is `new_kv_cache_k_0`
_CONVERTING = threading.Lock()  # the variable that `_convert` sets is everybody's


def write(path, model, graph, precision="float32", saved_model=None):
    """Converts `graph.ids`, and each further signature, by tf2onnx and checks the results.

    tf2onnx does not raise on an operator that it does not know: it writes an invalid model. So the
    files are always checked, and later run.

    A further signature has a file of its own, named after it. All then share `PATH.data`, where
    every weight stands once.

    Returns:
        What the manifest says of a precision below float32, a dict; None for float32.

    Raises:
        ImportError: if `tf2onnx` or `onnx` is not installed; names the extra.
    """
    try:
        import onnx  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise missing_package("tf2onnx", "onnx") from error

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    # Its own, of NumPy and onnx. For good: `catch_warnings` would undo what other threads set.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(tf2onnx|onnx)\b")
    path = Path(path)
    if not graph.further:
        proto, storage = _converted(graph.ids, precision, graph.signatures.get("ids"))
        write_atomically(path, proto.SerializeToString())
        return storage
    functions = {"ids": graph.ids, **graph.further, **graph.resizable}
    storages = []
    with OnnxData(_data_of(path)) as data:
        for name, function in functions.items():
            renamed, said = _with_other_names(function), graph.signatures.get(name)
            if said is not None:
                outputs = {_new_name(n, said["inputs"]): v for n, v in said["outputs"].items()}
                said = {**said, "outputs": outputs}
            proto, storage = _converted(renamed, precision, said)
            storages.append(storage)
            data.take(proto)
            write_atomically(_file(path, name), proto.SerializeToString())
    return storages[0] and _of_all(storages[0], path, list(functions))


def _converted(function, precision, signature=None):
    """The checked ONNX model of a `tf.function`, and what the manifest says of its precision.

    Where the manifest has a `signature` of it, the dimensions get the names that it says.
    """
    import onnx

    proto = _convert(function)
    if proto.ByteSize() >= LARGE:
        # Its graphs hold each other, and over thirty copies of the weights: gigabytes that Python
        # would not look for before millions of other objects have come.
        gc.collect()
    hoist_loop_invariants(proto.graph)
    if signature is not None:
        name_dimensions(proto.graph, signature)
    size, storage = proto.ByteSize(), None
    if precision != "float32":
        elements = lower_onnx_precision(proto, precision)
        storage = describe_storage(
            precision, proto.ByteSize(), size, elements, ARITHMETIC[precision]
        )
    onnx.checker.check_model(proto, full_check=True)
    return proto, storage


def _of_all(storage, path, names):
    """The storage of the file `ids`, which has all weights, as that of all files together."""
    files = [_file(path, name) for name in names] + [_data_of(path)]
    size = sum(file.stat().st_size for file in files)
    saved = {"float16": 2, "int8": 3}[storage["precision"]] * storage["elements"]
    ratio = size / (size + saved)
    return {**storage, "bytes": size, "float32_bytes": size + saved, "size_ratio": ratio}


def _file(path, name):
    """The file of a signature, where `path` is that of `ids`."""
    return path if name == "ids" else path.with_name(f"{name}{path.suffix}")


def _data_of(path):
    """The file of the weights that all files share."""
    return path.with_name(f"{path.name}.data")


def _with_other_names(function):
    """`function` with `NEW` before the names of outputs that are inputs too.

    In an .onnx file every name stands for one tensor. `signature` takes it off again.
    """
    import tensorflow as tf

    given = {spec.name for spec in function.input_signature}

    @tf.function(input_signature=function.input_signature, autograph=False)
    def renamed(*inputs):
        outputs = function(*inputs)
        return {_new_name(name, given): tensor for name, tensor in outputs.items()}

    return renamed


def _new_name(output, given):
    """The name that an output has in the file; `given` are the names of the inputs."""
    return f"{NEW}{output}" if output in given else output


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
    """The operators of an artifact's .onnx files, subgraphs and functions included, as
    "domain:name"."""
    import onnx

    path = Path(path)
    others = path.parent.glob(f"*{path.suffix}") if _data_of(path).exists() else ()
    models = [onnx.load(str(file), load_external_data=False) for file in {path, *others}]
    holders = [holder for model in models for holder in (model.graph, *model.functions)]
    nodes = [node for holder in holders for node in all_nodes(holder)]
    return sorted({f"{node.domain or 'ai.onnx'}:{node.op_type}" for node in nodes})


def signature(path, name="ids", outputs=None, num_threads=0):
    """A signature of .onnx files, which hold one each: named arrays to a dict of arrays.

    Args:
        path: of the file of the signature `ids`.
        name: of the signature; another than "ids" has a file of its own beside it.
        outputs: the names of those that are wanted; None for all.
        num_threads: 0 lets ONNX Runtime choose.

    Returns:
        A function that several threads may call, as ONNX Runtime's sessions allow.

    Raises:
        ImportError: if `onnxruntime` is not installed; names the extra.
        InputError: if there is no such file.
    """
    file = _file(Path(path), name)
    require_file(file)  # for ONNX Runtime would wait for a pipe
    return _run(_session(str(file), num_threads), outputs)


def signatures(path, names, num_threads=0):
    """Several signatures: a dict of functions as that of `signature`.

    All files are read at once: there may be others in their place later. A session, which lays out
    its weights anew, is made when its function is first called.

    Raises:
        InputError: if a file cannot be read.
    """
    path = Path(path)
    data = _data_of(path)
    weights = (data.name, read_file(data)) if os.path.lexists(data) else None
    files = {name: read_file(_file(path, name)) for name in names}
    return {name: _when_called(file, weights, num_threads) for name, file in files.items()}


def _when_called(file, weights, num_threads):
    made, lock = [], threading.Lock()

    def run(**inputs):
        with lock:
            if not made:
                made.append(_run(_session(file, num_threads, weights)))
        return made[0](**inputs)

    return run


def _session(file, num_threads, weights=None):
    """ONNX Runtime with a file, a path or its bytes; `weights` are the name and the bytes of the
    file that it shares with others."""
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_package("onnxruntime", "onnx") from error

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3
    if weights is not None:
        name, data = weights
        options.add_external_initializers_from_files_in_memory([name], [data], [len(data)])
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _run(session, outputs=None):
    given = {each.name for each in session.get_inputs()}
    found = {_public(each.name, given): each.name for each in session.get_outputs()}
    names = list(outputs or found)
    fetched = [found[name] for name in names]

    def run(**inputs):
        return dict(zip(names, session.run(fetched, inputs), strict=True))

    return run


def _public(output, given):
    """The name of an output in the signature: see `_with_other_names`."""
    name = output.removeprefix(NEW)
    return name if name in given else output
