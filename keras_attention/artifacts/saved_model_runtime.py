"""A SavedModel through TensorFlow's v1 loader: the C++ code with which TF Serving loads it."""

from contextlib import contextmanager
from pathlib import Path


@contextmanager
def _without_deprecation_notes(logger):
    """TensorFlow logs that this loader is old; TF Serving's own code is what it stands for here."""
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


def signature(path, name="serving_default", outputs=None):
    """A signature of a SavedModel in a v1 session.

    `tf.saved_model.load` would rebuild Python objects, and so load what TF Serving cannot.

    Args:
        path: a SavedModel.
        name: of the signature.
        outputs: the names of those that are wanted; None for all.

    Returns:
        Function of keyword arguments (input name -> array) to a dict (output name -> array).
    """
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 (registers the tokenizer's ops)

    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default(), _without_deprecation_notes(tf.get_logger()):
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(Path(path)))
    definition = loaded.signature_def[name]
    fetch = {
        output: tensor.name
        for output, tensor in definition.outputs.items()
        if outputs is None or output in outputs
    }

    def run(**inputs):
        feed = {definition.inputs[name].name: value for name, value in inputs.items()}
        return session.run(fetch, feed)

    return run
