"""What callbacks and metrics have noted, as values that a snapshot can hold."""

import inspect

import numpy as np

from keras_attention._validation import require
from keras_attention.keras_private import build_symbolically


def callback_state(callback):
    """The state of a callback, such as the best value so far: `(JSON values, arrays)`.

    Constructor arguments are left out: `EarlyStopping` changes the sign of its own `min_delta`.
    """
    made_with = inspect.signature(type(callback)).parameters
    values, arrays = {}, {}
    for name, value in vars(callback).items():
        if name.startswith("_") or name in ("model", "params") or name in made_with:
            continue
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], np.ndarray):
            arrays.update({f"{name}/{i:04d}": array for i, array in enumerate(value)})
        elif isinstance(value, np.ndarray) and value.ndim:
            arrays[name] = value
        elif isinstance(value, (np.generic, np.ndarray)):
            values[name] = value.item()
        elif value is None or isinstance(value, (bool, int, float, str)):
            values[name] = value
    return values, arrays


def restore_callback(callback, values, arrays):
    for name, value in values.items():
        setattr(callback, name, value)
    lists = {}
    for name, array in sorted(arrays.items()):
        name, _, index = name.partition("/")
        if index:
            lists.setdefault(name, []).append(array)
        else:
            setattr(callback, name, array)
    for name, value in lists.items():
        setattr(callback, name, value)


def build_metrics(model, batch):
    """Makes the variables of losses and metrics, which Keras does when they see a first batch."""
    require(
        batch is not None, "batch", "one of training, to restore what metrics have seen", batch=None
    )
    build_symbolically(model, batch)
