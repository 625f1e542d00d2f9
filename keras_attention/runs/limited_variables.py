"""A limit on the memory that the variables of a model may take."""

from contextlib import contextmanager


@contextmanager
def limited_variables(elements, error):
    """A context in which Keras may make variables of at most `elements` numbers in all.

    It works on TensorFlow. On JAX nothing is limited, because it has no hook for new variables.

    >>> with limited_variables(1000, MemoryError("too large")):
    ...     keras.layers.Dense(10**9).build((None, 10**9))  # takes no memory

    Args:
        elements: how many numbers all variables together may hold.
        error: exception to raise before the variable that exceeds the limit is made.
    """
    import keras

    if keras.backend.backend() == "jax":
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
