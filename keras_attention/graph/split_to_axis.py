"""The last axis taken apart, the parts side by side on a new axis."""

from keras import ops


def split_to_axis(tensor, count):
    """(B, S, `count` * K) -> (B, `count`, S, K), without a transposition.

    A converter would join a transposition with that of a product that reads the result. Where the
    product stands in a loop, both would then be made anew at every step.
    """
    return ops.stack(ops.split(tensor, count, axis=-1), axis=1)
