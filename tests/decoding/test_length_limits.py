import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding.length_limits import context_limits, same_limits, source_limits
from tests.backend import examples, to_numpy

LENGTHS = st.lists(st.integers(0, 40), min_size=1, max_size=5)
LENGTH = st.integers(1, 60)


@settings(max_examples=examples(30))
@given(LENGTHS, st.integers(0, 9), LENGTH)
def test_limits_by_the_source(lengths, more, cap):
    source_length = max(lengths) + more
    limits, longest = source_limits(
        ops.convert_to_tensor(lengths, dtype="int32"), source_length, 10, cap
    )
    assert to_numpy(limits).tolist() == [min(length + 10, cap) for length in lengths]
    assert longest == min(source_length + 10, cap) and isinstance(longest, int)
    # Where the length is known at run time only it is a tensor, of the same value.
    dynamic = ops.convert_to_tensor(source_length, dtype="int32")
    _, longest_tensor = source_limits(ops.convert_to_tensor(lengths), dynamic, 10, cap)
    assert int(longest_tensor) == longest


@settings(max_examples=examples(20))
@given(st.integers(1, 5), LENGTH, LENGTH)
def test_the_same_limit_for_all(size, max_length, cap):
    limits, longest = same_limits(size, max_length, cap)
    assert longest == min(max_length, cap)
    assert to_numpy(limits).tolist() == [longest] * size


@settings(max_examples=examples(30))
@given(LENGTHS, st.none() | LENGTH)
def test_the_context_that_a_prompt_leaves(lengths, max_length):
    lengths = [max(1, length) for length in lengths]
    limits, longest = context_limits(np.array(lengths, "int32"), max_length, 40)
    # The last token of all is emitted, not read.
    expected = [min(40 - length + 1, max_length or 40) for length in lengths]
    assert to_numpy(limits).tolist() == expected
    assert min(expected) >= 1 and max(expected) <= longest <= 40
