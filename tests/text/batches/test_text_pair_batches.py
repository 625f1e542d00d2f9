"""Batches of pairs of texts."""

import numpy as np
import pytest

from keras_attention.text import TextPairBatches
from keras_attention.text.batches.bucketed_batches import share_of

RANDOM = np.random.default_rng(1)
FIRST = [RANDOM.integers(1, 99, n).tolist() for n in RANDOM.integers(1, 9, 23)]
SECOND = [RANDOM.integers(1, 99, n).tolist() for n in RANDOM.integers(1, 9, 23)]
SECOND[4] = SECOND[9]  # one text in two pairs


def make(**options):
    return TextPairBatches(FIRST, SECOND, **{"batch_size": 4, "max_buckets": 3, **options})


def pairs_of(batch):
    """The id lists of the pairs in a batch."""
    x, y, weights = batch
    rows = [
        ids[mask == 1].tolist() for ids, mask in zip(x["token_ids"], x["padding_mask"], strict=True)
    ]
    return [(rows[i], rows[i + 1]) for i in range(0, len(rows), 2) if weights[i]]


@pytest.mark.parametrize("max_buckets", [1, 3])
def test_an_epoch_has_every_pair_once(max_buckets):
    batches = make(max_buckets=max_buckets)
    found = [pair for batch in batches.epochs(epochs=1) for pair in pairs_of(batch)]
    assert sorted(found) == sorted(zip(FIRST, SECOND, strict=True))
    assert len(batches) == 6 and len(batches.shapes) == max_buckets
    assert 0 <= batches.padding < 1
    assert len(batches.with_max_buckets(1).shapes) == 1


def test_what_a_batch_holds():
    batches = make(padding_id=7)
    for x, y, weights in batches.epochs(epochs=1):
        assert x["token_ids"].shape in batches.shapes and len(y) == len(weights) == 8
        assert ((x["token_ids"] == 7) | (x["padding_mask"] == 1)).all()
        assert not x["segment_ids"].any()
        np.testing.assert_array_equal(weights, x["padding_mask"].any(axis=1))
        np.testing.assert_array_equal(weights == 0, y == 0)
        texts = [tuple(t) for pair in pairs_of((x, y, weights)) for t in pair]
        # The same number for the same text, and for no other.
        pairs = set(zip(texts, y[weights > 0].tolist(), strict=True))
        assert len(pairs) == len(set(texts)) == len({number for _, number in pairs})


def test_the_order_is_a_function_of_seed_and_epoch():
    one, two = (
        [pairs_of(b) for b in make(seed=seed).epochs(first_epoch=3, epochs=1)] for seed in (5, 5)
    )
    assert one == two
    assert one != [pairs_of(b) for b in make(seed=6).epochs(first_epoch=3, epochs=1)]
    rest = [pairs_of(b) for b in make(seed=5).epochs(first_epoch=3, first_step=2, epochs=1)]
    assert rest == one[2:]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_shares_keep_pairs_together(count):
    for batch in make().epochs(epochs=1):
        shares = [share_of(batch, index, count, TextPairBatches.together) for index in range(count)]
        assert all(len(weights) % 2 == 0 for _, _, weights in shares)
        np.testing.assert_array_equal(np.concatenate([y for _, y, _ in shares]), batch[1])
        assert [p for share in shares for p in pairs_of(share)] == pairs_of(batch)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([], [], "`first_ids` must be as many rows as `second_ids`, not none"),
        ([[1]], [[1], [2]], "`first_ids` must be as many rows"),
        ([[1]], [[]], "rows of one token or more"),
    ],
)
def test_what_it_refuses(first, second, message):
    with pytest.raises(ValueError, match=message):
        TextPairBatches(first, second, batch_size=2)
    with pytest.raises(ValueError, match="`batch_size` must be a positive integer"):
        make(batch_size=0)
