"""The options of a layer, with the objects that it holds."""

import keras

from keras_attention.keras_private import held_option
from keras_attention.layers.clone_initializer import clone_initializer

RULES = ("regularizer", "constraint")


def held_options(layer, activation_of):
    """The options of a layer by their words: its config, but with the very objects that it holds.

    A config describes objects and names functions. Keras finds only those that are registered by
    that, and none of a lambda.

    Args:
        layer: a stock layer or one of ours.
        activation_of: function of a name: the activation that the layer's class knows by it.

    Returns:
        A dict. Activations that `activation_of` knows stand in it by their names.
    """
    return {
        word: _held(layer, word, value, activation_of) for word, value in layer.get_config().items()
    }


def _held(layer, word, value, activation_of):
    kind = word.rpartition("_")[2]
    if value is None or kind not in ("activation", "initializer", *RULES):
        return value
    held = held_option(layer, word)
    if kind == "initializer":
        return clone_initializer(held)
    return value if kind == "activation" and _is_named(value, held, activation_of) else held


def _is_named(name, activation, activation_of):
    """Whether `activation` is the function that is known by `name`."""
    if not isinstance(name, str):
        return False
    try:
        return activation_of(name) is activation
    except ValueError:  # a function of the user's
        return False


def held_rules(layer, words):
    """`(word, kind, object)` of the regularizers and constraints that a layer holds.

    Args:
        layer: a stock layer or one of ours.
        words: of its options.
    """
    for word in words:
        kind = word.rpartition("_")[2]
        held = held_option(layer, word) if kind in RULES else None
        if held is not None:
            yield word, kind, held


def name_of(thing):
    """The name of a function, or of an object's class."""
    return getattr(thing, "__name__", type(thing).__name__)


def is_of(thing, module, names):
    """Whether an object is of one of Keras' classes of these names, not of a subclass."""
    return type(thing) in [getattr(getattr(keras, module), name) for name in names]
