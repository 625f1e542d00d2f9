"""A limit on what the config of a model may allocate."""

from contextlib import contextmanager

import keras


@contextmanager
def limited_variables(elements, error):
    """Within it Keras makes variables of no more than `elements` numbers in all; on TensorFlow.

    On other backends nothing is limited: they have no hook where a variable is made.

    >>> with limited_variables(1000, MemoryError("too large")):
    ...     keras.layers.Dense(10**9).build((None, 10**9))  # takes no memory

    Args:
        elements: how many numbers there may be.
        error: exception to raise before a variable is made that is too much.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return

    import tensorflow as tf

    left = elements

    def make(next_creator, **arguments):
        nonlocal left
        value = arguments["initial_value"]
        if callable(value):  # in a graph it says its shape and computes nothing
            with tf.Graph().as_default():
                value = value()
        left -= value.shape.num_elements()
        if left < 0:
            raise error
        return next_creator(**arguments)

    with tf.variable_creator_scope(make):
        yield
