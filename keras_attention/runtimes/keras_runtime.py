"""A trained model in Keras itself."""

import keras

from keras_attention.runtimes.text_translator import TextTranslator, ids_to_ids


def compiled_generate(model):
    """`model.generate` as a function of arrays, traced once for all batch sizes and lengths."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32)]
        generate = tf.function(model.generate, input_signature=signature, autograph=False)
    else:
        generate = model.generate

    def run(source_ids):
        outputs = generate(source_ids)
        return tuple(keras.ops.convert_to_numpy(outputs[name]) for name in ("token_ids", "score"))

    return run


def keras_translator(model, tokenizer):
    """A `TextTranslator` that runs `model`, a `keras_attention.models.Translator`."""
    run = ids_to_ids(tokenizer, compiled_generate(model))
    translator = TextTranslator(tokenizer, run, model.max_sequence_length)
    translator.model = model
    return translator
