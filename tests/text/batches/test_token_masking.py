import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.text.batches.token_masking import mask_tokens, select_tokens, selection_count

MASK = 4
SPECIAL = np.arange(5)


def test_how_many_are_selected():
    tokens = np.array([0, 1, 3, 9, 10, 17, 20, 126, 1000])
    assert selection_count(tokens, 0.15).tolist() == [0, 1, 1, 1, 2, 3, 3, 19, 150]
    for rate in (0.05, 0.15, 0.5):
        counts = selection_count(np.arange(600), rate)
        assert (np.diff(counts) >= 0).all()  # a shape has slots for all that are shorter
        assert (counts <= np.arange(600)).all()


def words_of(may_select, continues):
    """The words of one row in plain Python, as lists of positions."""
    words = []
    for position, (may, goes_on) in enumerate(zip(may_select, continues, strict=True)):
        if not may:
            continue
        if goes_on and position and may_select[position - 1]:
            words[-1].append(position)
        else:
            words.append([position])
    return words


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 13), st.floats(0, 1))
def test_whole_words_are_selected_as_many_as_fit(seed, rows, length, share):
    random = np.random.default_rng(seed)
    may_select = random.random((rows, length)) < 0.8
    continues = random.random((rows, length)) < share
    counts = random.integers(0, length + 1, rows)
    is_selected = select_tokens(may_select, continues, counts, random)
    assert not (is_selected & ~may_select).any()
    for row in range(rows):
        words = words_of(may_select[row], continues[row])
        taken = [word for word in words if is_selected[row, word].any()]
        assert all(is_selected[row, word].all() for word in taken)
        left = counts[row] - is_selected[row].sum()
        assert left >= 0
        # What was passed over did not fit, not even when all was taken.
        assert all(len(word) > left for word in words if word not in taken)


def test_single_tokens_fill_the_count_exactly_and_evenly():
    random = np.random.default_rng(0)
    may_select = np.ones((20000, 7), bool)
    may_select[:, [0, 6]] = False
    is_selected = select_tokens(may_select, np.zeros_like(may_select), [2] * 20000, random)
    assert (is_selected.sum(axis=1) == 2).all()
    np.testing.assert_allclose(is_selected.mean(axis=0)[1:6], 2 / 5, atol=0.015)  # 4 deviations
    # All pairs alike, 1 in 10.
    pairs = is_selected[:, 1:6] @ (1 << np.arange(5))
    np.testing.assert_allclose(np.unique(pairs, return_counts=True)[1] / 20000, 0.1, atol=0.009)


def test_the_order_of_words_decides_where_not_all_fit():
    # A word of 2, one of 1: with a count of 2 the first one drawn is taken, and the other fits not.
    may_select, continues = np.ones((30000, 3), bool), np.zeros((30000, 3), bool)
    continues[:, 1] = True
    is_selected = select_tokens(may_select, continues, [2] * 30000, np.random.default_rng(1))
    assert (is_selected[:, 0] == is_selected[:, 1]).all()
    assert (is_selected[:, 0] != is_selected[:, 2]).all()
    assert is_selected[:, 2].mean() == pytest.approx(0.5, abs=0.012)


def test_a_word_longer_than_the_count_is_passed_over():
    may_select, continues = np.ones((2, 3), bool), np.array([[False, True, True]] * 2)
    is_selected = select_tokens(may_select, continues, [1, 3], np.random.default_rng(0))
    assert is_selected.tolist() == [[False] * 3, [True] * 3]


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 11), st.integers(0, 4))
def test_what_is_replaced_can_be_put_back(seed, rows, length, empty_slots):
    random = np.random.default_rng(seed)
    token_ids = random.integers(5, 60, (rows, length)).astype("int32")
    is_selected = random.random((rows, length)) < 0.4
    slots = int(is_selected.sum(axis=1).max()) + empty_slots
    before = token_ids.copy()
    others = np.arange(5, 60)
    seen, positions, labels, weights = mask_tokens(
        token_ids, is_selected, slots, MASK, others, random
    )
    assert (token_ids == before).all()
    assert [a.dtype for a in (seen, positions, labels, weights)] == ["int32"] * 3 + ["float32"]
    assert positions.shape == labels.shape == weights.shape == (rows, slots)
    assert (seen == token_ids)[~is_selected].all()
    assert np.isin(seen, [MASK, *others]).all()
    for row in range(rows):
        count = is_selected[row].sum()
        assert weights[row].tolist() == [1.0] * count + [0.0] * (slots - count)
        assert positions[row, :count].tolist() == np.flatnonzero(is_selected[row]).tolist()
        assert labels[row, :count].tolist() == token_ids[row, is_selected[row]].tolist()
        assert not positions[row, count:].any() and not labels[row, count:].any()
        restored = seen[row].copy()
        restored[positions[row, :count]] = labels[row, :count]
        assert restored.tolist() == token_ids[row].tolist()


def test_eight_of_ten_become_the_mask_one_another_token_one_stays():
    token_ids = np.full((400, 500), 7, "int32")
    is_selected = np.ones_like(token_ids, bool)
    others = np.arange(5, 105)
    seen = mask_tokens(token_ids, is_selected, 500, MASK, others, np.random.default_rng(0))[0]
    n = seen.size
    shares = np.bincount(seen.ravel(), minlength=105) / n
    deviation = (0.8 * 0.2 / n) ** 0.5
    assert shares[MASK] == pytest.approx(0.8, abs=4 * deviation)
    assert shares[7] == pytest.approx(0.1 + 0.1 / 100, abs=4 * deviation)
    rest = np.delete(shares[5:], 2)
    assert rest.sum() == pytest.approx(0.1 * 99 / 100, abs=4 * deviation)
    np.testing.assert_allclose(rest, 0.001, atol=4.5 * (0.001 / n) ** 0.5)  # all alike
