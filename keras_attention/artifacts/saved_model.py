"""SavedModel: strings in and out with the tokenizer in the graph, and ids in and out."""

from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_attention._validation import InputError, one_line


def saved_model_ops(directory):
    """The names of the operators in a SavedModel, those of its functions included."""
    definition = saved_model_pb2.SavedModel.FromString(
        (Path(directory) / "saved_model.pb").read_bytes()
    )
    graph = definition.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    functions = {function.signature.name for function in graph.library.function}
    return sorted({node.op for node in nodes} - functions)


def write_saved_model(directory, model, tokenizers, ids, text):
    """Writes a SavedModel with the signatures `serving_default` (strings) and `ids`.

    By `ExportArchive`: what `tf.saved_model.save` makes of Keras objects loads in Python only, not
    in TF Serving's C++ loader.

    Args:
        directory: path.
        model: the Keras model.
        tokenizers: dict of the `tf.Module`s that `text` uses, by name.
        ids: `tf.function`.
        text: `tf.function`.

    Raises:
        InputError: if it cannot be written, as on a full disk.
    """
    holder = tf.Module(name="tokenizers")
    for name, tokenizer in tokenizers.items():
        setattr(holder, name, tokenizer)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.track(holder)
    archive.add_endpoint("serving_default", text)
    archive.add_endpoint("ids", ids)
    try:
        archive.write_out(str(directory), verbose=False)
    except tf.errors.OpError as error:  # TensorFlow's own I/O raises no OSError
        reason = error.message.split("; ")[-1].split(" [Op:")[0]
        raise InputError(f"{directory} cannot be written: {one_line(reason)}.") from error
