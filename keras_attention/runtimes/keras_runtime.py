"""A trained model in Keras itself."""

from keras_attention.runtimes.text_translator import TextTranslator, ids_to_ids


def compiled_generate(model, max_length=None):
    """`model.generate` as a function of arrays, traced once for all batch sizes and lengths."""
    import keras  # here: the other runtimes need neither it nor TensorFlow

    def generate(source_ids):
        return model.generate(source_ids, max_length)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32)]
        generate = tf.function(generate, input_signature=signature, autograph=False)

    def run(source_ids):
        outputs = generate(source_ids)
        return tuple(keras.ops.convert_to_numpy(outputs[name]) for name in ("token_ids", "score"))

    return run


def keras_translator(model, tokenizer, max_length=None):
    """A `TextTranslator` that runs `model`, a `keras_attention.models.Translator`.

    Args:
        model: the model.
        tokenizer: a `TranslationTokenizer`.
        max_length: tokens of a translation at most; by default the source's length + 50.
    """
    run = ids_to_ids(tokenizer, compiled_generate(model, max_length))
    translator = TextTranslator(tokenizer, run, model.max_sequence_length)
    translator.model = model
    return translator
