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


def saved_model_signature(directory, signature):
    """A function of named arrays that runs one signature in a v1 session.

    `tf.saved_model.load` would rebuild Python objects, and so load what TF Serving cannot.

    Args:
        directory: a SavedModel.
        signature: its name.

    Returns:
        Function of keyword arguments (input name -> array) to a dict (output name -> array).
    """
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 (registers the tokenizer's ops)

    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default(), _without_deprecation_notes(tf.get_logger()):
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(Path(directory)))
    definition = loaded.signature_def[signature]

    def run(**inputs):
        feed = {definition.inputs[name].name: value for name, value in inputs.items()}
        fetch = {name: tensor.name for name, tensor in definition.outputs.items()}
        return session.run(fetch, feed)

    return run


def saved_model_generate(directory):
    """`generate(source_ids[, seed]) -> (token_ids, score)` by the signature `ids`."""
    run = saved_model_signature(directory, "ids")

    def generate(source_ids, **seeds):
        outputs = run(source_ids=source_ids, **seeds)
        return outputs["token_ids"], outputs["score"]

    return generate


def saved_model_strings(directory):
    """`run` of a `TextTranslator` by the signature `serving_default`."""
    run = saved_model_signature(directory, "serving_default")

    def translate(texts, rows, **seeds):
        outputs = run(text=[text.encode() for text in texts], **seeds)
        found = outputs["text"].reshape(len(texts), -1)
        return [[t.decode() for t in row] for row in found], outputs["score"].reshape(found.shape)

    return translate


def saved_model_texts(directory):
    """`run` of a `TextClassifier` by the signature `serving_default`."""
    run = saved_model_signature(directory, "serving_default")

    def classify(texts, pairs, token_ids, segment_ids):
        inputs = {"text": [text.encode() for text in texts]}
        if pairs is not None:
            inputs["text_pair"] = [text.encode() for text in pairs]
        return run(**inputs)["probabilities"]

    return classify
