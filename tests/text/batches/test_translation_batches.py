import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.text import TranslationBatches
from keras_attention.text.batches.bucketed_batches import bucket_bounds
from keras_attention.token_ids import SpecialIds

SPECIAL = SpecialIds()

RNG = np.random.default_rng(0)


def pairs(count, longest=20, seed=0):
    """`count` pairs; each source begins with its index, so that it can be found again."""
    rng = np.random.default_rng(seed)

    def row(index):
        return [100 + index, *rng.integers(4, 90, rng.integers(0, longest)).tolist(), SPECIAL.end]

    return [row(i) for i in range(count)], [row(i) for i in range(count)]


SOURCES, TARGETS = pairs(300)


def padded_size(lengths, bounds):
    return sum(min(b for b in bounds if b >= length) for length in lengths)


@settings(max_examples=60)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=25), st.integers(1, 4))
def test_bucket_bounds_have_the_least_padding(lengths, max_buckets):
    bounds = bucket_bounds(lengths, max_buckets)
    assert bounds == sorted(set(bounds))
    assert bounds[-1] == max(lengths)
    assert len(bounds) <= max_buckets
    values = sorted(set(lengths))
    best = min(
        padded_size(lengths, (*chosen, values[-1]))
        for size in range(min(max_buckets, len(values)))
        for chosen in itertools.combinations(values[:-1], size)
    )
    assert padded_size(lengths, bounds) == best


def test_every_pair_once_an_epoch_in_few_static_shapes_within_the_budget():
    batches = TranslationBatches(SOURCES, TARGETS, batch_tokens=200, max_buckets=4)
    seen, shapes = [], set()
    epoch = list(batches.epochs(epochs=1))
    assert len(epoch) == len(batches)
    for x, y in epoch:
        source, decoder = x["encoder_token_ids"], x["decoder_token_ids"]
        assert source.dtype == decoder.dtype == y.dtype == np.int32
        assert decoder.shape == y.shape
        shapes.add((source.shape[0], source.shape[1], y.shape[1]))
        for row, decoder_row, target_row in zip(source, decoder, y, strict=True):
            if not row.any():  # filler: no token on any side, so no loss
                assert not decoder_row.any()
                assert not target_row.any()
                continue
            index = row[0] - 100
            seen.append(index)
            assert row[row != 0].tolist() == SOURCES[index]
            assert target_row[target_row != 0].tolist() == TARGETS[index]
            n = len(TARGETS[index])
            assert decoder_row[:n].tolist() == [SPECIAL.start, *TARGETS[index][:-1]]
            assert not decoder_row[n:].any()
    assert sorted(seen) == list(range(300))
    assert shapes == set(batches.shapes)
    assert len(shapes) <= 4
    for rows, source_length, target_length in shapes:
        assert rows * max(source_length, target_length) <= 200


def test_the_padding_share_is_what_the_batches_hold():
    batches = TranslationBatches(SOURCES, TARGETS, batch_tokens=200, max_buckets=4)
    arrays = [a for x, y in batches.epochs(epochs=1) for a in (x["encoder_token_ids"], y)]
    share = sum((a == 0).sum() for a in arrays) / sum(a.size for a in arrays)
    assert batches.padding == pytest.approx(share)


def same(a, b):
    return all(
        np.array_equal(x["encoder_token_ids"], z["encoder_token_ids"]) and np.array_equal(y, w)
        for (x, y), (z, w) in zip(a, b, strict=True)
    )


def test_the_order_is_a_function_of_seed_and_epoch():
    make = [TranslationBatches(SOURCES, TARGETS, 200, seed=seed) for seed in (5, 5, 6)]
    orders = [[b.order(epoch) for epoch in (0, 1)] for b in make]
    as_text = [[str([(k, i.tolist()) for k, i in o]) for o in epochs] for epochs in orders]
    assert as_text[0] == as_text[1]
    assert as_text[0] != as_text[2]
    assert as_text[0][0] != as_text[0][1]


PRINTS_ORDER = """
from tests.text.batches.test_translation_batches import SOURCES, TARGETS, TranslationBatches
order = TranslationBatches(SOURCES, TARGETS, 200, seed=5).order(3)
print([(bucket, indices.tolist()) for bucket, indices in order])
"""


def test_another_process_has_the_same_order():
    printed = subprocess.run(
        [sys.executable, "-c", PRINTS_ORDER], check=True, capture_output=True, text=True
    ).stdout
    order = TranslationBatches(SOURCES, TARGETS, 200, seed=5).order(3)
    assert printed.strip() == str([(bucket, indices.tolist()) for bucket, indices in order])


def test_going_on_within_an_epoch():
    batches = TranslationBatches(SOURCES, TARGETS, 200, seed=1)
    everything = list(batches.epochs(epochs=3))
    n = len(batches)
    assert same(everything[n + 4 :], list(batches.epochs(1, 4, epochs=2)))


def test_the_dataset_holds_the_same_batches():
    batches = TranslationBatches(SOURCES, TARGETS, 200, seed=1)
    found = list(batches.dataset(epochs=1).as_numpy_iterator())
    assert same(found, list(batches.epochs(epochs=1)))


def test_weights_are_known_by_length_whatever_the_ids():
    """Padding has the id of a word here: only the weights tell them apart."""
    special = SpecialIds(padding=7, start=1, end=0)
    sources, targets = [[2, 7, 0], [7, 0]], [[7, 7, 0], [3, 0]]
    options = dict(batch_tokens=12, max_buckets=1, special_ids=special, return_weights=True)
    x, y, weights = TranslationBatches(sources, targets, **options).example()
    assert weights.dtype == np.float32
    rows = {tuple(row) for row in np.concatenate([y, weights], 1).astype(int).tolist()}
    assert rows == {(7, 7, 0, 1, 1, 1), (3, 0, 7, 1, 1, 0), (7, 7, 7, 0, 0, 0)}
    read = {tuple(row) for row in x["decoder_token_ids"].tolist()}
    assert read == {(1, 7, 7), (1, 3, 7), (7, 7, 7)}
    assert {tuple(row) for row in x["encoder_token_ids"].tolist()} == {
        *((2, 7, 0), (7, 0, 7), (7, 7, 7))
    }


def test_the_weights_are_where_targets_are():
    plain = TranslationBatches(SOURCES, TARGETS, 200, seed=2)
    weighted = TranslationBatches(SOURCES, TARGETS, 200, seed=2, return_weights=True)
    for (x, y), (same_x, same_y, weights) in zip(
        plain.epochs(epochs=1), weighted.epochs(epochs=1), strict=True
    ):
        assert same([(x, y)], [(same_x, same_y)])
        np.testing.assert_array_equal(weights, y != SPECIAL.padding)
    assert len(next(iter(weighted.dataset(epochs=1)))) == 3


def test_long_pairs_are_dropped_and_counted():
    lengths = [max(len(s), len(t)) for s, t in zip(SOURCES, TARGETS, strict=True)]
    batches = TranslationBatches(SOURCES, TARGETS, 200, max_length=10)
    assert batches.dropped == sum(length > 10 for length in lengths) > 0
    assert max(max(shape[1:]) for shape in batches.shapes) <= 10


def test_a_pair_over_the_budget_is_a_batch_of_its_own():
    batches = TranslationBatches([[5] * 49 + [SPECIAL.end]], [[6, SPECIAL.end]], batch_tokens=20)
    assert batches.shapes == [(1, 50, 2)]
    assert len(list(batches.epochs(epochs=1))) == 1


@pytest.mark.parametrize(
    ("sources", "targets", "options", "message"),
    [
        ([[3]], [], {}, "`target_ids` must be as many rows as `source_ids`"),
        ([[3], []], [[3], [3]], {}, "must be rows that end with END"),
        ([], [], {}, "must be lists with a pair"),
        ([[4, 4, 3]], [[3]], {"max_length": 2}, "a pair of at most `max_length` tokens"),
        ([[3]], [[3]], {"batch_tokens": 0}, "`batch_tokens` must be a positive integer"),
        ([[3]], [[3]], {"max_buckets": 0}, "`max_buckets` must be a positive integer"),
    ],
)
def test_what_cannot_be_batched_is_refused(sources, targets, options, message):
    with pytest.raises(ValueError, match=message):
        TranslationBatches(sources, targets, **{"batch_tokens": 10, **options})


def test_the_same_pairs_in_fewer_shapes():
    batches = TranslationBatches(SOURCES, TARGETS, batch_tokens=200, max_buckets=4, seed=7)
    two = batches.with_max_buckets(2)
    made = TranslationBatches(SOURCES, TARGETS, batch_tokens=200, max_buckets=2, seed=7)
    assert len(batches.shapes) == 4 and two.shapes == made.shapes and len(two.shapes) == 2
    assert len(two) == len(made) and two.padding == made.padding > batches.padding
    for (x, y), (other_x, other_y) in zip(two.epochs(0, 0, 1), made.epochs(0, 0, 1), strict=True):
        np.testing.assert_array_equal(y, other_y)
        assert all((x[name] == other_x[name]).all() for name in x)
