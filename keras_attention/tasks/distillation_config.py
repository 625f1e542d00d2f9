"""The options of distillation in the configs of trainings."""

from keras_attention._validation import InputError, require_parts, require_positive_number

TEMPERATURE = 2.0
WEIGHTS = [5.0, 2.0, 1.0]  # of soft targets, hard targets, hidden states (Sanh et al. 2019)
DISTILLATION = frozenset({"distillation_temperature", "distillation_weights"})
PARTS = ("soft targets", "hard targets", "hidden states")


def with_weights(options):
    """Options of a training, a dict, with `distillation_weights` as a list of numbers.

    >>> with_weights({"distillation_weights": "5,2,1"})
    {'distillation_weights': [5.0, 2.0, 1.0]}

    Raises:
        InputError: if they are something else.
    """
    value = options.get("distillation_weights")
    if value is None:
        return options
    try:
        parts = value.split(",") if isinstance(value, str) else list(value)
        numbers = [float(part) for part in parts]
        require_parts("distillation_weights", numbers, PARTS)
    except (TypeError, ValueError):
        raise InputError(
            "`distillation_weights` must be three numbers from 0 on, SOFT,HARD,HIDDEN, of which "
            f"one is above 0. Received: distillation_weights={value!r}"
        ) from None
    return {**options, "distillation_weights": numbers}


def require_distillation(config):
    """Requires that the options of distillation of a config make sense, and sets their defaults.

    Raises:
        InputError: if some are given without a teacher.
        ValueError: if one is out of range.
    """
    if config.teacher is None:
        given = [name for name in sorted(DISTILLATION) if getattr(config, name) is not None]
        if given:
            raise InputError(f"`{given[0]}` is for distillation: give a `teacher` too.")
        return
    if config.distillation_temperature is None:
        config.distillation_temperature = TEMPERATURE
    if config.distillation_weights is None:
        config.distillation_weights = list(WEIGHTS)
    require_positive_number("distillation_temperature", config.distillation_temperature)
    require_parts("distillation_weights", config.distillation_weights, PARTS)
