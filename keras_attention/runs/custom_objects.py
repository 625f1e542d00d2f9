"""The user's own layers and models, from a Python file."""

import importlib.util
import inspect
import sys
from pathlib import Path

from keras_attention._validation import InputError, one_line


def read_custom_objects(path):
    """What a Python file defines, by the names under which `.keras` files hold it.

    The file is run: give only what you would run yourself.

    Args:
        path: of the file. Its classes may be registered by
            `keras.saving.register_keras_serializable`, or not. Its functions must be registered.

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
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        del sys.modules[path.stem]
        raise InputError(
            f"{path}: cannot be run ({type(error).__name__}: {one_line(error)})."
        ) from error
    own = [m for m in vars(module).values() if getattr(m, "__module__", None) == module.__name__]
    return names_of(m for m in own if inspect.isclass(m) or _is_registered_function(m))


def _is_registered_function(member):
    import keras

    if not inspect.isfunction(member):
        return False
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
