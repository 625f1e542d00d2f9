"""The two functions that exported sentence vectors consist of: of ids, and of strings."""

from keras_attention.tasks.embedding.text_embedder import OUTPUT, text_vectors


def ids_function(model, padding_id):
    """`token_ids (N, T) int32 -> {"sentence_embedding": (N, D) float32}`.

    The one graph that all three formats hold. `padding_id` is masked.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None), tf.int32, name="token_ids")]

    @tf.function(input_signature=signature, autograph=False)
    def ids(token_ids):
        return {OUTPUT: text_vectors(model, padding_id, token_ids)}

    return ids


def text_function(ids, tokenizer, max_length):
    """`text (N,) string -> {"sentence_embedding": (N, D) float32}`, around an `ids_function`.

    A text over the maximum is cut.
    """
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")], autograph=False)
    def serving_default(text):
        return ids(tokenizer.pack(text, None, max_length)["token_ids"])

    return serving_default


def signatures(dimension, formats):
    """The inputs and outputs of both, as a manifest has them.

    Args:
        dimension: number of elements D of a vector.
        formats: the table of formats.
    """
    outputs = {OUTPUT: ["float32", ["N", dimension]]}
    return {
        "serving_default": {
            "formats": [fmt.name for fmt in formats.values() if fmt.takes_text],
            "inputs": {"text": ["string", ["N"]]},
            "outputs": outputs,
        },
        "ids": {
            "formats": list(formats),
            "inputs": {"token_ids": ["int32", ["N", "T"]]},
            "outputs": outputs,
        },
    }
