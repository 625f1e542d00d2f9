import functools

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding import SamplingOptions, greedy_search, sample, search
from keras_attention.decoding.noise import gumbel_noise, random_words, unit_interval
from keras_attention.token_ids import SpecialIds
from tests.backend import compiled, to_numpy
from tests.decoding.table import WORDS, Table
from tests.models.test_transformer_translator import SOURCE
from tests.models.test_transformer_translator import make as make_transformer

SPECIAL = SpecialIds()

ROWS = 8000
SOURCES = np.repeat(np.array([[1, 4], [2, 4]], "int32"), ROWS, axis=0)
SEEDS = np.arange(2 * ROWS)


@functools.cache
def make():
    """A translator of one layer. Not to be changed."""
    return make_transformer(num_layers=1)


def shares(table, **options):
    """How often each token was drawn first, for each of two sources: (2, 6)."""
    found = to_numpy(sample(table, SOURCES, SEEDS, max_length=2, **options))["token_ids"]
    first = found[:, 0].reshape(2, ROWS)
    return np.stack([np.bincount(row, minlength=6) / ROWS for row in first])


def probabilities(table, temperature=1.0):
    """What the first token's distribution is: (2, 6)."""
    logits = table.logits[:2, 0].astype("float64") / temperature
    allowed = np.zeros(6, bool)
    allowed[[*WORDS, SPECIAL.end]] = True
    weights = np.where(allowed, np.exp(logits), 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_tokens_come_as_often_as_they_are_probable(temperature):
    table = Table(3, 3)
    expected = probabilities(table, temperature)
    np.testing.assert_allclose(shares(table, temperature=temperature), expected, atol=0.02)


def test_top_k_leaves_the_most_probable():
    table = Table(3, 3)
    expected = probabilities(table)
    expected = np.where(expected >= np.sort(expected, axis=1)[:, -2:-1], expected, 0)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares(table, top_k=2), expected, atol=0.02)


@pytest.mark.parametrize("top_p", [0.3, 0.7, 0.95])
def test_top_p_leaves_the_fewest_that_reach_it(top_p):
    table = Table(3, 3)
    for row, found in zip(probabilities(table), shares(table, top_p=top_p), strict=True):
        order = np.argsort(-row)
        count = int(np.searchsorted(np.cumsum(row[order]), top_p)) + 1
        expected = np.zeros(6)
        expected[order[:count]] = row[order[:count]] / row[order[:count]].sum()
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_the_steps_are_drawn_apart():
    """The second token's distribution after each first one is the model's own."""
    table = Table(5, 3)
    found = to_numpy(sample(table, SOURCES[:ROWS], SEEDS[:ROWS], max_length=2))["token_ids"]
    for word in WORDS:
        following = found[found[:, 0] == word, 1]
        for token, value in table.log_probabilities(1, (word,)).items():
            deviation = 4 * 0.5 / np.sqrt(len(following))
            assert np.mean(following == token) == pytest.approx(np.exp(value), abs=deviation)


def test_only_the_most_probable_is_greedy():
    table = Table(3, 6)
    source = np.array([[1, 4], [2, 4], [3, 4]], "int32")
    expected = to_numpy(greedy_search(table, source, 6))
    found = to_numpy(sample(table, source, seed=7, top_k=1, max_length=6))
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-5)


@pytest.mark.parametrize("options", [{}, dict(top_k=3), dict(top_p=0.9), dict(min_length=2)])
@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-40, 5e-324])  # float32 ends at 1e-38
def test_the_colder_the_greedier(temperature, options):
    table = Table(3, 6)
    source = np.array([[1, 4], [2, 4], [3, 4]], "int32")
    limit = {name: value for name, value in options.items() if name == "min_length"}
    expected = to_numpy(greedy_search(table, source, 6, **limit))
    cold = to_numpy(sample(table, source, 7, temperature=temperature, max_length=6, **options))
    np.testing.assert_array_equal(cold["token_ids"], expected["token_ids"])
    np.testing.assert_allclose(cold["score"], expected["score"], atol=1e-5)


def test_the_hottest_is_even():
    allowed = np.isin(np.arange(6), [*WORDS, SPECIAL.end])
    hot = shares(Table(3, 3), temperature=1e300)
    np.testing.assert_allclose(hot, np.stack([allowed / 4] * 2), atol=0.02)


def test_a_sentence_depends_on_itself_and_its_seed_alone():
    model = make()
    expected = to_numpy(model.sample(SOURCE, seed=[4, 5, 6], max_length=9))["token_ids"]
    again = to_numpy(model.sample(SOURCE[::-1], seed=[6, 5, 4], max_length=9))["token_ids"]
    np.testing.assert_array_equal(again[::-1], expected)
    alone = to_numpy(model.sample(SOURCE[1:2, :4], seed=5, max_length=9))["token_ids"]
    np.testing.assert_array_equal(alone[0], expected[1])
    others = to_numpy(model.sample(SOURCE, seed=[14, 15, 16], max_length=9))["token_ids"]
    assert (others != expected).any(axis=1).all()


@pytest.mark.parametrize("seed", [-1, 2**31, 2**40 + 7, 2**70])
def test_any_integer_is_a_seed(seed):
    found = to_numpy(make().sample(SOURCE, seed=seed, max_length=4))["token_ids"]
    wrapped = to_numpy(make().sample(SOURCE, seed=[seed % 2**32] * len(SOURCE), max_length=4))
    np.testing.assert_array_equal(found, wrapped["token_ids"])


# Without XLA in test_search_loop.py too.
@pytest.mark.parametrize("jit", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_compiled_as_eager(jit):
    model, source = make(), ops.convert_to_tensor(SOURCE)
    expected = to_numpy(model.sample(source, seed=3, max_length=7, top_p=0.9))
    found = compiled(lambda ids: model.sample(ids, seed=3, max_length=7, top_p=0.9), jit)
    np.testing.assert_array_equal(to_numpy(found(source))["token_ids"], expected["token_ids"])


def words(seeds=2000, positions=8, tokens=8):
    """(positions, seeds, tokens) uint32."""
    seeds, tokens = ops.arange(seeds, dtype="int32"), ops.arange(tokens, dtype="int32")[None]
    return np.stack([to_numpy(random_words(seeds, p, tokens)) for p in range(positions)])


def test_the_random_words_are_these():
    """Known once and for all: what was drawn with a seed is drawn with it again."""
    seeds = np.array([0, 1, -1, 2**31 - 1, -(2**31)], "int32")
    found = to_numpy(random_words(ops.convert_to_tensor(seeds), 3, ops.convert_to_tensor([[0, 7]])))
    assert found.dtype == "uint32"

    def mix(x):
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
            x = (x ^ (x >> shift)) * factor % 2**32
        return x

    def word(x):
        return mix((x + 0x9E3779B9) % 2**32)

    for row, seed in zip(found.tolist(), seeds.tolist(), strict=True):
        assert row == [mix(mix(mix(word(seed)) ^ word(3)) ^ word(token)) for token in (0, 7)]


def test_the_random_words_are_even_and_apart():
    found = words()
    # Every bit is set half of the time, and given any one bit every other half of the time.
    bits = (found.ravel()[:, None] >> np.arange(32, dtype="uint32")) & 1
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(found.size)
    between = np.corrcoef(bits.T.astype("float32")) - np.eye(32)
    assert np.abs(between).max() < 5 / np.sqrt(found.size)
    for shift in (0, 12, 24):  # chi-square of bytes, 255 degrees: p < 1e-5 above
        counts = np.bincount((found.ravel() >> shift) & 0xFF, minlength=256)
        expected = found.size / 256
        assert ((counts - expected) ** 2 / expected).sum() < 360
    numbers = (found / 2**32).astype("float64")
    for axis in range(3):  # neighbours: positions, seeds, tokens
        first, second = [np.delete(numbers, end, axis=axis).ravel() for end in (-1, 0)]
        assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(first.size)
        pairs = np.histogram2d(first, second, bins=16, range=[(0, 1), (0, 1)])[0]
        expected = first.size / 256
        assert ((pairs - expected) ** 2 / expected).sum() < 360
    # Chance makes two equal words; seeds exchanged with positions or tokens would make hundreds.
    assert len(np.unique(found)) > found.size - 20


def test_gumbel_noise_is_gumbels():
    seeds = ops.arange(20000, dtype="int32")
    found = np.sort(to_numpy(gumbel_noise(seeds, 0, ops.arange(5, dtype="int32")[None])).ravel())
    exact = np.exp(-np.exp(-found.astype("float64")))
    distance = np.abs(exact - (np.arange(found.size) + 0.5) / found.size).max()
    assert distance < 2.2 / np.sqrt(found.size)  # Kolmogorov and Smirnov: p < 1e-4 above


def test_no_random_word_gives_noise_that_is_not_finite():
    edges = ops.convert_to_tensor(np.array([[0, 1, 255, 256, 2**31, 2**32 - 1]], "uint32"))
    share = to_numpy(unit_interval(edges))
    assert (share > 0).all() and (share < 1).all() and (np.diff(share) > 0).all()
    np.testing.assert_allclose(share[0, :3], (np.array([0, 1, 255]) + 0.5) / 2**32, rtol=1e-6)


def test_top_k_and_top_p_that_leave_all_change_nothing():
    """The noise belongs to a token, whatever its rank."""
    model = make()
    expected = to_numpy(model.sample(SOURCE, seed=3, max_length=9))
    for options in (dict(top_k=10**6), dict(top_p=1.0), dict(top_p=1 - 1e-9, top_k=10**6)):
        found = to_numpy(model.sample(SOURCE, seed=3, max_length=9, **options))
        np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
        np.testing.assert_allclose(found["score"], expected["score"], atol=1e-4)


def test_search_samples():
    model = make()
    options = SamplingOptions(temperature=0.8, top_k=5, top_p=0.9, max_length=9)
    expected = to_numpy(sample(model, SOURCE, [4, 5, 6], **options.to_dict()))
    found = to_numpy(search(model, SOURCE, options, seed=[4, 5, 6]))
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    assert SamplingOptions(**options.to_dict()) == options


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(temperature=0), "`temperature` must be a finite number above 0. Received: temp"),
        (dict(temperature=float("inf")), "`temperature` must be a finite number above 0"),
        (dict(top_k=0), "`top_k` must be a positive integer"),
        (dict(top_p=0), r"`top_p` must be a number in \(0, 1\]"),
        (dict(top_p=1.1), r"`top_p` must be a number in \(0, 1\]"),
        (dict(seed=1.5), "`seed` must be an integer or integers. Received: seed=1.5"),
        (
            dict(seed=[1, 2]),
            r"`seed` must be an integer or 3, one for each row. Rec.* seed=\[1, 2\]",
        ),
        (dict(seed=[[1], [2], [3]]), "`seed` must be an integer or 3, one for each row"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make().sample(SOURCE, **options)


@pytest.mark.parametrize("shape", [(1,), (3, 1)])
def test_seeds_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="`seed` must be an integer or 3, one for each row"):
        make().sample(SOURCE, seed=ops.ones(shape, "int32"))
