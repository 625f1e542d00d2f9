"""A Keras language model step by step: what a stream of text asks of it."""

import math

import numpy as np

ROOM = 64  # tokens that the state has room for at first, and by how many it is extended


class KerasReader:
    """Reads a prompt, then token after token, and gives the logits of what comes next.

    Args:
        functions: from `compiled_steps`, which all readers of a model share.
    """

    capacity = math.inf  # the state grows

    def __init__(self, functions):
        self._begin, self._step, self._extend = functions

    def start(self, token_ids):
        """Reads a prompt, a list of ids; returns logits (V,)."""
        self._position, self._room = 0, ROOM
        token_ids = np.array([token_ids], "int32")
        logits, self._state, self._constants = self._begin(token_ids, np.int32(ROOM))
        return np.asarray(logits)[0]

    def read(self, token_id):
        """Reads a further token; returns logits (V,)."""
        self._position += 1
        if self._position == self._room:
            self._state, self._room = self._extend(self._state, np.int32(ROOM)), self._room + ROOM
        logits, self._state = self._step(
            np.array([token_id], "int32"), np.int32(self._position), self._state, self._constants
        )
        return np.asarray(logits)[0]


def compiled_steps(model):
    """Functions of arrays: the beginning of one text, a step of it, and more room for steps.

    Args:
        model: a `LanguageModel`.
    """
    import keras

    def begin(token_ids, room):
        lengths = keras.ops.full((1,), keras.ops.shape(token_ids)[1], dtype="int32")
        inputs = {"token_ids": token_ids, "lengths": lengths}
        state, constants = model.start(inputs, room)
        logits, state = model.step(model.first_tokens(inputs), 0, state, constants)
        return logits, state, constants

    functions = begin, model.step, model.extend
    if keras.backend.backend() != "tensorflow":
        return functions
    import tensorflow as tf

    return tuple(tf.function(each, autograph=False, reduce_retracing=True) for each in functions)
