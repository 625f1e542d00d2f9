"""How long a generated sequence may get."""

from keras import ops

from keras_attention.token_ids import PADDING_ID

EXTRA_LENGTH = 50  # Vaswani et al. 2017, section 6.1: maximum output length is input length + 50


def length_limits(source_ids, max_length, cap):
    """How many tokens each sentence may get (B,), and the largest of these a batch could reach.

    A sentence's limit follows its own unpadded length, so that neither padding nor the other
    sentences of its batch change its translation.
    """
    batch_size, source_length = ops.shape(source_ids)
    if max_length is not None:
        longest = _at_most(max_length, cap)
        return ops.zeros((batch_size,), dtype="int32") + longest, longest
    lengths = ops.sum(ops.cast(ops.not_equal(source_ids, PADDING_ID), "int32"), axis=1)
    return ops.minimum(lengths + EXTRA_LENGTH, cap), _at_most(source_length + EXTRA_LENGTH, cap)


def _at_most(length, cap):
    """The smaller one: a number if `length` is one, so that shapes stay static where they are."""
    if isinstance(length, int):
        return min(length, cap)
    return ops.minimum(ops.cast(length, "int32"), cap)
