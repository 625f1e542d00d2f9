import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding.next_tokens import allowed_logits, is_end
from tests.backend import examples, to_numpy

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
