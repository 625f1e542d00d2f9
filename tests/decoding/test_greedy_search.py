import functools

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding import greedy_search
from keras_attention.token_ids import SpecialIds
from tests.backend import compiled, to_numpy
from tests.decoding.source_contract import SourceContract
from tests.models.test_transformer_translator import SOURCE, V
from tests.models.test_transformer_translator import make as make_transformer

SPECIAL = SpecialIds()


@functools.cache
def make():
    """A translator. Not to be changed."""
    return make_transformer()


class Chain(SourceContract):
    """A step contract with a known answer: token `n` is followed by `n + 1`, `last` by END."""

    def __init__(self, last=8, vocabulary=12):
        self.last, self.vocabulary = last, vocabulary

    def start(self, inputs, room, return_alignment=False):
        batch_size, length = ops.shape(inputs)
        state = {"count": ops.zeros((batch_size,), dtype="int32")}
        if return_alignment:
            state["alignment"] = ops.zeros((batch_size, length), dtype="float32")
        return state, {"first": inputs[:, 0], "length": length}

    def step(self, token, position, state, constants):
        following = ops.where(token == SPECIAL.start, constants["first"], token + 1)
        following = ops.where(token >= self.last, SPECIAL.end, following)
        logits = 5.0 * ops.one_hot(following, self.vocabulary)
        # What no translation holds would win if it could.
        loud = np.zeros(self.vocabulary, "float32")
        loud[[SPECIAL.padding, SPECIAL.start]] = 50.0
        state = dict(state, count=state["count"] + 1)
        if "alignment" in state:
            state["alignment"] = ops.zeros_like(state["alignment"]) + ops.cast(position, "float32")
        return logits + loud, state


def test_the_chain_is_followed_to_its_end():
    outputs = to_numpy(greedy_search(Chain(), np.array([[5, 1], [7, 0], [8, 0]], "int32")))
    found = outputs["token_ids"]
    assert found.shape == (3, 30)
    np.testing.assert_array_equal(found[0, :6], [5, 6, 7, 8, SPECIAL.end, 0])
    np.testing.assert_array_equal(found[1, :4], [7, 8, SPECIAL.end, 0])
    np.testing.assert_array_equal(found[2, :3], [8, SPECIAL.end, 0])
    assert not found[:, 6:].any()
    # Padding and START take no part: 12 - 2 tokens, one of them ahead by 5.
    step = 5 - np.log(np.exp(5) + 9)
    np.testing.assert_allclose(outputs["score"], [5 * step, 3 * step, 2 * step], rtol=1e-5)


@pytest.mark.parametrize("max_length", [1, 3])
def test_a_given_maximum_cuts_every_sentence(max_length):
    found = to_numpy(greedy_search(Chain(), np.array([[4], [7]], "int32"), max_length))["token_ids"]
    assert found.shape == (2, max_length)
    np.testing.assert_array_equal(found[0], [4, 5, 6][:max_length])
    np.testing.assert_array_equal(found[1], [7, 8, SPECIAL.end][:max_length])


def test_the_models_maximum_is_a_cap():
    found = to_numpy(greedy_search(Chain(last=100, vocabulary=110), np.array([[4]], "int32"), 500))
    np.testing.assert_array_equal(found["token_ids"], [np.arange(4, 34)])


def test_the_limit_is_each_sentences_own_length_plus_50():
    chain = Chain(last=10**6, vocabulary=300)
    chain.max_sequence_length = 100
    source = np.array([[4, 4, 4, 4], [4, 4, 0, 0]], "int32")
    found = to_numpy(greedy_search(chain, source))["token_ids"]
    assert (found != 0).sum(axis=1).tolist() == [54, 52]
    # With more padding, or alone, each sentence gets the same.
    wider = to_numpy(greedy_search(chain, np.pad(source, ((0, 0), (0, 9)))))["token_ids"]
    np.testing.assert_array_equal(wider[:, :54], found)
    assert not wider[:, 54:].any()
    alone = to_numpy(greedy_search(chain, source[1:, :2]))["token_ids"]
    np.testing.assert_array_equal(alone[0], found[1, :52])


def test_alignment_rows_of_emitted_tokens_only():
    source = np.array([[7, 1], [8, 1]], "int32")
    outputs = to_numpy(greedy_search(Chain(), source, 5, return_alignment=True))
    assert outputs["alignment"].shape == (2, 5, 2)
    np.testing.assert_array_equal(outputs["alignment"][0, :, 0], [0, 1, 2, 0, 0])
    np.testing.assert_array_equal(outputs["alignment"][1, :, 0], [0, 1, 0, 0, 0])


def test_it_is_the_argmax_of_the_models_own_logits():
    model = make()
    found = to_numpy(model.generate(SOURCE, max_length=8))
    # All nine positions from the start: a causal model does not see the ones to come.
    tokens = np.full((len(SOURCE), 9), SPECIAL.padding, "int32")
    tokens[:, 0] = SPECIAL.start
    score, finished = np.zeros(len(SOURCE)), np.zeros(len(SOURCE), bool)
    for t in range(8):
        inputs = {"encoder_token_ids": SOURCE, "decoder_token_ids": tokens}
        logits = to_numpy(model(inputs))[:, t].copy()
        logits[:, [SPECIAL.padding, SPECIAL.start]] = -1e9
        best = logits.argmax(-1)
        log_probability = logits.max(-1) - np.log(np.exp(logits).sum(-1))
        score += np.where(finished, 0, log_probability)
        tokens[:, t + 1] = np.where(finished, SPECIAL.padding, best)
        finished |= best == SPECIAL.end
    np.testing.assert_array_equal(found["token_ids"], tokens[:, 1:])
    np.testing.assert_allclose(found["score"], score, atol=1e-4)
    assert found["token_ids"].max() < V


def test_the_alignment_of_every_emitted_token_is_a_distribution_over_the_source():
    outputs = to_numpy(make().generate(SOURCE, 12, return_alignment=True))
    emitted = outputs["token_ids"] != SPECIAL.padding
    alignment = outputs["alignment"]
    np.testing.assert_allclose(alignment.sum(-1), emitted, atol=1e-5)  # 1, or 0 after the end
    assert not alignment[
        np.broadcast_to((SOURCE == SPECIAL.padding)[:, None], alignment.shape)
    ].any()


def test_padding_and_the_rest_of_the_batch_change_nothing():
    model = make()
    expected = to_numpy(model.generate(SOURCE))
    wider = to_numpy(model.generate(np.pad(SOURCE, ((0, 0), (0, 4)))))
    length = expected["token_ids"].shape[1]
    np.testing.assert_array_equal(wider["token_ids"][:, :length], expected["token_ids"])
    for row, size in ((0, 6), (1, 4), (2, 2)):
        alone = to_numpy(model.generate(SOURCE[row : row + 1, :size]))
        n = alone["token_ids"].shape[1]
        np.testing.assert_array_equal(alone["token_ids"][0], expected["token_ids"][row, :n])
        np.testing.assert_allclose(alone["score"][0], expected["score"][row], atol=1e-4)


def test_compiled_as_eager():
    model = make()
    source = ops.convert_to_tensor(SOURCE)
    expected = to_numpy(model.generate(source, 7, True))
    for jit in (True, False):
        found = to_numpy(compiled(lambda ids: model.generate(ids, 7, True), jit)(source))
        np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
        np.testing.assert_allclose(found["alignment"], expected["alignment"], atol=1e-5)
