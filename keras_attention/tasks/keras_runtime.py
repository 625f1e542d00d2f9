"""A trained model in Keras itself."""

from keras_attention.search_options import GREEDY
from keras_attention.tasks.classification.text_classifier import (
    TextClassifier,
    ids_to_probabilities,
)
from keras_attention.tasks.translation.text_translator import TextTranslator, ids_to_ids


def compiled_generate(model, options=GREEDY):
    """The search as a function of arrays, traced once for all batch sizes and lengths."""
    import keras  # here: the other runtimes need neither it nor TensorFlow

    from keras_attention.decoding import search

    def generate(source_ids, seed=None):
        return search(model, source_ids, options, seed=seed)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32)]
        if options.is_sampling:
            signature.append(tf.TensorSpec((None,), tf.int32))
        generate = tf.function(generate, input_signature=signature, autograph=False)

    def run(source_ids, **seeds):
        outputs = generate(source_ids, **seeds)
        return tuple(keras.ops.convert_to_numpy(outputs[name]) for name in ("token_ids", "score"))

    return run


def keras_translator(model, tokenizer, search=GREEDY, seed=0):
    """A `TextTranslator` that runs `model`, a `keras_attention.models.Translator`.

    Args:
        model: the model.
        tokenizer: a `TranslationTokenizer`.
        search: `keras_attention.decoding.SearchOptions`, greedy by default, or `SamplingOptions`.
        seed: of the first text where it samples: see `TextTranslator`.
    """
    run = ids_to_ids(tokenizer, compiled_generate(model, search))
    seed = seed if search.is_sampling else None
    translator = TextTranslator(tokenizer, run, model.max_sequence_length, seed=seed)
    translator.model, translator.search = model, search
    return translator


def compiled_classify(model, padding_id, takes_pairs=False):
    """`classify(token_ids[, segment_ids]) -> probabilities` as a function of arrays, traced once.

    Args:
        model: a `keras_attention.models.ClassifierHead` whose output is logits (B, C).
        padding_id: of the vocabulary: it is masked.
        takes_pairs: whether there are segment ids.
    """
    import keras

    def probabilities(token_ids, segment_ids=None):
        return model.probabilities(token_ids, padding_id, segment_ids)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32)] * (2 if takes_pairs else 1)
        probabilities = tf.function(probabilities, input_signature=signature, autograph=False)
    return lambda **ids: keras.ops.convert_to_numpy(probabilities(**ids))


def keras_classifier(model, tokenizer, labels, max_length, takes_pairs=False):
    """A `TextClassifier` that runs `model`: see `compiled_classify`.

    Args:
        model: the model.
        tokenizer: a `WordPieceTokenizer`.
        labels: names of its labels.
        max_length: the longest text in tokens.
        takes_pairs: whether it classifies pairs of texts.
    """
    run = ids_to_probabilities(
        compiled_classify(model, tokenizer.padding_id, takes_pairs),
        tokenizer.padding_id,
        takes_pairs,
    )
    classifier = TextClassifier(tokenizer, run, labels, max_length, takes_pairs)
    classifier.model = model
    return classifier
