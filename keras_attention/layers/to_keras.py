"""A stock layer from one of ours, with its weights."""

import importlib

import keras
import numpy as np
from keras import ops

from keras_attention import activations
from keras_attention._validation import missing_package, require
from keras_attention.layers.additive_attention import AdditiveAttention
from keras_attention.layers.counterparts import COUNTERPARTS, weight_finder
from keras_attention.layers.from_keras import require_all_moved, require_limits
from keras_attention.layers.held_options import held_options
from keras_attention.layers.masked_lm_head import MaskedLMHead


def to_keras(layer):
    """A stock layer with the options and the weights of one of ours: the way back of `from_keras`.

    A `MultiplicativeAttention("dot")` makes a `keras.layers.Attention`, an `AdditiveAttention` a
    `keras.layers.AdditiveAttention` while its projections are identities.

    Args:
        layer: a built layer of ours of one of the classes that `from_keras` makes. What the stock
            layer does not do is refused. What changes no answer of a built layer need not have a
            counterpart: how weights begin, memory, speed.

    Returns:
        A built layer of Keras or of KerasHub: see `from_keras` for where their answers differ.

    Raises:
        ValueError: if `layer` is of another class, a subclass for example, is not built, or does
            what the stock layer does not.
        ImportError: if the stock layer is KerasHub's, which is not installed; names the extra.

    Example:

    >>> ours, x = MultiHeadAttention(2, 4), keras.random.normal((3, 5, 8))
    >>> expected = ours(x)  # builds it
    >>> np.allclose(to_keras(ours)(x, x), expected, atol=1e-5)
    True
    """
    found = [each for each in COUNTERPARTS if type(layer) is each.ours]
    require(
        found and layer.built,
        "layer",
        "a built layer of one of "
        + ", ".join(f"keras_attention.layers.{each.ours.__name__}" for each in COUNTERPARTS)
        + "; what derives from them, and our other layers, have no counterpart with the same "
        "weights",
        layer=layer,
    )
    (counterpart,) = found
    lacking = f"{counterpart.package}.layers.{counterpart.name}"
    require_limits(layer, set(counterpart.words), counterpart.our_limits(layer), lacking)
    _require_identities(layer)
    _require_stock_embedding(layer)
    held = held_options(layer, activations.get)
    options = {their: held.get(our) for our, their in counterpart.words.items()}
    options = {word: value for word, value in options.items() if value is not None}
    if counterpart.attentions:  # `keras.layers.MultiHeadAttention` takes objects alone
        for word in ("kernel_initializer", "bias_initializer"):
            if not isinstance(options[word], keras.initializers.Initializer):
                del options[word]  # changes no answer of a built layer
    for word in ("activation", "intermediate_activation"):
        if options.get(word) == "gelu_new":  # Keras has no name for it
            options[word] = activations.tanh_gelu
    stock = _stock_class(counterpart)(**options, **counterpart.their_options(layer))
    if not stock.built:
        stock.build(*counterpart.their_shapes(layer))
    find, moved = weight_finder(stock), []
    for their_end, our_end in counterpart.weights:
        variable, ours = find(their_end), weight_finder(layer)(our_end)
        if variable is not None and ours is not None:
            variable.assign(ops.reshape(ours, variable.shape))
            moved.append(variable)
    for their_end, our_end in counterpart.attentions:
        attention = getattr(layer, our_end, None) if our_end else layer
        if attention is not None:
            moved += _fill(find, f"{their_end}/" if their_end else "", attention)
    require_all_moved(layer, stock, stock, moved)
    return stock


def _stock_class(counterpart):
    try:
        package = importlib.import_module(counterpart.package)
    except ImportError as error:
        raise missing_package("keras_hub", "hub") from error
    return getattr(package.layers, counterpart.name)


def _fill(find, prefix, attention):
    """Fills stock weights, which it returns, from a `MultiHeadAttention`."""
    arrays = {}
    for name in ("query", "key", "value"):
        arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = attention.projection(name)
    arrays["attention_output/kernel"] = attention.output_kernel
    arrays["attention_output/bias"] = attention.output_bias
    moved = []
    for end, array in arrays.items():
        if array is not None:
            variable = find(f"{prefix}{end}")
            variable.assign(ops.reshape(array, variable.shape))
            moved.append(variable)
    return moved


def _require_identities(layer):
    if isinstance(layer, AdditiveAttention):
        kernels = [ops.convert_to_numpy(w) for w in (layer.query_kernel, layer.key_kernel)]
        require(
            all(np.array_equal(kernel, np.eye(layer.units)) for kernel in kernels),
            "layer",
            "an `AdditiveAttention` whose projections are identities: "
            "`keras.layers.AdditiveAttention` has none",
            **{"query_kernel.shape": kernels[0].shape, "key_kernel.shape": kernels[1].shape},
        )


def _require_stock_embedding(layer):
    if isinstance(layer, MaskedLMHead):
        require(
            layer.embedding is None
            or isinstance(layer.embedding, keras.layers.ReversibleEmbedding),
            "layer",
            "a head whose `embedding` is a `keras.layers.ReversibleEmbedding` or None: KerasHub's "
            "head shares the matrix of no other. `to_keras(embedding).token_embedding` is one with "
            "its weights",
            embedding=layer.embedding,
        )
