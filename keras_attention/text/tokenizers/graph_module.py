"""The base class of tokenizers in TensorFlow graphs."""

import functools


class GraphModule:
    """A class whose objects are `tf.Module`s too, so that a SavedModel can track them.

    A class that names `tf.Module` as its base imports TensorFlow together with its file. This one
    imports it when the first object is made.
    """

    def __new__(cls, *args, **kwargs):
        return super().__new__(_with_tensorflow(cls))


@functools.cache
def _with_tensorflow(cls):
    """The subclass of `cls` that is a `tf.Module`."""
    import tensorflow as tf

    if issubclass(cls, tf.Module):
        return cls
    names = {"__module__": cls.__module__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls, tf.Module), names)
