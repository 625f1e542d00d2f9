"""The user's own layers and models, from a Python file."""

import importlib.util
import inspect
import sys
from pathlib import Path

from keras_attention._validation import InputError, one_line


def read_custom_objects(path):
    """The classes that a Python file defines, by the names under which `.keras` files hold them.

    The file is run: give only what you would run yourself.

    Args:
        path: of the file. Its classes may be registered by
            `keras.saving.register_keras_serializable`, or not.

    Returns:
        A dict for `keras_attention.load(..., custom_objects=...)`.

    Raises:
        InputError: if there is no such file, or it cannot be run.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file of custom layers.")
    # The name that `import` would give it, which Keras writes into files of its classes.
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None:
        raise InputError(f"{path}: expected a Python file (.py) of custom layers.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises
        raise InputError(
            f"{path}: cannot be run ({type(error).__name__}: {one_line(error)})."
        ) from error
    return names_of(
        member
        for member in vars(module).values()
        if inspect.isclass(member) and member.__module__ == module.__name__
    )


def names_of(objects):
    """Classes or functions by the names under which Keras writes them.

    >>> names_of([MyLayer])
    {'my_package>MyLayer': <class 'MyLayer'>, 'MyLayer': <class 'MyLayer'>}
    """
    import keras

    found = {}
    for member in objects:
        found[keras.saving.get_registered_name(member)] = member
        found[member.__name__] = member
    return found
