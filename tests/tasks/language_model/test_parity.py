"""What counts as a tie of two tokens, and in which window."""

import numpy as np
import pytest

from keras_attention._validation import truncation_is_known
from keras_attention.search_options import GREEDY, SamplingOptions
from keras_attention.tasks.language_model.continuation import Continuation
from keras_attention.tasks.language_model.parity import ROUNDING, compare
from keras_attention.tasks.language_model.text_generator import TextGenerator
from keras_attention.text.tokenizers import language_model_tokenizer

CONTEXT = 12


class Reader:
    """Two tokens come close after the first one."""

    def __init__(self, gap):
        self.gap, self.started = gap, []

    def __call__(self):
        return self

    def start(self, token_ids):
        self.started.append(list(token_ids))
        return self._logits({7: 3.0})

    def read(self, token_id):
        return self._logits({8: 3.0, 9: 3.0 - self.gap})

    def _logits(self, some):
        logits = np.zeros(257)
        logits[list(some)] = list(some.values())
        return logits


def reference(gap, search=GREEDY):
    """A `TextGenerator` whose steps alone are asked for."""
    tokenizer = language_model_tokenizer("bytes")()
    return TextGenerator(tokenizer, None, None, CONTEXT, search, reader=Reader(gap))


def rows(token_ids):
    return [[Continuation("", token_ids, 0.0, "end")]]


def report(generator, prompt="ab", max_new_tokens=2):
    with truncation_is_known():
        return compare(generator, [prompt], rows([7, 8]), rows([7, 9]), max_new_tokens)


@pytest.mark.parametrize(("share", "ties"), [(0.9, 1), (1.1, 0), (1.9, 0)])
def test_tokens_tie_whose_logits_are_nearer_than_the_rounding(share, ties):
    found = report(reference(share * ROUNDING))
    assert found["ties"] == ties and len(found["differences"]) == 1 - ties
    assert (found["agreement"], found["equal_tokens"]) == (0.0, 0.5)


def test_a_hot_sample_ties_by_as_much_as_its_temperature():
    search = SamplingOptions(temperature=8.0, top_k=1)
    assert [report(reference(n * ROUNDING, search))["ties"] for n in (7, 9)] == [1, 0]


@pytest.mark.parametrize("max_new_tokens", [2, 5])
def test_a_long_prompt_is_read_as_it_was_when_the_tokens_were_made(max_new_tokens):
    """A text that ends early was given room for more, and so less of its prompt was read."""
    generator, prompt = reference(0.0), "0123456789abcdef"
    report(generator, prompt, max_new_tokens)
    assert generator.reader.started == [list(prompt[-(CONTEXT + 1 - max_new_tokens) :].encode())]
