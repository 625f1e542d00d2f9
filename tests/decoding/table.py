"""A step contract with any distribution over sequences, small enough to list them all."""

import itertools

import numpy as np
from keras import ops

from keras_attention.token_ids import SpecialIds
from tests.decoding.source_contract import SourceContract

SPECIAL = SpecialIds()

VOCABULARY = 6
WORDS = [1, 4, 5]  # what may stand in a sequence besides END


class Table(SourceContract):
    """Logits that depend on the whole prefix, and on the first source token.

    `calls` counts the steps that were made, where the loop runs eagerly.
    """

    def __init__(self, seed, longest, sources=3, sharpness=2.0):
        self.max_sequence_length = longest
        self.prefixes = (len(WORDS) + 1) ** longest
        random = np.random.default_rng(seed)
        shape = (sources, self.prefixes, VOCABULARY)
        self.logits = (sharpness * random.standard_normal(shape)).astype("float32")
        self.attention = random.random((sources, self.prefixes, 8)).astype("float32")
        self.calls = 0

    def start(self, inputs, room, return_alignment=False, beam_size=1):
        source_ids = ops.repeat(inputs, beam_size, axis=0)
        state = {"prefix": ops.zeros(ops.shape(source_ids)[:1], dtype="int32")}
        if return_alignment:
            state["alignment"] = ops.zeros(ops.shape(source_ids), dtype="float32")
        return state, {
            "source": source_ids[:, 0] - 1,
            "mask": ops.cast(source_ids != SPECIAL.padding, "float32"),
        }

    def step(self, token, position, state, constants):
        self.calls += 1
        digit = ops.where(token == 1, 1, ops.where(token >= 4, token - 2, 0))
        prefix = (state["prefix"] * (len(WORDS) + 1) + digit) % self.prefixes
        row = constants["source"] * self.prefixes + prefix
        logits = ops.take(self.logits.reshape(-1, VOCABULARY), row, axis=0)
        state = dict(state, prefix=prefix)
        if "alignment" in state:
            weights = ops.take(self.attention.reshape(-1, 8), row, axis=0)
            weights = weights[:, : ops.shape(constants["mask"])[1]] * constants["mask"]
            state["alignment"] = weights / ops.sum(weights, axis=1, keepdims=True)
        return logits, state

    def log_probabilities(self, source, words):
        """Of the tokens that may follow `words`, in plain Python: a dict."""
        logits = self.logits[source - 1, self._prefix(words)].astype("float64")
        total = np.log(sum(np.exp(logits[t]) for t in (*WORDS, SPECIAL.end)))
        return {t: logits[t] - total for t in (*WORDS, SPECIAL.end)}

    def alignment(self, source, words, length):
        """The attention (length,) that chose what follows `words`, in plain Python."""
        weights = self.attention[source - 1, self._prefix(words)][:length].astype("float64")
        return weights / weights.sum()

    def _prefix(self, words):
        prefix = 0
        for word in words:
            prefix = prefix * (len(WORDS) + 1) + WORDS.index(word) + 1
        return prefix % self.prefixes

    def all_sequences(self, longest, min_length=0):
        """Every sequence there is: those that end, and those that the maximum cuts."""
        for length in range(longest):
            if length >= min_length:
                for words in itertools.product(WORDS, repeat=length):
                    yield (*words, SPECIAL.end)
        yield from itertools.product(WORDS, repeat=longest)
