"""The two functions that an exported classifier consists of: of ids, and of strings."""

import tensorflow as tf


def ids_function(model, padding_id, takes_pairs=False):
    """`token_ids (N, T)[, segment_ids (N, T)] int32 -> {"probabilities": (N, C) float32}`.

    The one graph that all three formats hold. `padding_id` is masked.
    """
    names = ("token_ids", "segment_ids") if takes_pairs else ("token_ids",)
    signature = [tf.TensorSpec((None, None), tf.int32, name=name) for name in names]

    @tf.function(input_signature=signature, autograph=False)
    def ids(token_ids, segment_ids=None):
        return {"probabilities": model.probabilities(token_ids, padding_id, segment_ids)}

    return ids


def text_function(ids, tokenizer, labels, max_length, takes_pairs=False):
    """`text (N,)[, text_pair (N,)] string -> {"label": (N,) string, "probabilities": (N, C)}`.

    Around an `ids_function`. A text over the maximum is cut.
    """
    names = ("text", "text_pair") if takes_pairs else ("text",)
    signature = [tf.TensorSpec((None,), tf.string, name=name) for name in names]

    @tf.function(input_signature=signature, autograph=False)
    def serving_default(text, text_pair=None):
        packed = tokenizer.pack(text, text_pair, max_length)
        given = [packed["token_ids"], *([packed["segment_ids"]] if takes_pairs else [])]
        probabilities = ids(*given)["probabilities"]
        label = tf.gather(tf.constant(labels), tf.argmax(probabilities, axis=-1))
        return {"label": label, "probabilities": probabilities}

    return serving_default
