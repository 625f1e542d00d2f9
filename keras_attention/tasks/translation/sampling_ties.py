"""What Keras draws with the same seed when its logits are rounded otherwise."""

from keras import ops

from keras_attention._validation import truncation_is_known
from keras_attention.decoding.noise import random_words, unit_interval
from keras_attention.search_options import int32_seeds
from keras_attention.tasks.translation.text_translator import compiled_generate, ids_to_ids

ROUNDING = 1e-3  # a hundred times that by which the logits of two runtimes differ
COPIES = 32  # of a sentence, each rounded in its own way: the half of them cross a tie


class SamplingTies:
    """The samples that Keras gives for a text when its logits are rounded otherwise.

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
        model = RoundedOtherwise(translator.model, rounding)
        end = translator.tokenizer.special_ids.end
        generate = compiled_generate(model, translator.search, end=end)
        self.run = ids_to_ids(translator.tokenizer, generate)

    def __call__(self, text, seed):
        """A set of texts."""
        with truncation_is_known():
            [row] = self.encode([text])
        seeds = int32_seeds([seed] * COPIES)
        found, _ = self.run([text] * COPIES, [row] * COPIES, seed=seeds)
        return {several[0] for several in found}


class RoundedOtherwise:
    """A step contract whose logits differ by up to `rounding`, in each row in another way."""

    def __init__(self, model, rounding):
        self.model, self.rounding = model, rounding
        self.special_ids, self.forbidden_ids = model.special_ids, model.forbidden_ids
        self.inputs_shape, self.inputs_mask = model.inputs_shape, model.inputs_mask
        self.first_tokens, self.length_limits = model.first_tokens, model.length_limits
        self.extend, self.max_sequence_length = model.extend, model.max_sequence_length

    def start(self, inputs, *args, **options):
        """As the model's own; the constants know the row."""
        state, constants = self.model.start(inputs, *args, **options)
        # Below 0: what is drawn with the seed 0 shall not be rounded by its own noise.
        row = -1 - ops.arange(self.inputs_shape(inputs)[0], dtype="int32")
        return state, {"model": constants, "row": row}

    def select_rows(self, structure, rows, inputs=None):
        """As the model's own."""
        if inputs is None:
            return self.model.select_rows(structure, rows)
        constants = self.model.select_rows(structure["model"], rows, inputs)
        return {"model": constants, "row": ops.take(structure["row"], rows, axis=0)}

    def step(self, token, position, state, constants):
        """As the model's own, but for the rounding."""
        logits, state = self.model.step(token, position, state, constants["model"])
        tokens = ops.expand_dims(ops.arange(logits.shape[-1], dtype="int32"), 0)  # (1, V)
        share = unit_interval(random_words(constants["row"], position, tokens))  # (b, V)
        return ops.cast(logits, "float32") + self.rounding * (2 * share - 1), state
