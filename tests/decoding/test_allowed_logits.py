import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding import greedy_search
from keras_attention.decoding.next_tokens import allowed_logits, first_tokens, is_end
from tests.backend import examples, to_numpy
from tests.decoding.table import Table

IDS = st.sets(st.integers(0, 6), max_size=3)


@settings(max_examples=examples(40))
@given(st.integers(0, 10**6), IDS, IDS, st.integers(0, 4), st.integers(0, 4))
def test_what_may_not_come_never_wins_and_the_rest_stays(
    seed, forbidden, ends, min_length, position
):
    logits = np.random.default_rng(seed).normal(0, 30, (3, 7)).astype("float32")
    found = to_numpy(
        allowed_logits(
            ops.convert_to_tensor(logits),
            ops.convert_to_tensor(position, dtype="int32"),
            tuple(forbidden),
            tuple(ends),
            min_length,
        )
    )
    never = forbidden | (ends if position < min_length else set())
    for token in range(7):
        if token in never:
            assert (found[:, token] < -5e8).all()
        else:
            np.testing.assert_array_equal(found[:, token], logits[:, token])


def test_half_precision_becomes_float32():
    logits = ops.convert_to_tensor(np.array([[60000.0, 1.0]], "float16"))
    found = to_numpy(allowed_logits(logits, 0, (0,)))
    np.testing.assert_allclose(found, [[-1e9 + 60000, 1]])


@pytest.mark.parametrize("shape", [(5,), (2, 5)])
@pytest.mark.parametrize("ends", [(), (3,), (0, 4, 2)])
def test_is_end(shape, ends):
    token = np.random.default_rng(0).integers(0, 6, shape).astype("int32")
    found = to_numpy(is_end(ops.convert_to_tensor(token), ends))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, np.isin(token, ends))


@pytest.mark.parametrize("ids", [(0, -1), (7,), (2, 100)])
@pytest.mark.parametrize("min_length", [0, 2])
def test_ids_outside_the_vocabulary_are_refused(ids, min_length):
    logits = ops.zeros((2, 7))
    said = rf"ids of the vocabulary, from 0 to 6. Received: \w+={re.escape(str(ids))}"
    with pytest.raises(ValueError, match=f"`forbidden_ids` must be {said}"):
        allowed_logits(logits, 0, ids, (3,), min_length)
    with pytest.raises(ValueError, match=f"`special_ids` must be {said}"):
        allowed_logits(logits, 0, (3,), ids, min_length)


@pytest.mark.parametrize("ids", [(6,), np.array([0, -1])])
def test_a_contract_with_an_id_outside_its_vocabulary(ids):
    table = Table(seed=0, longest=3)
    table.forbidden_ids = ids
    with pytest.raises(ValueError, match="`forbidden_ids` must be ids of the vocabulary, from 0"):
        greedy_search(table, np.array([[1, 3]], "int32"))


def test_the_first_token_may_be_an_integer_of_numpy():
    class Numbers(Table):
        def first_tokens(self, inputs):
            return np.int64(super().first_tokens(inputs))

    source = np.array([[1, 3], [2, 3]], "int32")
    expected, found = (greedy_search(kind(seed=0, longest=3), source) for kind in (Table, Numbers))
    np.testing.assert_array_equal(to_numpy(found["token_ids"]), to_numpy(expected["token_ids"]))
    assert to_numpy(first_tokens(Numbers(0, 3), source, 2, beam_size=3)).tolist() == [[2] * 3] * 2
