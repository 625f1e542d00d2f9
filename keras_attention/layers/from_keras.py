"""Ours from a stock layer, with its weights."""

import sys

import keras
from keras import ops

from keras_attention._validation import require
from keras_attention.layers.counterparts import ANY, COUNTERPARTS, weight_finder
from keras_attention.layers.held_options import held_options, held_rules, is_of, name_of

# What sums or clips each element by itself does the same on kernels of any shape.
BY_ELEMENT = {"regularizer": ("L1", "L2", "L1L2"), "constraint": ("NonNeg",)}


def from_keras(layer):
    """One of our layers with the options and the weights of a stock layer.

    Of `keras.layers` it takes `MultiHeadAttention`, `AdditiveAttention` and, as a
    `MultiplicativeAttention("dot")`, `Attention`; of `keras_hub.layers` `TransformerEncoder`,
    `TransformerDecoder`, `PositionEmbedding`, `TokenAndPositionEmbedding`, `MaskedLMHead` and, as a
    `SinusoidalPositionEncoding`, `SinePositionEncoding`.

    Functions and objects, such as an activation, are those of the stock layer itself, registered
    or not.

    The two give the same answers, but for a query that may attend to nothing: ours gives zeros,
    the stock layer a mean of all values. KerasHub's `TokenAndPositionEmbedding`,
    `PositionEmbedding` and `SinePositionEncoding` drop a mask that they receive, where ours pass it
    on: in a whole model with such a mask the layers after them see it, and answers may differ at
    positions of tokens too. `keras.layers.AdditiveAttention` has no projections: those of ours
    begin as identities and are trained. A `MaskedLMHead` has the same embedding, no copy.

    Args:
        layer: a built layer of one of these classes. What ours does not do is refused. What
            changes no answer of a built layer need not have a counterpart: how weights begin,
            memory, speed.

    Returns:
        A built layer of ours.

    Raises:
        ValueError: if `layer` is of another class, a subclass for example, is not built, or does
            what ours does not.

    Example:

    >>> stock, x = keras.layers.MultiHeadAttention(2, 4), keras.random.normal((3, 5, 8))
    >>> expected = stock(x, x)  # builds it
    >>> np.allclose(from_keras(stock)(x), expected, atol=1e-5)
    True
    """
    found = [each for each in COUNTERPARTS if type(layer) is stock_class(each)]
    require(
        found and layer.built,
        "layer",
        "a built layer of one of "
        + ", ".join(f"{each.package}.layers.{each.name}" for each in COUNTERPARTS)
        + "; others, and what derives from them, have no counterpart with the same weights",
        layer=layer,
    )
    (counterpart,) = found
    lacking = f"keras_attention.layers.{counterpart.ours.__name__}"
    known = set(counterpart.words.values())
    require_limits(layer, known, counterpart.their_limits, lacking)
    held, find = held_options(layer, keras.activations.get), weight_finder(layer)
    options = {our: held.get(their) for our, their in counterpart.words.items()}
    options = {word: value for word, value in options.items() if value is not None}
    ours = counterpart.ours(**options, **counterpart.our_options(layer))
    if not ours.built:
        ours.build(*counterpart.our_shapes(find))
    moved = []
    for their_end, our_end in counterpart.weights:
        stock, variable = find(their_end), weight_finder(ours)(our_end)
        if stock is not None and variable is not None:
            variable.assign(ops.reshape(stock, variable.shape))
            moved.append(stock)
    for their_end, our_end in counterpart.attentions:
        attention = getattr(ours, our_end, None) if our_end else ours
        if attention is not None:
            moved += _fill(attention, find, f"{their_end}/" if their_end else "")
    require_all_moved(layer, ours, layer, moved)
    return ours


def stock_class(counterpart):
    """The stock layer's class; None if its package is not imported, so that no layer is of it."""
    package = sys.modules.get(counterpart.package)
    return package and getattr(package.layers, counterpart.name, None)


def _fill(attention, find, prefix):
    """Fills a `MultiHeadAttention` from stock weights, which it returns."""
    moved = []
    for variable in attention.weights:
        stored, _, kind = variable.name.rpartition("_")
        # A kernel of ours, "key_value" for example, holds several of theirs side by side.
        names = ["attention_output"] if stored == "output" else stored.split("_")
        parts = [find(f"{prefix}{name}/{kind}") for name in names]
        outer = variable.shape[:-1]  # heads are one axis with their widths
        flat = [ops.reshape(part, (*outer, -1)) for part in parts]
        variable.assign(ops.concatenate(flat, axis=-1))
        moved += parts
    return moved


def require_limits(layer, known, limits, lacking):
    """Raises `ValueError` if an option of `layer` has a value that the other side lacks.

    Args:
        layer: the layer.
        known: the options that have a word on the other side.
        limits: dict from other options to the values that they may have; None or False if an option
            is not in it.
        lacking: name of the other class.
    """
    require(
        all(keras.backend.is_float_dtype(weight.dtype) for weight in layer.weights),
        "layer",
        "one whose weights are floats: it is quantized",
        dtypes=sorted({weight.dtype for weight in layer.weights}),
    )
    require(
        not isinstance(layer.dtype_policy, keras.dtype_policies.DTypePolicyMap),
        "layer",
        "one with a single dtype policy: the parts of the two layers have other names",
        dtype=layer.dtype_policy,
    )
    require(
        layer.activity_regularizer is None,
        "layer",
        "one without `activity_regularizer`: a stock layer may hand it on to its parts, which the "
        "two layers have others of. Set it on the new layer",
        activity_regularizer=layer.activity_regularizer,
    )
    for option, rule, held in held_rules(layer, known):
        require(
            is_of(held, f"{rule}s", BY_ELEMENT[rule]),
            "layer",
            f"one whose `{option}` is one of {BY_ELEMENT[rule]} or None: others read the axes "
            "of a kernel, which differ between the two layers",
            **{option: name_of(held)},
        )
    for option, value in layer.get_config().items():
        if option == "frozen":  # whole layers alone: `require_all_moved`
            continue
        allowed = limits.get(option, (None, False))
        if option not in known and allowed is not ANY:
            values = " or ".join(map(repr, allowed))
            require(
                value in allowed,
                "layer",
                f"one whose `{option}` is {values}: {lacking} has no other",
                **{option: value},
            )


def require_all_moved(source, target, stock, moved):
    """Raises `ValueError` if a weight of `stock` is not in `moved`, or one of `source` is frozen.

    `source` and `target` are the two layers, one of them `stock`. A weight that both have, that of
    an embedding, needs no move.
    """
    done = [*moved, *(target if stock is source else source).weights]
    left = [w.path for w in stock.weights if not any(w is other for other in done)]
    require(
        not left,
        "layer",
        "one with no more weights than its class makes, such as those of `enable_lora`",
        weights=left,
    )
    frozen = [
        w.path
        for w in source.weights
        if not w.trainable and not any(w is other for other in target.weights)
    ]
    require(
        not source.trainable or not frozen,
        "layer",
        "one that is trainable as a whole, or not at all: parts cannot be frozen on their own",
        frozen=frozen,
    )
