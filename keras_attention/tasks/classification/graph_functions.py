"""The two functions that an exported classifier consists of: of ids, and of strings."""

from keras_attention.graph.require_same_shape import require_same_shape
from keras_attention.problem_types import REGRESSION, output_name, problem_type_of
from keras_attention.tasks.classification.stated_problem_type import own_problem_type
from keras_attention.tasks.classification.text_classifier import class_scores


def ids_function(model, padding_id, takes_pairs=False, problem_type=None):
    """`token_ids (N, T)[, segment_ids (N, T)] int32 -> {"probabilities": (N, C) float32}`.

    The one graph that all three formats hold. `padding_id` is masked. A regression gives "scores"
    in the place of "probabilities". `problem_type` is that of `TextClassifier`.
    """
    import tensorflow as tf

    problem_type = own_problem_type(model, problem_type)
    names = ("token_ids", "segment_ids") if takes_pairs else ("token_ids",)
    signature = [tf.TensorSpec((None, None), tf.int32, name=name) for name in names]

    @tf.function(input_signature=signature, autograph=False)
    def ids(token_ids, segment_ids=None):
        if segment_ids is not None:
            segment_ids = require_same_shape(segment_ids, token_ids)
        scores = class_scores(model, padding_id, token_ids, segment_ids, problem_type)
        return {output_name(problem_type): scores}

    return ids


def text_function(ids, tokenizer, labels, max_length, takes_pairs=False):
    """`text (N,)[, text_pair (N,)] string -> {"label": (N,) string, "probabilities": (N, C)}`.

    Around an `ids_function`. A text over the maximum is cut. A regression gives no label.
    """
    import tensorflow as tf

    names = ("text", "text_pair") if takes_pairs else ("text",)
    signature = [tf.TensorSpec((None,), tf.string, name=name) for name in names]

    @tf.function(input_signature=signature, autograph=False)
    def serving_default(text, text_pair=None):
        packed = tokenizer.pack(text, text_pair, max_length)
        given = [packed["token_ids"], *([packed["segment_ids"]] if takes_pairs else [])]
        outputs = ids(*given)
        if "probabilities" not in outputs:
            return outputs
        probabilities = outputs["probabilities"]
        label = tf.gather(tf.constant(labels), tf.argmax(probabilities, axis=-1))
        return {"label": label, "probabilities": probabilities}

    return serving_default


def signatures(count, takes_pairs, formats, problem_type=None):
    """The inputs and outputs of both, as a manifest has them.

    Args:
        count: number of labels C.
        takes_pairs: see `ids_function`.
        formats: the table of formats.
        problem_type: that of `TextClassifier`.
    """
    problem_type = problem_type_of(problem_type, count)
    text, ids = {"text": ["string", ["N"]]}, {"token_ids": ["int32", ["N", "T"]]}
    if takes_pairs:
        text["text_pair"] = ["string", ["N"]]
        ids["segment_ids"] = ["int32", ["N", "T"]]
    scores = {output_name(problem_type): ["float32", ["N", count]]}
    label = {} if problem_type == REGRESSION else {"label": ["string", ["N"]]}
    return {
        "serving_default": {
            "formats": [fmt.name for fmt in formats.values() if fmt.takes_text],
            "inputs": text,
            "outputs": {**label, **scores},
        },
        "ids": {"formats": list(formats), "inputs": ids, "outputs": scores},
    }
