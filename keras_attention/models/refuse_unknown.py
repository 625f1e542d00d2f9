"""What a functional model may be given by keyword."""

import difflib
import inspect

import keras

# Those of `keras.Model`. It drops all others without a word where it is given inputs and outputs.
OF_KERAS = ("inputs", "outputs", "name", "trainable", "dtype")


def refuse_unknown(model_class, keywords):
    """Raises `ValueError` if no `__init__` of a model's class has a keyword, and Keras has not.

    Args:
        model_class: subclass of `keras.Model`.
        keywords: dict of those that were left over for `keras.Model`.

    >>> refuse_unknown(keras.Model, {"name": "encoder"})
    """
    unknown = {word: value for word, value in keywords.items() if word not in OF_KERAS}
    if not unknown:
        return
    word, value = next(iter(unknown.items()))
    known = _keywords(model_class)
    near = [each for each in known if word in each] or difflib.get_close_matches(word, known)
    way = f"perhaps you mean {' or '.join(near)}" if near else f"it takes {', '.join(known)}"
    raise ValueError(f"{model_class.__name__} takes no `{word}`; {way}. Received: {word}={value!r}")


def _keywords(model_class):
    """The arguments of a class and of its bases by their names, those of Keras last."""
    named = []
    for each in model_class.__mro__:
        if each in (keras.Model, keras.layers.Layer):
            break
        if "__init__" in vars(each):
            parameters = list(inspect.signature(each.__init__).parameters.values())[1:]
            kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            named += [parameter.name for parameter in parameters if parameter.kind in kinds]
    return list(dict.fromkeys([*(n for n in named if n not in OF_KERAS), *OF_KERAS[2:]]))
