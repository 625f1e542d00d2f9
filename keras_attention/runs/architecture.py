"""What a model is apart from its weights, for trainings that go on with the same one."""

import inspect
import math
import warnings
from pathlib import Path

import keras

from keras_attention._validation import InputError, one_line
from keras_attention.runs.fingerprint import fingerprint

# What two processes may say otherwise of one model.
INCIDENTAL = {"name", "module", "trainable", "frozen", "seed"}
INCIDENTAL |= {"build_config", "compile_config", "shared_object_id"}
REFERENCES = {"keras_history", "input_layers", "output_layers"}  # to layers, by their names
DROPOUT = {"dropout", "attention_dropout", "rate"}
SHOWN, LONGEST = 3, 60  # how many differences a message names, in how many characters


def architecture(model, besides=()):
    """The class and the config of a model and of all in it, as JSON values.

    Args:
        model: a Keras model.
        besides: names of parts that are left out, wherever they stand, as names and seeds are.

    >>> architecture(BertEncoder.from_preset("tiny", vocabulary_size=9))["config"]["num_heads"]
    2
    """
    left_out = INCIDENTAL.union(besides)
    layers = {}  # the names of the layers of a functional graph, by the order in which it has them

    def cleaned(value, refers=False):
        if isinstance(value, dict):
            kept = {name: part for name, part in value.items() if name not in left_out}
            return {str(n): cleaned(part, refers or n in REFERENCES) for n, part in kept.items()}
        if isinstance(value, (list, tuple)):
            return [cleaned(part, refers) for part in value]
        if refers and isinstance(value, str):
            return layers.setdefault(value, len(layers))
        if isinstance(value, float) and not math.isfinite(value):
            return repr(value)  # JSON has no such number
        return value

    return cleaned(keras.saving.serialize_keras_object(model))


def custom_code(custom_objects):
    """A `fingerprint` of the files that define the user's own classes; None where there are none.

    Args:
        custom_objects: dict of classes and functions, or None.
    """
    paths = set()
    for member in (custom_objects or {}).values():
        try:
            paths.add(inspect.getsourcefile(member))
        except TypeError:  # made in a session without files
            continue
    files = sorted(path for path in paths if path and Path(path).is_file())
    return fingerprint([Path(path).read_bytes() for path in files]) if files else None


def require_same_model(output, begun, own):
    """Requires that a run goes on with the model that it was begun with.

    Other code of the user's classes is warned of and not refused: an error in it may be what had
    stopped the training.

    Args:
        output: path of the run.
        begun, own: dicts with "model", an `architecture`, and "code", of `custom_code`. In `begun`
            either may be missing.

    Raises:
        InputError: if the architecture is another one.
    """
    model = begun.get("model")
    differences = [] if model is None else list(_differing(model, own["model"]))
    if differences:
        told = [
            f"`{name}` was {one_line(repr(before), LONGEST)} and is {one_line(repr(now), LONGEST)}"
            for name, before, now in differences
        ]
        more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        raise InputError(
            f"{output} was begun with another model: {', '.join(told[:SHOWN])}{more}. A training "
            "goes on with the same model only."
        )
    if begun.get("code") not in (None, own["code"]):
        warnings.warn(
            f"{output} was begun with other code of `custom_objects`. It goes on with what is "
            "given now.",
            stacklevel=2,
        )


def _differing(begun, own, place=""):
    """The path, the former and the new value of each part of a config that differs."""
    if isinstance(begun, dict) and isinstance(own, dict):
        for name in sorted({**begun, **own}):
            # In a Keras object the path is that of the arguments.
            inner = place if name == "config" else f"{place}.{name}".lstrip(".")
            yield from _differing(begun.get(name), own.get(name), inner)
    elif isinstance(begun, list) and isinstance(own, list) and len(begun) == len(own):
        for number, parts in enumerate(zip(begun, own, strict=True)):
            yield from _differing(*parts, f"{place}.{number}")
    elif begun != own:
        yield place, begun, own
