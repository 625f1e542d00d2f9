"""The defaults of a training's options in words, for the help of the command line."""

import dataclasses

MOST = 4  # different values that are listed


def described_default(cls, name):
    """The default of a field, with what it is where it depends on what a training begins with.

    Args:
        cls: the `RunConfig` of the training, with its `suits`.
        name: of the field.

    Returns:
        A string; None where there is no such field.

    >>> described_default(LanguageModelConfig, "batch_size")
    '16; 12 of nano, 32 of tiny, 8 of initial weights'
    """
    plain = {field.name: field.default for field in dataclasses.fields(cls)}
    if name not in plain:
        return None
    others = {}  # value -> what has it
    for begin, suited in cls.suits.items():
        value = suited.get(name, plain[name])
        if value != plain[name]:
            others.setdefault(value, []).append(begin)
    if len(others) > MOST:
        values = sorted(value for value in (plain[name], *others) if value is not None)
        return f"the preset's, from {_shown(values[0])} to {_shown(values[-1])}"
    listed = [f"{_shown(value)} of {_listed(names)}" for value, names in others.items()]
    return _shown(plain[name]) + (f"; {', '.join(listed)}" if listed else "")


def _shown(value):
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(names):
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
