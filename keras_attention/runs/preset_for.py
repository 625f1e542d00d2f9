"""The preset of random weights that a training begins with."""

from keras_attention._validation import InputError, require


def encoder_preset_for(preset, family, initial_weights, others=(), teacher=None):
    """The preset and the family of an encoder of random weights; None and None otherwise.

    Args:
        preset: name of the preset; the first one by default.
        family: a key of `ENCODER_FAMILIES`; that of `others` and of BERT by default.
        initial_weights: what the training begins with, or None for random weights.
        others: names of presets that belong to no family.
        teacher: what the training learns from, or None. With it, and without the others, the
            architecture is the teacher's.

    Raises:
        InputError, ValueError: if preset or family is unknown, or given with `initial_weights`.
    """
    from keras_attention.models.encoder_families import DEFAULT_FAMILY, encoder_family

    if teacher is not None and preset is None and family is None and initial_weights is None:
        return None, None
    if initial_weights is not None and family is not None:
        raise InputError(
            "`family` is for random weights: with `initial_weights` the architecture is theirs."
        )
    of_family = encoder_family(family or DEFAULT_FAMILY).presets
    require(of_family, "family", "one that has presets", family=family)
    others = others if family is None else ()
    preset = preset_for(preset, initial_weights, (*others, *of_family))
    return preset, None if preset is None or preset in others else family or DEFAULT_FAMILY


def preset_for(preset, initial_weights, presets):
    """The preset of random weights, the first of `presets` by default; None with initial weights.

    Raises:
        InputError: if the preset is unknown, or given together with `initial_weights`.
    """
    if initial_weights is not None:
        if preset is not None:
            raise InputError(
                "`preset` is for random weights: with `initial_weights` the architecture is theirs."
            )
        return None
    preset = preset or next(iter(presets))
    if preset not in presets:
        raise InputError(f"Unknown preset {preset!r}; expected one of {', '.join(presets)}.")
    return preset
