"""LoRA in trainings: adapters in the place of the weights that a training begins with."""

import math

from keras_attention._validation import InputError


def adapt_model(model, config, say):
    """Freezes what a model begins with and gives it adapters, in place.

    Args:
        model: that is about to be trained.
        config: with `lora_rank` and `initial_weights`.
        say: function that is told what was done.

    Raises:
        InputError: if the model has no layers that take adapters, or the rank is above a side of
            their matrices.
    """
    from keras_attention.layers.layer import adaptable_parts

    layers = adaptable_parts(model)
    if not layers:
        raise InputError(
            "`lora_rank` is for models with attention or feed-forward layers of this package that "
            f"have matrices: the {type(model).__name__} of {config.initial_weights} has none."
        )
    most = min(layer.largest_rank() for layer in layers)
    if config.lora_rank > most:
        raise InputError(
            f"`lora_rank` must be at most {most}, the smallest side of a matrix of "
            f"{config.initial_weights}. Received: {config.lora_rank}"
        )
    model.enable_lora(config.lora_rank)
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    say(
        f"{trained:,} of {model.count_params():,} parameters are trained: adapters of rank "
        f"{config.lora_rank}, and what the initial weights do not have."
    )


def without_adapters(model):
    """Merges adapters that a model was trained by, and unfreezes what they were trained beside.

    A model without adapters stays as it is.
    """
    from keras_attention.layers.layer import lora_config, unfreeze
    from keras_attention.layers.merge_lora import merge_lora

    if lora_config(model):
        merge_lora(model)
        unfreeze(model)
