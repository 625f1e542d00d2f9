"""SavedModel: strings in and out with the tokenizer in the graph, and ids in and out."""

from pathlib import Path

from keras_attention._validation import InputError, one_line


def operators(path):
    """The names of the operators in the SavedModel, those of its functions included."""
    from tensorflow.core.protobuf import saved_model_pb2

    data = (Path(path) / "saved_model.pb").read_bytes()
    definition = saved_model_pb2.SavedModel.FromString(data)
    graph = definition.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    functions = {function.signature.name for function in graph.library.function}
    return sorted({node.op for node in nodes} - functions)


def write(path, model, graph, precision="float32", saved_model=None):
    """Writes a SavedModel with the signatures `serving_default` (strings) and `ids`.

    Without strings, `serving_default` is `ids` too, because TensorFlow Serving asks for it.

    By `ExportArchive`: what `tf.saved_model.save` makes of Keras objects loads in Python only, not
    in TF Serving's C++ loader.

    Args:
        path: directory.
        model: the Keras model.
        graph: `keras_attention.tasks.task.Graph`.
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
    archive.add_endpoint("ids", graph.ids)
    try:
        archive.write_out(str(path), verbose=False)
    except tf.errors.OpError as error:  # TensorFlow's own I/O raises no OSError
        reason = error.message.split("; ")[-1].split(" [Op:")[0]
        raise InputError(f"{path} cannot be written: {one_line(reason)}.") from error
