"""Whether the tensors of a checkpoint are those that a model needs."""

import math

import numpy as np

from keras_attention._validation import InputError
from keras_attention.checkpoints.safetensors_file import FLOATS


def tensor_names(stored, family, with_head, config):
    """`{name in the family's parts: name in the file}` of all tensors that matter.

    Args:
        stored: names of the tensors in a file.
        family: the `Family`.
        with_head: whether the names are those of a model with a head.
        config: dict that `read_config` returned.
    """
    prefix = family.prefix
    has_prefix = any(name.startswith(prefix) for name in stored)
    names = {}
    for name in stored:
        known = family.known_name(name)
        if has_prefix:
            is_head = not name.startswith(prefix)
        else:
            is_head = name.startswith(family.head_prefixes)
        is_ignored = family.ignores(known.removeprefix(prefix), config)
        if is_ignored or (is_head and not with_head):
            continue
        if not with_head:
            known = known.removeprefix(prefix)
        elif not has_prefix and not is_head:
            known = prefix + known
        names[known] = name
    return names


def require_possible(path, family, arguments, shapes):
    """Raises `InputError` if the sizes that a config names are of another magnitude than the
    checkpoint's. They may be more than any memory, so the model is not built to compare them.

    Args:
        path: of the checkpoint.
        family: its `Family`.
        arguments: of the bare model.
        shapes: of the checkpoint's tensors, a dict by name.
    """
    if family.parameters(arguments) <= 2 * sum(map(math.prod, shapes.values())):
        return
    prefix = family.prefix if any(name.startswith(family.prefix) for name in shapes) else ""
    expected = {prefix + name: shape for name, shape in family.large_tensors(arguments).items()}
    faults = [
        f"{name} is {shapes[name]}, not {shape}"
        for name, shape in expected.items()
        if name in shapes and shapes[name] != shape
    ]
    faults += [f"{name} is missing" for name in expected if name not in shapes]
    if "num_layers" in arguments:
        faults.append(f"num_layers is {arguments['num_layers']:,}")
    raise InputError(
        f"{path} does not hold the tensors that are needed, and config.json describes a model of "
        f"more than twice the size; {', '.join(faults)}."
    )


def require_fit(path, parts, shapes, types):
    """Raises `InputError` unless `shapes` and `types` are what `parts` need."""
    misshapen = [
        f"{name} is {shapes[name]}, not {part.stored_shape}"
        for name, part in parts.items()
        if name in shapes and shapes[name] != part.stored_shape
    ]
    untyped = [f"{name} is {types[name]}" for name in parts if types.get(name, "F32") not in FLOATS]
    found = {
        "missing": sorted(parts.keys() - shapes.keys()),
        "unknown": sorted(shapes.keys() - parts.keys()),
        "misshapen": misshapen,
        "not floating point": untyped,
    }
    faults = [f"{fault}: {', '.join(names)}" for fault, names in found.items() if names]
    if faults:
        raise InputError(f"{path} does not hold the tensors that are needed; {'; '.join(faults)}.")


def require_finite(path, tensors):
    """Raises `InputError` if there are NaN or infinities in one of `tensors`, a dict by name."""
    broken = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    if broken:
        raise InputError(f"{path} holds numbers that are not finite in {', '.join(broken)}.")
