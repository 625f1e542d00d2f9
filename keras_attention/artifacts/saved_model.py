"""SavedModel: strings and ids in and out, run by the C++ loader of TensorFlow Serving."""

import logging
import threading
from contextlib import contextmanager
from pathlib import Path

from keras_attention._validation import InputError, one_line
from keras_attention.files import read_file


def operators(path):
    """The names of the operators in the SavedModel, those of its functions included."""
    from tensorflow.core.protobuf import saved_model_pb2

    data = read_file(Path(path) / "saved_model.pb")
    definition = saved_model_pb2.SavedModel.FromString(data)
    graph = definition.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    functions = {function.signature.name for function in graph.library.function}
    return sorted({node.op for node in nodes} - functions)


def write(path, model, graph, precision="float32", saved_model=None):
    """Writes a SavedModel with the signatures `serving_default` (strings), `ids` and further ones.

    Without strings, `serving_default` is `ids` too, because TensorFlow Serving asks for it.

    By `ExportArchive`: what `tf.saved_model.save` makes of Keras objects loads in Python only, not
    in TF Serving's C++ loader.

    Args:
        path: directory.
        model: the Keras model.
        graph: `keras_attention.tasks.graph.Graph`.
        precision, saved_model: of no meaning here; a SavedModel is float32.

    Raises:
        InputError: if it cannot be written, as on a full disk.
    """
    import keras
    import tensorflow as tf

    holder = tf.Module(name="tokenizers")
    for name, module in graph.modules.items():
        setattr(holder, name, module)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.track(holder)
    archive.add_endpoint("serving_default", graph.ids if graph.text is None else graph.text)
    for name, function in {"ids": graph.ids, **graph.further}.items():
        archive.add_endpoint(name, function)
    try:
        archive.write_out(str(path), verbose=False)
    except tf.errors.OpError as error:  # TensorFlow's own I/O raises no OSError
        reason = error.message.split("; ")[-1].split(" [Op:")[0]
        raise InputError(f"{path} cannot be written: {one_line(reason)}.") from error


@contextmanager
def _without_deprecation_notes(logger):
    """Hides TensorFlow's note that this loader is old: it loads as TF Serving does.

    Of this thread alone. The logger's level belongs to all: of two threads that change it and put
    it back, the second may find the first one's and leave it so for ever.
    """
    thread = threading.get_ident()

    def hides(record):
        return record.thread != thread or record.levelno >= logging.ERROR

    logger.addFilter(hides)
    try:
        yield
    finally:
        logger.removeFilter(hides)


def signature(path, name="serving_default", outputs=None):
    """A signature of a SavedModel in a v1 session.

    `tf.saved_model.load` would rebuild Python objects, and so load what TF Serving cannot.

    Args:
        path: a SavedModel.
        name: of the signature.
        outputs: the names of those that are wanted; None for all.

    Returns:
        Function of keyword arguments (input name -> array) to a dict (output name -> array), which
        several threads may call.
    """
    return _signature(*_loaded(path), name, outputs)


def signatures(path, names):
    """Several signatures in one session: a dict of functions as that of `signature`."""
    loaded = _loaded(path)
    return {name: _signature(*loaded, name) for name in names}


def _loaded(path):
    """A v1 session with a SavedModel, and the definitions of its signatures."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 (registers the tokenizer's ops)

    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default(), _without_deprecation_notes(tf.get_logger()):
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(Path(path)))
    return session, loaded.signature_def


def _signature(session, definitions, name, outputs=None):
    definition = definitions[name]
    fetch = {
        output: tensor.name
        for output, tensor in definition.outputs.items()
        if outputs is None or output in outputs
    }

    def run(**inputs):
        feed = {definition.inputs[name].name: value for name, value in inputs.items()}
        return session.run(fetch, feed)

    return run
