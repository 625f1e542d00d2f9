"""An initializer for one more weight."""

import keras


def clone_initializer(initializer, skip=0):
    """An initializer like `initializer` for a weight of its own.

    Args:
        initializer: `keras.initializers.Initializer`, or any function of a shape and a dtype, which
            is returned as it is.
        skip: added to a seed, so that weights with one initializer get other numbers.

    >>> clone_initializer(keras.initializers.RandomNormal(seed=3), skip=1).seed
    4
    """
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    if skip and isinstance(config.get("seed"), int):
        config["seed"] += skip
    return type(initializer).from_config(config)
