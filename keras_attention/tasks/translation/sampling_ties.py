"""What Keras draws with the same seed when its logits are rounded otherwise."""

import warnings

from keras import ops

from keras_attention._validation import TruncationWarning
from keras_attention.decoding.noise import random_words, unit_interval
from keras_attention.search_options import int32_seeds
from keras_attention.tasks.translation.text_translator import compiled_generate, ids_to_ids

ROUNDING = 1e-3  # a hundred times that by which the logits of two runtimes differ
COPIES = 32  # of a sentence, each rounded in its own way: the half of them cross a tie


class SamplingTies:
    """The samples of a text that are Keras' own but for the rounding of its logits.

    Where two tokens come that close, another runtime may draw the other one, and from there on
    another sentence; but it is one of these.

    Args:
        translator: a `TextTranslator` of a Keras model that samples.

    >>> SamplingTies(keras_translator(model, tokenizer, SamplingOptions()))("three hundred", seed=7)
    {'dreihundert'}
    """

    def __init__(self, translator):
        self.encode = translator.encode
        # Of what the temperature makes of the logits float32 rounds as much, however hot it is.
        rounding = ROUNDING * max(1.0, translator.search.temperature)
        generate = compiled_generate(
            RoundedOtherwise(translator.model, rounding), translator.search
        )
        self.run = ids_to_ids(translator.tokenizer, generate)

    def __call__(self, text, seed):
        """A set of texts."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncationWarning)
            [row] = self.encode([text])
        seeds = int32_seeds([seed] * COPIES)
        found, _ = self.run([text] * COPIES, [row] * COPIES, seed=seeds)
        return {several[0] for several in found}


class RoundedOtherwise:
    """A step contract whose logits differ by up to `rounding`, in each row in another way."""

    def __init__(self, model, rounding):
        self.model, self.rounding = model, rounding
        self.max_sequence_length = model.max_sequence_length
        self.reorder, self.extend = model.reorder, model.extend

    def start(self, source_ids, *args, **options):
        """As the model's own; the constants know the row."""
        state, constants = self.model.start(source_ids, *args, **options)
        # Below 0: what is drawn with the seed 0 shall not be rounded by its own noise.
        row = -1 - ops.arange(ops.shape(source_ids)[0], dtype="int32")
        return state, {"model": constants, "row": row}

    def keep(self, constants, sentences, rows):
        """As the model's own."""
        model = self.model.keep(constants["model"], sentences, rows)
        return {"model": model, "row": ops.take(constants["row"], rows, axis=0)}

    def advance(self, token, position, state, constants):
        """As the model's own, but for the rounding."""
        logits, state = self.model.advance(token, position, state, constants["model"])
        tokens = ops.expand_dims(ops.arange(logits.shape[-1], dtype="int32"), 0)  # (1, V)
        share = unit_interval(random_words(constants["row"], position, tokens))  # (b, V)
        return ops.cast(logits, "float32") + self.rounding * (2 * share - 1), state
