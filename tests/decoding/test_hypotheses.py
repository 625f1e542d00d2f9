"""The pure functions of beam search, against their definitions in NumPy."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding.hypotheses import (
    at_slots,
    best_continuations,
    choose_slots,
    flat_rows,
    is_decided,
)
from tests.backend import examples, to_numpy

SEEDS = st.integers(0, 10**6)
SIZES = st.integers(1, 4)


@settings(max_examples=examples(30))
@given(SEEDS, SIZES, SIZES, st.sampled_from([(), (3,), (2, 2)]))
def test_at_slots_is_an_index_a_row(seed, inputs, count, inner):
    rng = np.random.default_rng(seed)
    tensor = rng.normal(size=(inputs, count, *inner)).astype("float32")
    slot = rng.integers(0, count, (inputs, 5)).astype("int32")
    expected = np.stack([tensor[i, slot[i]] for i in range(inputs)])
    found = to_numpy(at_slots(ops.convert_to_tensor(tensor), ops.convert_to_tensor(slot)))
    np.testing.assert_array_equal(found, expected)
    rows = to_numpy(flat_rows(ops.convert_to_tensor(slot), count))
    np.testing.assert_array_equal(tensor.reshape(-1, *inner)[rows], expected.reshape(-1, *inner))


@settings(max_examples=examples(30))
@given(SEEDS, SIZES, SIZES, st.integers(1, 9))
def test_the_best_continuations_hold_every_winner(seed, inputs, beam_size, vocabulary):
    """Of all K * V continuations, the K best are among the K * M."""
    rng = np.random.default_rng(seed)
    so_far = rng.uniform(-9, 0, (inputs, beam_size)).astype("float32")
    logits = rng.normal(0, 2, (inputs * beam_size, vocabulary)).astype("float32")
    total, token = to_numpy(
        best_continuations(ops.convert_to_tensor(so_far), ops.convert_to_tensor(logits))
    )
    count = min(beam_size, vocabulary)
    assert total.shape == token.shape == (inputs, beam_size * count)
    normal = logits - np.log(np.exp(logits.astype("float64")).sum(1, keepdims=True))
    everything = so_far[:, :, None] + normal.reshape(inputs, beam_size, vocabulary)
    hypothesis = np.arange(beam_size * count) // count
    for i in range(inputs):
        np.testing.assert_allclose(total[i], everything[i, hypothesis, token[i]], atol=1e-5)
        best = np.sort(everything[i].ravel())[::-1][:beam_size]
        np.testing.assert_allclose(np.sort(total[i])[::-1][: len(best)], best, atol=1e-5)
        for k in range(beam_size):
            assert len(set(token[i, hypothesis == k].tolist())) == count


@settings(max_examples=examples(50))
@given(SEEDS, SIZES, SIZES, SIZES)
def test_finished_ones_keep_a_slot_and_the_best_take_the_rest(seed, inputs, beam_size, count):
    rng = np.random.default_rng(seed)
    count = min(beam_size, count)
    finished = rng.random((inputs, beam_size)) < 0.4
    total = rng.uniform(-20, 0, (inputs, beam_size * count)).astype("float32")
    # Fewer continuations than slots: no search has that but at M = V < K.
    assume((finished.sum(1) + (~finished).sum(1) * count >= beam_size).all())
    slot, choice, log_probability = to_numpy(
        choose_slots(ops.convert_to_tensor(finished), ops.convert_to_tensor(total))
    )
    for i in range(inputs):
        kept = np.flatnonzero(finished[i])
        np.testing.assert_array_equal(slot[i, : len(kept)], kept)
        free = np.flatnonzero(~np.repeat(finished[i], count))
        best = free[np.argsort(-total[i, free], kind="stable")][: beam_size - len(kept)]
        np.testing.assert_array_equal(choice[i, len(kept) :], best)
        np.testing.assert_array_equal(slot[i, len(kept) :], best // count)
        np.testing.assert_array_equal(log_probability[i, len(kept) :], total[i, best])


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 2.0])
@settings(max_examples=examples(40))
@given(seed=SEEDS, beam_size=st.integers(2, 4))
def test_a_search_is_decided_when_no_future_changes_its_best(length_penalty, seed, beam_size):
    """Against trying every end: each running hypothesis may only lose probability by going on."""
    rng = np.random.default_rng(seed)
    limit, inputs, n_best = 8, 6, int(rng.integers(1, beam_size + 1))
    finished = rng.random((inputs, beam_size)) < 0.6
    dead = ~finished & (rng.random((inputs, beam_size)) < 0.3)
    log_probability = np.where(dead, -1e9, rng.uniform(-6, -1, finished.shape)).astype("float32")

    def divisor(length):
        return ((5 + length) / 6) ** length_penalty

    lengths = rng.integers(1, limit, finished.shape)
    score = np.where(finished, log_probability / divisor(lengths), -1e9).astype("float32")
    found = to_numpy(
        is_decided(
            *map(ops.convert_to_tensor, (finished, dead, log_probability, score)),
            ops.full((inputs,), limit, dtype="int32"),
            length_penalty,
            n_best,
        )
    )
    for i in range(inputs):
        ended = sorted(score[i, finished[i]], reverse=True)
        running = log_probability[i, ~finished[i] & ~dead[i]]
        # The best that can become of one: it loses nothing more and gets as long as it may.
        hopes = [p / divisor(n) for p, n in itertools.product(running, range(1, limit + 1))]
        worst = ended[n_best - 1] if len(ended) >= n_best else -1e9
        if hopes and abs(max(hopes) - worst) < 1e-5:
            continue
        assert bool(found[i]) == (not hopes or worst > max(hopes))
