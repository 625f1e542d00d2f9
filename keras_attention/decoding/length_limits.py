"""How many tokens may be generated: pure functions for the `length_limits` of models.

Each returns the limits (B,) int32 of the rows, and the largest that a batch of this shape could
have: an integer wherever the shapes are static, so that they stay so.
"""

from keras import ops


def same_limits(batch_size, max_length, cap):
    """`max_length` for each of `batch_size` rows, and never more than `cap`."""
    longest = _at_most(max_length, cap)
    return ops.zeros((batch_size,), dtype="int32") + longest, longest


def source_limits(lengths, source_length, extra_length, cap):
    """The length of a row's source + `extra_length`, and never more than `cap`.

    Neither padding nor the other rows of the batch change what is generated for a row.

    Args:
        lengths: (B,) int32, the tokens of each source.
        source_length: integer or scalar tensor, the padded length S of all.
        extra_length: integer.
        cap: integer.
    """
    longest = _at_most(source_length + extra_length, cap)
    return ops.minimum(lengths + extra_length, cap), longest


def context_limits(lengths, max_length, context):
    """The positions that a row's prompt leaves, and never more than `max_length`.

    One more than that: the last token is never read, and needs no position.

    Args:
        lengths: (B,) int32, the tokens of each prompt, 1 to `context`.
        max_length: integer, or None for no limit but the context.
        context: integer, the positions that the model has.
    """
    longest = context if max_length is None else min(max_length, context)
    return ops.minimum(context + 1 - ops.cast(lengths, "int32"), longest), longest


def _at_most(length, cap):
    """The smaller one: a number if `length` is one, so that shapes stay static where they are."""
    if isinstance(length, int):
        return min(length, cap)
    return ops.minimum(ops.cast(length, "int32"), cap)
