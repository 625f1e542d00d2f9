import numpy as np
import pytest
from keras import ops

from keras_attention.decoding import greedy_search, sample
from keras_attention.decoding.sample import uniform
from keras_attention.token_ids import END_ID
from tests.backend import compiled, to_numpy
from tests.decoding.table import WORDS, Table
from tests.models.test_transformer_translator import SOURCE, make

ROWS = 8000
SOURCES = np.repeat(np.array([[1, 4], [2, 4]], "int32"), ROWS, axis=0)
SEEDS = np.arange(2 * ROWS)


def shares(table, **options):
    """How often each token was drawn first, for each of two sources: (2, 6)."""
    found = to_numpy(sample(table, SOURCES, SEEDS, max_length=2, **options))["token_ids"]
    first = found[:, 0].reshape(2, ROWS)
    return np.stack([np.bincount(row, minlength=6) / ROWS for row in first])


def probabilities(table, temperature=1.0):
    """What the first token's distribution is: (2, 6)."""
    logits = table.logits[:2, 0].astype("float64") / temperature
    allowed = np.zeros(6, bool)
    allowed[[*WORDS, END_ID]] = True
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
    cold = to_numpy(sample(table, source, seed=7, temperature=1e-3, max_length=6))
    np.testing.assert_array_equal(cold["token_ids"], expected["token_ids"])


def test_a_sentence_depends_on_itself_and_its_seed_alone():
    model = make()
    expected = to_numpy(model.sample(SOURCE, seed=[4, 5, 6], max_length=9))["token_ids"]
    again = to_numpy(model.sample(SOURCE[::-1], seed=[6, 5, 4], max_length=9))["token_ids"]
    np.testing.assert_array_equal(again[::-1], expected)
    alone = to_numpy(model.sample(SOURCE[1:2, :4], seed=5, max_length=9))["token_ids"]
    np.testing.assert_array_equal(alone[0], expected[1])
    others = to_numpy(model.sample(SOURCE, seed=[14, 15, 16], max_length=9))["token_ids"]
    assert (others != expected).any(axis=1).all()


@pytest.mark.parametrize("seed", [-1, 2**31, 2**40 + 7])
def test_any_integer_is_a_seed(seed):
    found = to_numpy(make().sample(SOURCE, seed=seed, max_length=4))["token_ids"]
    wrapped = to_numpy(make().sample(SOURCE, seed=[seed % 2**32] * len(SOURCE), max_length=4))
    np.testing.assert_array_equal(found, wrapped["token_ids"])


def test_compiled_as_eager():
    model, source = make(), ops.convert_to_tensor(SOURCE)
    expected = to_numpy(model.sample(source, seed=3, max_length=7, top_p=0.9))
    for jit in (True, False):
        found = compiled(lambda ids: model.sample(ids, seed=3, max_length=7, top_p=0.9), jit)
        np.testing.assert_array_equal(to_numpy(found(source))["token_ids"], expected["token_ids"])


def test_the_numbers_are_even_and_apart():
    seeds = ops.cast(np.arange(2000), "uint32")
    numbers = np.stack([to_numpy(uniform(seeds, position)) for position in range(50)])
    assert 0 <= numbers.min() and numbers.max() < 1
    counts = np.bincount((numbers.ravel() * 100).astype(int), minlength=100)
    assert ((counts - 1000) ** 2 / 1000).sum() < 160  # chi-square, 99 degrees: p < 1e-4 above
    between = np.corrcoef(numbers)  # steps with steps, over seeds
    assert np.abs(between - np.eye(50)).max() < 0.12
    neighbours = [np.corrcoef(numbers[:, i], numbers[:, i + 1])[0, 1] for i in range(1999)]
    assert abs(np.mean(neighbours)) < 0.02


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(temperature=0), "`temperature` must be above 0"),
        (dict(top_k=0), "`top_k` must be a positive integer"),
        (dict(top_p=0), r"`top_p` must be in \(0, 1\]"),
        (dict(top_p=1.1), r"`top_p` must be in \(0, 1\]"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make().sample(SOURCE, **options)
