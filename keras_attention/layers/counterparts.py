"""Which stock layers are which of ours: their options, and where their weights are."""

from collections.abc import Callable
from typing import NamedTuple

from keras_attention._validation import require
from keras_attention.layers.additive_attention import AdditiveAttention
from keras_attention.layers.masked_lm_head import MaskedLMHead
from keras_attention.layers.multi_head_attention import MultiHeadAttention
from keras_attention.layers.multiplicative_attention import MultiplicativeAttention
from keras_attention.layers.position_embedding import PositionEmbedding
from keras_attention.layers.sinusoidal_position_encoding import SinusoidalPositionEncoding
from keras_attention.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_attention.layers.transformer_decoder import TransformerDecoder
from keras_attention.layers.transformer_encoder import TransformerEncoder

ANY = object()  # an option that changes no answer of a built layer


def alike(*words):
    """Words that mean the same on either side, with those that any layer takes."""
    words += ("name", "trainable", "dtype")
    return {word: word for word in words}


def weight_finder(layer):
    """A function from the end of a path, "query/kernel" for example, to a weight, or None."""

    def find(end):
        found = [w for w in layer.weights if f"/{w.path}".endswith(f"/{end}")]
        return found[0] if found else None

    return find


class Counterpart(NamedTuple):
    """A stock layer and one of ours that gives its answers.

    Attributes:
        ours: the class of ours.
        package: "keras" or "keras_hub".
        name: of the class in the package's `layers`.
        words: dict from our options to theirs that mean the same.
        weights: pairs of the ends of their paths, theirs and ours.
        attentions: pairs of the ends of the paths of multi-head attentions, theirs and ours.
        our_options: function of their layer: our further options.
        our_shapes: function of `weight_finder(layer)`: what our `build` takes.
        their_options, their_shapes: functions of our layer, for the way back.
        their_limits: their other options, each with the values that ours amounts to; an option that
            is not listed must be None or False.
        our_limits: function of our layer: the same of our other options.
    """

    ours: type
    package: str
    name: str
    words: dict
    weights: tuple = ()
    attentions: tuple = ()
    our_options: Callable = lambda layer: {}
    our_shapes: Callable = lambda find: []
    their_options: Callable = lambda layer: {}
    their_shapes: Callable = lambda layer: []
    their_limits: dict = {}
    our_limits: Callable = lambda layer: {}


def sequence(width):
    """The shape of sequences of vectors."""
    return (None, None, width)


def _one_axis(shape):
    sizes = shape if isinstance(shape, (list, tuple)) else [shape]
    require(len(sizes) == 1, "layer", "one whose output has one axis of width", output_shape=shape)
    return {"output_dim": sizes[0]}


def _attention_shapes(find):
    query, key, value = (find(f"{name}/kernel").shape[0] for name in ("query", "key", "value"))
    widths = [query] if query == key == value else [query, value] if key == value else None
    return [sequence(width) for width in widths or (query, value, key)]


def _dense(theirs, ours):
    return ((f"{theirs}/kernel", f"{ours}/kernel"), (f"{theirs}/bias", f"{ours}/bias"))


def _norm(theirs, ours):
    return ((f"{theirs}/gamma", f"{ours}/gamma"), (f"{theirs}/beta", f"{ours}/beta"))


def width_of(block):
    """The width of what a transformer block of ours reads."""
    return block.self_attention.output_kernel.shape[1]


def _block(ours, attentions, our_shapes, their_shapes):
    """The counterpart of a transformer block; KerasHub names it as we do."""
    weights = (
        *_dense("feedforward_intermediate_dense", "feed_forward/intermediate"),
        *_dense("feedforward_output_dense", "feed_forward/output"),
        *_norm("feedforward_layer_norm", "feed_forward_normalization"),
        *_norm("self_attention_layer_norm", "self_attention_normalization"),
        *_norm("cross_attention_layer_norm", "cross_attention_normalization"),
    )

    def our_options(layer):
        width = weight_finder(layer)("feedforward_output_dense/bias").shape[0]
        heads = layer.num_heads
        return {"key_dim": width // heads} if width % heads else {}

    return Counterpart(
        ours,
        "keras_hub",
        ours.__name__,
        alike(
            *("intermediate_dim", "num_heads", "dropout", "activation", "layer_norm_epsilon"),
            *("kernel_initializer", "bias_initializer", "normalize_first"),
        ),
        weights,
        attentions,
        our_options=our_options,
        our_shapes=our_shapes,
        their_shapes=their_shapes,
        their_limits={"decoder_sequence_shape": ANY, "encoder_sequence_shape": ANY},
        our_limits=lambda layer: {
            "attention_bias": (True,),
            "key_dim": (None, width_of(layer) // layer.num_heads),
            "attention_dropout": (None, layer.dropout),
        },
    )


def _decoder_widths(find):
    cross = find("cross_attention/key/kernel")
    kernels = [find("self_attention/query/kernel")] + ([] if cross is None else [cross])
    return [sequence(kernel.shape[0]) for kernel in kernels]


def _decoder_shapes(layer):
    parts = [layer.self_attention] + ([layer.cross_attention] if layer.has_cross_attention else [])
    return [sequence(part.projection("key")[0].shape[0]) for part in parts]


COUNTERPARTS = (
    Counterpart(
        MultiHeadAttention,
        "keras",
        "MultiHeadAttention",
        alike(
            *("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "sliding_window", "seed"),
            *("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
            *("bias_initializer", "bias_regularizer", "bias_constraint"),
        ),
        attentions=(("", ""),),
        our_options=lambda layer: _one_axis(layer.get_config()["output_shape"]),
        our_shapes=_attention_shapes,
        their_options=lambda layer: {"output_shape": layer.output_dim},
        their_shapes=lambda layer: [
            sequence(layer.projection(name)[0].shape[0]) for name in ("query", "value", "key")
        ],
        their_limits={"output_shape": ANY, "attention_axes": (None, 1, (1,), [1])},
        our_limits=lambda layer: {
            "output_dim": ANY,
            "chunk_size": ANY,
            "scale": (None, layer.key_dim**-0.5),
            "use_output_bias": (None, layer.use_bias),
            "output_initializer": ANY,
        },
    ),
    Counterpart(
        AdditiveAttention,
        "keras",
        "AdditiveAttention",
        alike("dropout", "seed"),
        weights=(("scale", "score_vector"),),
        our_options=lambda layer: {
            "units": layer.weights[0].shape[0],
            "kernel_initializer": "identity",
        },
        our_shapes=lambda find: [sequence(find("scale").shape[0])] * 2,
        their_shapes=lambda layer: [[sequence(layer.units)] * 2],
        their_limits={"use_scale": (True,)},
        our_limits=lambda layer: dict.fromkeys(
            (
                *("units", "chunk_size", "kernel_initializer"),
                *("score_initializer", "bias_initializer"),
            ),
            ANY,
        ),
    ),
    Counterpart(
        MultiplicativeAttention,
        "keras",
        "Attention",
        {**alike("dropout", "seed"), "scale": "use_scale"},
        weights=(("scale", "score_scale"),),
        our_options=lambda layer: {"score_mode": "dot"},
        our_shapes=lambda find: [sequence(None)] * 2,
        their_shapes=lambda layer: [[sequence(None)] * 2],
        their_limits={"score_mode": ("dot",)},
        our_limits=lambda layer: {
            "score_mode": ("dot",),
            **dict.fromkeys(
                ("units", "chunk_size", "kernel_initializer", "score_initializer"), ANY
            ),
        },
    ),
    _block(
        TransformerEncoder,
        (("self_attention_layer", "self_attention"),),
        lambda find: [sequence(find("self_attention_layer/query/kernel").shape[0])],
        lambda layer: [sequence(width_of(layer))],
    ),
    _block(
        TransformerDecoder,
        (("self_attention", "self_attention"), ("cross_attention", "cross_attention")),
        _decoder_widths,
        _decoder_shapes,
    ),
    Counterpart(
        PositionEmbedding,
        "keras_hub",
        "PositionEmbedding",
        alike("sequence_length", "initializer"),
        weights=(("embeddings", "embeddings"),),
        our_shapes=lambda find: [sequence(find("embeddings").shape[1])],
        their_shapes=lambda layer: [sequence(layer.position_embeddings.shape[1])],
    ),
    Counterpart(
        SinusoidalPositionEncoding, "keras_hub", "SinePositionEncoding", alike("max_wavelength")
    ),
    Counterpart(
        TokenAndPositionEmbedding,
        "keras_hub",
        "TokenAndPositionEmbedding",
        alike(
            *("vocabulary_size", "sequence_length", "embedding_dim"),
            *("tie_weights", "embeddings_initializer", "mask_zero"),
        ),
        weights=(
            ("token_embedding/embeddings", "token_embeddings"),
            ("token_embedding/reverse_embeddings", "output_kernel"),
            ("position_embedding/embeddings", "positions/embeddings"),
        ),
        our_shapes=lambda find: [(None, None)],
        their_shapes=lambda layer: [(None, None)],
        our_limits=lambda layer: {"positions": ("learned",), "position_initializer": ANY},
    ),
    Counterpart(
        MaskedLMHead,
        "keras_hub",
        "MaskedLMHead",
        {
            **alike(
                *("vocabulary_size", "layer_norm_epsilon"),
                *("kernel_initializer", "bias_initializer"),
            ),
            "activation": "intermediate_activation",
        },
        weights=(
            *_dense("intermediate_dense", "dense"),
            *_norm("intermediate_layer_norm", "normalization"),
            ("output_kernel", "output_kernel"),
            ("output_bias", "token_bias"),
        ),
        our_options=lambda layer: {"embedding": layer.token_embedding},
        our_shapes=lambda find: [sequence(find("intermediate_dense/kernel").shape[0])],
        their_options=lambda layer: {"token_embedding": layer.embedding},
        their_shapes=lambda layer: [sequence(layer.dense.kernel.shape[0])],
        their_limits={"activation": (None, "linear"), "token_embedding": ANY},
        our_limits=lambda layer: {"embedding": ANY},
    ),
)
