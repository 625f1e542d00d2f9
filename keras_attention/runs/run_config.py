"""What the configs of all trainings share."""

from keras_attention._validation import (
    InputError,
    require,
    require_positive_integer,
    require_positive_number,
    require_rate,
)


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


def require_training(config, *sizes):
    """Raises `ValueError` unless the numbers that all trainings have can be meant.

    Args:
        config: of any training.
        sizes: names of further fields that hold positive integers.
    """
    for name in ("epochs", "vocabulary_size", "max_sequence_length", "max_buckets", *sizes):
        require_positive_integer(name, getattr(config, name))
    require_positive_number("learning_rate", config.learning_rate)
    if config.clip_norm is not None:
        require_positive_number("clip_norm", config.clip_norm)
    if config.snapshot_every is not None:
        require_positive_integer("snapshot_every", config.snapshot_every)
    if config.dropout is not None:
        require_rate("dropout", config.dropout)


def require_bert_training(config):
    """The same of what the trainings of BERT have in common.

    Raises:
        ValueError: see `require_training`.
    """
    require_training(config, "batch_size")
    require(
        config.max_sequence_length >= 3,
        "max_sequence_length",
        "3 or more, for a token between [CLS] and [SEP]",
        max_sequence_length=config.max_sequence_length,
    )
    for name, highest, expected in (
        ("warmup_share", 1, "a number from 0 to 1"),
        ("weight_decay", float("inf"), "a number that is not negative"),
    ):
        value = getattr(config, name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(is_number and 0 <= value <= highest, name, expected, **{name: value})


def require_random_weights(initial_weights, given):
    """Raises `InputError` if options that make a vocabulary are given beside initial weights."""
    if initial_weights is None:
        return
    for name, option in (("vocabulary_size", "--vocabulary-size"), ("lowercase", "--cased")):
        if name in given:
            raise InputError(
                f"{option} is for random weights: with --initial-weights the vocabulary is theirs."
            )


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
