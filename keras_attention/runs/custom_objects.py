"""The user's own layers and models, from a Python file."""

import importlib.util
import inspect
import os
import sys
from pathlib import Path

from keras_attention._validation import InputError, one_line, require
from keras_attention.runs.keras_config import OURS, REGISTER


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
        InputError: if there is no such file, it cannot be run, another module has its name, or two
            of its classes have one name.
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
    try:
        return names_of(m for m in vars(module).values() if _is_custom(m, module.__name__))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


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


def require_custom_objects(custom_objects):
    """Raises `ValueError` unless these are None or a dict from names to classes or functions."""
    expected = "a dict from names to classes or functions"
    is_dict = custom_objects is None or isinstance(custom_objects, dict)
    require(is_dict, "custom_objects", expected, custom_objects=custom_objects)
    for name, member in (custom_objects or {}).items():
        is_named = isinstance(name, str) and callable(member) and hasattr(member, "__name__")
        require(is_named, "custom_objects", expected, **{str(name): member})


def names_of(objects, given=()):
    """Classes or functions by the names under which Keras writes them.

    A registered one goes by its bare name too, unless another member or an operation of Keras has
    that name.

    Args:
        objects: the classes and functions.
        given: names whose meaning is known otherwise.

    Raises:
        InputError: if Keras writes two of them under one name.

    >>> names_of([MyLayer])
    {'my_package>MyLayer': <class 'MyLayer'>, 'MyLayer': <class 'MyLayer'>}
    """
    import keras

    # A config holds `keras.ops.logical_and` as a class LogicalAnd.
    operations = {name.replace("_", "") for name in dir(keras.ops)}
    found, bare = {}, {}
    for member in objects:
        name = keras.saving.get_registered_name(member)
        if found.setdefault(name, member) is not member and name not in given:
            raise InputError(
                f"two classes or functions are named {name}, of {found[name].__module__} and of "
                f"{member.__module__}, and a file tells them apart by this name alone. {REGISTER}"
            )
        bare.setdefault(member.__name__, set()).add(member)
    for name, members in bare.items():
        if len(members) == 1 and name.lower() not in operations:
            found.setdefault(name, *members)
    return found


def objects_in_memory(config, classes):
    """The user's own classes and registered functions that a config names, or None if one is lost.

    Args:
        config: dict, the config of a model that was just saved.
        classes: those of its layers. A class within a function or a class is found here alone.

    Returns:
        A dict for `keras_attention.load(..., custom_objects=...)`.
    """
    import keras

    known = {(each.__module__, each.__name__): each for each in classes}
    found, waiting = {}, [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (dict, list)):
            waiting.extend(value.values() if isinstance(value, dict) else value)
        if not isinstance(value, dict) or "module" not in value:
            continue
        name, module = value.get("class_name"), value["module"] or "__main__"
        if name == "function":
            name = value.get("config")
            member = keras.saving.get_registered_object(name)
        elif module.partition(".")[0] in ("keras", OURS) or not value.get("registered_name"):
            continue
        else:
            name = value["registered_name"]
            member = keras.saving.get_registered_object(name) or known.get(
                (module, value["class_name"]),
                getattr(sys.modules.get(module), value["class_name"], None),
            )
        if member is None:
            return None
        found[name] = member
    return found
