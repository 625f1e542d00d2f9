"""Sizes that a graph of TensorFlow knows only when it runs."""

from keras_attention.keras_private import mask_of, set_mask


def assert_sizes(tensors, known, places):
    """One assertion, in the graph that is being made, that axes of one name are of one size.

    Converters of TFLite and ONNX drop it with all that it reads, and so does XLA. A graph computes
    what it can in any order: what is made of the tensor that is returned waits for the assertion,
    so that its message comes before that of an operation that the sizes do not fit.

    Args:
        tensors: dict of tensors by name; what is no tensor of a graph is left out.
        known: dict of sizes that are known, by axis.
        places: dict from an axis to a list of (name, place among its axes, static size or None,
            whether it may be 1 as well): where it stands.

    Returns:
        The first of `tensors`.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, with all shapes.
    """
    import tensorflow as tf

    starts, shapes, count = {}, [], 0  # where each shape begins, all of them in one row
    for name, tensor in tensors.items():
        if isinstance(tensor, tf.Tensor) and tensor.shape.rank is not None:
            starts[name], count = count, count + tensor.shape.rank
            shapes.append(tf.shape(tensor))
    constants, compared = [], []  # (place of a size, place of what it must be, may it be 1)
    for axis, found in places.items():
        unknown = [
            (starts[name] + place, may_be_1)
            for name, place, size, may_be_1 in found
            if size is None and name in starts
        ]
        if axis in known:
            expected = count + len(constants)
            constants.append(known[axis])
        else:
            expected = next((place for place, may_be_1 in unknown if not may_be_1), None)
        if expected is not None:
            compared += [(at, expected, may) for at, may in unknown if at != expected]
    first = next(iter(tensors.values()))
    if not compared:
        return first
    compared_places, expected, may_be_1 = zip(*compared, strict=True)
    row = tf.concat([*shapes, tf.constant(constants, "int32")], axis=0)
    sizes, expected = tf.gather(row, compared_places), tf.gather(row, expected)
    fit = tf.equal(sizes, expected)
    if any(may_be_1):
        fit = tf.logical_or(fit, tf.logical_and(tf.equal(sizes, 1), may_be_1))
    said = [f"`{'`, `'.join(starts)}` must fit each other in their sizes. Received:"]
    for name, shape in zip(starts, shapes, strict=True):
        said += [f"{name}.shape:", shape]
    assertion = tf.debugging.Assert(tf.reduce_all(fit), said, summarize=8)
    if not isinstance(first, tf.Tensor):
        return first
    with tf.control_dependencies([assertion]):
        waiting = tf.identity(first)
    set_mask(waiting, mask_of(first))
    return waiting
