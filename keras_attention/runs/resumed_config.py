"""The options with which a training goes on."""

import os

from keras_attention._validation import InputError
from keras_attention.text.corpora.reading_options import READING, ReadingOptions

# What any training may change when it goes on: the model, the vocabulary and the order of the
# batches stay.
CHANGEABLE = {"epochs", "learning_rate", "clip_norm", "jit_compile", "snapshot_every"}


def resumed_config(config, asked, output, is_finished=False):
    """The config of a run with the options that a user gives to train on.

    Args:
        config: the `RunConfig` of the run.
        asked: a `RunConfig` of the same class: what was given. What was not stays as it is.
        output: path of the run, for messages.
        is_finished: whether the run has trained all its epochs.

    Returns:
        The new config, the names of the fields that change, and whether there is more to do for a
        finished run than to write the config.

    Raises:
        InputError: if an option is given that cannot change any more; it names all of these.
    """
    given = asked.given()
    if given.get("jit_compile") == "auto":  # it was decided when the run was begun
        del given["jit_compile"]
    changed = {
        name: value for name, value in given.items() if _differs(config, name, value, config.data)
    }
    fixed = [name for name, value in changed.items() if not _may_change(config, name, value)]
    if fixed:
        told = [_told(name, getattr(config, name), given[name]) for name in fixed]
        raise InputError(
            f"{output} was begun with {', '.join(told)}; a training that goes on cannot change "
            "that. Leave it out, or give another path."
        )
    values = {**config.to_dict(), **changed}
    for name, value in changed.items():
        if isinstance(value, dict):
            values[name] = {**getattr(config, name), **value}
    more = [name for name in ("epochs", "steps", "patience") if _is_more(config, changed, name)]
    more += [name for name in changed if name in config.of_kept_weights]
    late = [name for name in changed if name not in config.of_answers]
    if is_finished and late and not more:
        names = ", ".join(f"`{name}`" for name in late)
        raise InputError(
            f"{output} is finished after {config.epochs} epochs, so {names} would change nothing. "
            f"Leave it out, or give `epochs` more than {config.epochs} to train on."
        )
    new = type(config).from_dict(values)
    lost = [name for name, value in changed.items() if _is_lost(new, name, value)]
    if lost:
        raise InputError(
            f"`{lost[0]}` {changed[lost[0]]!r} does not go with the other options of {output}: "
            "what was begun with `steps` goes on with more of these."
        )
    return new, list(changed), bool(more)


def _told(name, own, value):
    if isinstance(value, bool):  # a flag may say it the other way round
        return f"another `{name}`"
    return f"`{name}` {own!r}, not {value!r}"


def _differs(config, name, value, data):
    own = getattr(config, name)
    if isinstance(value, dict):
        return any(own.get(key) != part for key, part in value.items())
    if name in READING:
        return not ReadingOptions.are_same(name, own, value)
    if name in data and isinstance(value, str) and isinstance(own, str):
        return value != own and os.path.realpath(value) != os.path.realpath(own)
    return value != own


def _may_change(config, name, value):
    if name == "dropout":  # a layer that drops nothing has no state, and so another snapshot
        return bool(value and config.dropout)
    if name == "steps":  # else an epoch would become another thing
        return config.steps is not None
    if name == "teacher":  # it may have moved; a run without one does not get one
        return config.teacher is not None
    if name == "distillation_weights":  # a projection of hidden states is part of a snapshot
        own = config.distillation_weights
        return own is not None and bool(value[-1]) == bool(own[-1])
    return name in CHANGEABLE or name in config.changeable or name in config.data


def _is_lost(config, name, value):
    """Whether a config says something else than was asked for: another field decides it."""
    return not isinstance(value, dict) and getattr(config, name) != value


def _is_more(config, changed, name):
    return name in changed and changed[name] > (getattr(config, name) or 0)
