"""A `TextGenerator` that runs a Keras model."""

import functools

from keras_attention.search_options import GREEDY
from keras_attention.tasks.language_model.keras_reader import KerasReader, compiled_steps
from keras_attention.tasks.language_model.text_generator import TextGenerator

OUTPUTS = ("token_ids", "score")
COMPILED = 8  # searches whose graphs are kept


def keras_generator(model, tokenizer, search=GREEDY, seed=0, stops=()):
    """A `TextGenerator` that runs `model`, a `keras_attention.models.LanguageModel`.

    Args:
        model: the Keras model; it becomes `.model`.
        tokenizer: its tokenizer.
        search: `SearchOptions` or `SamplingOptions`; it becomes `.search`.
        seed, stops: see `TextGenerator`.
    """
    run_with = functools.lru_cache(COMPILED)(functools.partial(compiled_generate, model))
    generator = TextGenerator(
        tokenizer,
        None,  # `run_with` makes it when the first text comes
        compiled_scores(model),
        model.max_sequence_length,
        search=search,
        special_ids=model.special_ids,
        forbidden_ids=model.forbidden_ids,
        reader=functools.partial(KerasReader, compiled_steps(model)),
        stops=stops,
        seed=seed,
        run_with=run_with,
    )
    generator.model = model
    return generator


def compiled_generate(model, options=GREEDY, stops=()):
    """The search as a function of arrays, traced once for all batch sizes and lengths.

    Args:
        model: a `LanguageModel`.
        options: `SearchOptions` or `SamplingOptions`.
        stops: sequences of ids that end a row.
    """
    import keras

    from keras_attention.decoding import search

    def generate(prompt_ids, lengths, max_new_tokens, seed=None):
        inputs = {
            "token_ids": prompt_ids,
            "lengths": lengths,
            "max_new_tokens": max_new_tokens,
        }
        return search(model, inputs, options, seed=seed, stops=stops)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        vector = tf.TensorSpec((None,), tf.int32)
        signature = [tf.TensorSpec((None, None), tf.int32), vector, vector]
        if options.is_sampling:
            signature.append(vector)
        generate = tf.function(generate, input_signature=signature, autograph=False)

    def run(**inputs):
        found = generate(**inputs)
        return {name: keras.ops.convert_to_numpy(found[name]) for name in OUTPUTS}

    return run


def compiled_scores(model):
    """The log-probabilities of tokens as a function of arrays: see `TextGenerator`."""
    import keras

    from keras_attention.tasks.language_model.keras_scores import token_log_probabilities

    def score(token_ids, lengths):
        return token_log_probabilities(model, token_ids, lengths)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)]
        score = tf.function(score, input_signature=signature, autograph=False)

    def run(token_ids, lengths):
        found = score(token_ids=token_ids, lengths=lengths)
        return {"log_probabilities": keras.ops.convert_to_numpy(found)}

    return run
