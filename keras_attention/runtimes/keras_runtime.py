"""A trained model in Keras itself."""

from keras_attention.runtimes.text_translator import TextTranslator, ids_to_ids
from keras_attention.search_options import GREEDY


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
