"""What the configs of all trainings share."""

from keras_attention._validation import InputError, require_positive_integer


def config_from_dict(cls, values, what):
    """The config of class `cls` that a `config.json` holds.

    Args:
        cls: a dataclass with a default `kind`.
        values: dict.
        what: the kind, as a message says it.

    Raises:
        InputError: if it is of another kind.
    """
    if values.get("kind") != cls.kind:
        raise InputError(f"This run is of another kind: {values.get('kind')!r}, not {what}.")
    return cls(**values)


def require_window(config, train):
    """Raises an error unless `window` of a config is None or an integer above 0, for files.

    Args:
        config: with a field `window`.
        train: the path of the files that are read by windows, or None.
    """
    if config.window is not None:
        require_positive_integer("window", config.window)
        if train is None:
            raise InputError("--window is for files; the built-in corpus is held in memory.")


def preset_for(preset, initial_weights, presets):
    """The preset of random weights, the first of `presets` by default; None with initial weights.

    Raises:
        InputError: if the preset is unknown, or given together with `initial_weights`.
    """
    if initial_weights is not None:
        if preset is not None:
            raise InputError(
                "--preset is for random weights: with --initial-weights the architecture is theirs."
            )
        return None
    preset = preset or next(iter(presets))
    if preset not in presets:
        raise InputError(f"Unknown preset {preset!r}; expected one of {', '.join(presets)}.")
    return preset
