"""LoRA for a whole model (Hu et al. 2021)."""

import keras

from keras_attention._validation import require, with_python_numbers
from keras_attention.layers.layer import adaptable_parts


@with_python_numbers
def enable_lora(model, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
    """Freezes a model and adds adapters to its attention and feed-forward layers.

    These adapters are all that is trained then. Layers that are made afterwards, such as a new
    head, are trained as ever. Embeddings get no adapters: `embedding.enable_lora` adds them.
    A compiled model must be compiled again.

    A model and a layer of this package that is loaded from a `.keras` file trains what was trained.
    In a model of Keras' own class the layers of Keras do not: Keras loads their weights unfrozen.

    Args:
        model: a built model, or a layer made of others, of layers of this package.
        rank, lora_alpha, a_initializer, b_initializer: see `MultiHeadAttention.enable_lora`.

    Raises:
        ValueError: if nothing in it takes adapters, or a layer refuses them. Nothing is changed.

    Example:

    >>> encoder = BertEncoder.from_preset("tiny", vocabulary_size=30522)
    >>> enable_lora(encoder, rank=8)
    >>> sum(math.prod(weight.shape) for weight in encoder.trainable_weights)
    36864

    Reference: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4,
    https://arxiv.org/abs/2106.09685
    """
    layers = adaptable_parts(model)
    require(
        layers,
        "model",
        "built of attention or feed-forward layers of this package, which take adapters",
        model=type(model).__name__,
    )
    for layer in layers:
        layer.require_lora(rank, lora_alpha)
    initializers = [keras.initializers.get(each) for each in (a_initializer, b_initializer)]
    for weight in model.trainable_weights:
        weight.trainable = False
    for layer in layers:
        layer.enable_lora(rank, lora_alpha, *initializers)
