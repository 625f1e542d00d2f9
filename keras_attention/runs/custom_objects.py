"""The user's own layers and models, from a Python file."""

import importlib.util
import inspect
import os
import sys
from pathlib import Path

from keras_attention._validation import InputError, one_line


def read_custom_objects(path):
    """What a Python file defines, by the names under which `.keras` files hold it.

    The file is run as `python FILE` runs it, and finds the modules beside it: give only what you
    would run yourself.

    Args:
        path: of the file. Its classes may be registered by
            `keras.saving.register_keras_serializable`, or not. Its functions must be registered.
            So must the classes and functions that it imports, or the classes must be layers: where
            layers are spread over modules of your own, the file may consist of imports.

    Returns:
        A dict for `keras_attention.load(..., custom_objects=...)`.

    Raises:
        InputError: if there is no such file, it cannot be run, or another module has its name.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file of custom layers.")
    # The name that `import` would give it, which Keras writes into files of its classes.
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None:
        raise InputError(f"{path}: expected a Python file (.py) of custom layers.")
    other = sys.modules.get(path.stem)
    if other is not None and getattr(other, "__file__", None) != spec.origin:
        raise InputError(f"{path}: another module is named {path.stem}; rename the file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    folder = os.path.realpath(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        del sys.modules[path.stem]
        raise InputError(
            f"{path}: cannot be run ({type(error).__name__}: {one_line(error)})."
        ) from error
    return names_of(m for m in vars(module).values() if _is_custom(m, module.__name__))


def _is_custom(member, module):
    """Whether a model may hold a member of the user's module: a class or a registered function."""
    import keras

    if not (inspect.isclass(member) or inspect.isfunction(member)):
        return False
    if inspect.isclass(member) and member.__module__ == module:
        return True
    if member.__module__.partition(".")[0] in ("keras", "keras_attention"):
        return False  # known without it
    if inspect.isclass(member) and issubclass(member, keras.Layer):
        return True
    return keras.saving.get_registered_name(member) != member.__name__


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
