"""Checks configs of `.keras` archives: they name known classes, the user's own, and no others."""

import importlib
import inspect
import math

from keras_attention._validation import InputError
from keras_attention.json_file import shortened
from keras_attention.runs.keras_classes import ANY_OPERATION, KERAS_CLASSES, KERAS_OPERATIONS

KERAS_STRUCTURES = ("__ellipsis__", "__keras_tensor__", "__slice__", "__tuple__")
KERAS_ARRAYS = ("__numpy__", "__tensor__")
# An array of strings may be told to take any memory, as "U99999999" does.
ARRAY_TYPES = (
    "bool",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "int8",
    "uint8",
    "int32",
    "int64",
)
OURS = "keras_attention"
REGISTER = (
    "Rename your class, or register it under a name of its own with "
    "`keras.saving.register_keras_serializable`, and save the model again."
)


def check_config(name, config, most_layers, custom_objects, any_own=False):
    """Refuses a config that names other classes than those known to be harmless, or more layers
    than there can be weights of, whose making alone would take for ever.

    Args:
        name: what a sentence calls the config.
        config: dict, the config of a model as Keras writes it.
        most_layers: what no number of layers, such as `num_layers`, may exceed.
        custom_objects: dict from a name to the user's class or function of that name.
        any_own: whether every class or function passes that could be given as `custom_objects`, for
            a model that has just been saved.

    Raises:
        InputError: if it is refused.
    """

    def is_known(value):
        return _is_known(value, custom_objects, any_own)

    if config.get("registered_name") is None and not is_known(config):
        raise InputError(f"{name}: expected a model of {OURS}. Received: {_described(config)}")
    expected = (
        f"classes of {OURS}, your own, or those of Keras that run no code of the file; a class of "
        "your own can do the same"
        if any_own
        else f"the classes of models that {OURS} makes, or those that are given as `custom_objects`"
    )
    # What it was compiled with is not loaded.
    waiting, origins = [("", {**config, "compile_config": None}, False)], {}
    while waiting:
        field, value, is_finite = waiting.pop()
        if is_finite and isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{name}: `{field}` must be a finite number. Received: {value}")
        if isinstance(value, dict):
            if _is_lambda(value) or ("class_name" in value and not is_known(value)):
                raise InputError(f"{name}: expected {expected}. Received: {_described(value)}")
            if value.get("class_name") != "function":
                _require_one_meaning(name, value, origins, custom_objects)
            if "class_name" in value:
                is_finite = _has_finite_numbers(value)
            for field, part in value.items():
                # Of the encoder, of the decoder: each of them is made before it is compared.
                is_count = field.endswith("layers") and isinstance(part, int)
                if is_count and part > most_layers:
                    raise InputError(
                        f"{name}: `{field}` must be at most {most_layers:,}, for there are no more "
                        f"weights. Received: {shortened(part)}"
                    )
                # In a graph of operations infinity is what a mask adds.
                waiting.append((field, part, is_finite and field != "inbound_nodes"))
        elif isinstance(value, list):
            waiting.extend((field, part, is_finite) for part in value)


def _has_finite_numbers(config):
    """Whether all numbers of a serialized object must be finite: those of layers must.

    A class of the user's own, and an array, may hold infinity.
    """
    is_array = config["class_name"] in KERAS_ARRAYS
    return not is_array and _origin(config.get("module")) in ("keras", OURS)


def _is_lambda(value):
    """Whether it is what Keras writes of an activation that is a lambda, and cannot read again."""
    code = value.get("value")
    if len(value) != 1 or not isinstance(code, list) or len(code) != 3:
        return False
    return isinstance(code[0], str) and code[0].startswith("4w")  # marshal's mark of code


def _described(config):
    """What a sentence calls a serialized object."""
    if _is_lambda(config) or config.get("class_name") == "__lambda__":
        return "a lambda"
    name, module = config.get("class_name"), config.get("module")
    if name == "function":
        return (
            f"the function {shortened(config.get('config'))} of {shortened(module)}; functions of "
            "a file count only if they are registered with Keras"
        )
    if module is None and config.get("registered_name") is not None:
        module = "__main__"  # for which Keras writes null
    return f"{shortened(name)} of {shortened(module)}"


def _is_known(config, custom_objects, any_own):
    """Whether a serialized object is ours, the user's own, or one of Keras' that are harmless."""
    module, name = config.get("module"), config.get("class_name")
    if module is not None and not isinstance(module, str):
        return False
    if name in KERAS_STRUCTURES:
        return True
    if name in KERAS_ARRAYS:
        array = config.get("config")
        return isinstance(array, dict) and array.get("dtype") in ARRAY_TYPES
    # Without the entry Keras reads an older format, which looks for other names than these.
    if "module" not in config or not isinstance(name, str):
        return False
    # The module may be null, as Keras writes it for a class of `__main__`. Keras imports nothing
    # for a null module: it looks for a registered or given object and then gives up.
    if _is_given(config, custom_objects) or (any_own and _is_own(config)):
        return True
    if module is None:
        return False
    registered = config.get("registered_name")
    if registered is not None:  # Keras looks for this name first
        if registered == f"{OURS}>{name}":
            return module.split(".")[0] == OURS and _is_registered(registered)
        if registered != name:
            return False
        if module in ANY_OPERATION:
            return _is_operation(module, name)
        return name in (*KERAS_OPERATIONS.get(module, ()), *KERAS_CLASSES.get(module, ()))
    if module == "keras.initializers":
        return _is_initializer(name)
    return name in KERAS_CLASSES.get(module, ())


def _is_registered(name):
    """Whether a class is registered with Keras by that name: it would import others."""
    import keras

    return keras.saving.get_registered_object(name) is not None


def _is_operation(module, name):
    """Whether a module of Keras, one of `ANY_OPERATION`, defines an operation of that name."""
    import keras

    member = getattr(importlib.import_module(module), name, None)
    is_operation = inspect.isclass(member) and issubclass(member, keras.Operation)
    return is_operation and member.__module__ == module


def _is_initializer(name):
    import keras

    member = getattr(keras.initializers, name, None)
    return inspect.isclass(member) and issubclass(member, keras.initializers.Initializer)


def _is_given(config, custom_objects):
    """Whether Keras finds the user's own class or function for it, and nothing else.

    Keras looks for a function by `config` and for a class by `registered_name`.
    """
    name, registered = config["class_name"], config.get("registered_name")
    if name == "function":
        return isinstance(config.get("config"), str) and config["config"] in custom_objects
    if not isinstance(registered, str) or registered not in custom_objects:
        return False
    return name in (registered.rpartition(">")[2], custom_objects[registered].__name__)


def _origin(module):
    """Where a class is from: Keras, this package, or a module of somebody's own."""
    root = (module or "__main__").partition(".")[0]
    return root if root in ("keras", OURS) else module or "__main__"


def _require_one_meaning(name, config, origins, custom_objects):
    """Raises `InputError` where Keras would take one class for another.

    It looks for a class by `registered_name` alone, which of a class that is not registered is its
    bare name, and only then by its module.

    Args:
        name: what a sentence calls the config.
        config: a dict within it, which may be no serialized object.
        origins: dict from a registered name to where the class is from that the config holds under
            it; what is found is put there.
        custom_objects: as of `check_config`.
    """
    registered = config.get("registered_name")
    if "class_name" not in config or not isinstance(registered, str):
        return
    origin = _origin(config.get("module"))
    if registered in custom_objects and origin in ("keras", OURS):
        other = _origin(getattr(custom_objects[registered], "__module__", None))
    else:
        other = origins.setdefault(registered, origin)
    if other != origin:
        raise InputError(
            f"{name}: two classes are named {shortened(registered)}, of {shortened(other)} and of "
            f"{shortened(origin)}, and a file tells them apart by this name alone. {REGISTER}"
        )


def _is_own(config):
    """Whether somebody could give a class or function for it, which is not Keras' nor ours."""
    if config["class_name"] == "function":
        return isinstance(config.get("config"), str)
    module = config["module"] or ""
    own = module.split(".")[0] not in ("keras", OURS)
    return own and isinstance(config.get("registered_name"), str)
