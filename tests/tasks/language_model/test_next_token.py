"""The host draws the numbers that graphs draw."""

import numpy as np
import pytest

from keras_attention.decoding import noise
from keras_attention.search_options import SamplingOptions, SearchOptions
from keras_attention.tasks.language_model import next_token
from keras_attention.tasks.language_model.next_token import NextToken
from keras_attention.token_ids import SpecialIds
from tests.backend import to_numpy

SPECIAL = SpecialIds(padding=None, unknown=None, start=None, end=3)


def test_the_noise_is_that_of_graphs():
    seeds = np.array([0, 1, -5, 2**31 - 1], "int32")
    tokens = np.arange(4000, dtype="int32")[None]
    for position in (0, 1, 77):
        expected = to_numpy(noise.random_words(seeds, np.int32(position), tokens))
        np.testing.assert_array_equal(next_token._random_words(seeds, position, tokens), expected)
        np.testing.assert_allclose(
            next_token.gumbel_noise(seeds, position, tokens),
            to_numpy(noise.gumbel_noise(seeds, np.int32(position), tokens)),
            rtol=1e-5,
            atol=1e-6,
        )


def test_greedy_by_hand():
    choose = NextToken(SearchOptions(min_length=2), SPECIAL, forbidden_ids=[0])
    logits = np.array([9.0, 1.0, 2.0, 8.0])
    assert [choose(logits) for _ in range(3)] == [2, 2, 3]
    assert logits.tolist() == [9.0, 1.0, 2.0, 8.0]


def test_a_repetition_penalty_by_hand():
    choose = NextToken(SearchOptions(repetition_penalty=2.0), SPECIAL, prompt=[2])
    logits = np.array([0.9, 1.4, 2.0, -1.0])
    assert [choose(logits) for _ in range(3)] == [1, 2, 2]
    # 1.4 / 2 = 0.7 and 2.0 / 2 = 1.0 from then on.


@pytest.mark.parametrize(
    ("options", "possible"),
    [
        (SamplingOptions(), {0, 1, 2, 3}),
        (SamplingOptions(top_k=2), {0, 2}),
        (SamplingOptions(top_p=0.45), {2}),
        (SamplingOptions(temperature=1e-9), {2}),
    ],
)
def test_what_may_be_drawn(options, possible):
    logits = np.log(np.array([0.3, 0.1, 0.5, 0.1]))
    drawn = {NextToken(options, SPECIAL, seed=seed)(logits) for seed in range(300)}
    assert drawn == possible


def test_draws_are_as_frequent_as_they_are_probable():
    logits = np.log(np.array([0.3, 0.1, 0.5, 0.1]))
    drawn = [NextToken(SamplingOptions(), SPECIAL, seed=seed)(logits) for seed in range(4000)]
    shares = np.bincount(drawn, minlength=4) / 4000
    np.testing.assert_allclose(shares, [0.3, 0.1, 0.5, 0.1], atol=0.025)
