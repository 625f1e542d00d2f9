"""`score_tokens`: the log-probabilities of given tokens, chunk by chunk."""

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding import score_tokens as module
from keras_attention.decoding.score_tokens import score_tokens
from keras_attention.models import GPT

V, WIDTH = 13, 11
LENGTHS = [11, 4, 1]


@pytest.fixture(scope="module")
def model():
    return GPT(V, 2, 2, 16, dropout=0.0, max_sequence_length=12)


@pytest.fixture(scope="module")
def token_ids():
    return np.random.default_rng(0).integers(0, V, (len(LENGTHS), WIDTH)).astype("int32")


@pytest.mark.parametrize("chunk", [1, 4, 11, 128])
def test_it_is_the_log_softmax_of_the_model(model, token_ids, chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    logits = ops.convert_to_numpy(model({"token_ids": token_ids}))
    every = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = np.zeros(token_ids.shape)
    for row, length in enumerate(LENGTHS):
        for t in range(1, length):
            expected[row, t] = every[row, t - 1, token_ids[row, t]]
    found = ops.convert_to_numpy(score_tokens(model, token_ids, np.array(LENGTHS)))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.min() < -1


def test_what_fills_a_row_changes_nothing(model, token_ids):
    other = token_ids.copy()
    for row, length in enumerate(LENGTHS):
        other[row, length:] = (other[row, length:] + 1) % V
    found = [
        ops.convert_to_numpy(score_tokens(model, x, np.array(LENGTHS))) for x in (token_ids, other)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_one_token_more_than_the_context(model):
    """The last token is scored and never read."""
    ids = np.random.default_rng(1).integers(0, V, (2, 13)).astype("int32")
    found = ops.convert_to_numpy(score_tokens(model, ids, np.array([13, 13])))
    logits = ops.convert_to_numpy(model({"token_ids": ids[:, :12]}))
    every = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = np.take_along_axis(every, ids[:, 1:, None], axis=2)[..., 0]
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-5)
