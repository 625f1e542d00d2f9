"""Every word of every stock layer with a counterpart is taken by ours, or refused with our way."""

import inspect

import keras
import numpy as np
import pytest

from keras_attention.layers import TransformerDecoder
from keras_attention.layers.counterparts import COUNTERPARTS
from tests.backend import to_numpy

B, T, S, D, V = 2, 5, 5, 8, 11
RNG = np.random.default_rng(3)
X, MEMORY = (RNG.normal(size=(B, T, D)).astype("float32") for _ in range(2))
IDS = np.array([[4, 7, 3, 1, 2]] * B)
TOKENS, PAIRS = np.ones((B, T), bool), np.ones((B, T, S), bool)

# What our layers need, and what the stock layers' words are given.
NEEDED = {
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 4},
    "AdditiveAttention": {"units": D},
    "Attention": {"score_mode": "dot"},
    "TransformerEncoder": {"intermediate_dim": 16, "num_heads": 2},
    "TransformerDecoder": {"intermediate_dim": 16, "num_heads": 2},
    "PositionEmbedding": {"sequence_length": 9},
    "SinePositionEncoding": {},
    "TokenAndPositionEmbedding": {"vocabulary_size": V, "sequence_length": 9, "embedding_dim": D},
    "MaskedLMHead": {"vocabulary_size": V},
}
VALUES = {
    "activation": "tanh",
    "activity_regularizer": "l2",
    "attention_axes": (1,),
    "bias_constraint": "non_neg",
    "bias_initializer": "ones",
    "bias_regularizer": "l2",
    "dropout": 0.1,
    "dtype": "mixed_bfloat16",
    "embeddings_initializer": "ones",
    "flash_attention": True,
    "initializer": "ones",
    "intermediate_activation": "relu",
    "kernel_constraint": "non_neg",
    "kernel_initializer": "ones",
    "kernel_regularizer": "l2",
    "layer_norm_epsilon": 0.1,
    "mask_zero": True,
    "max_wavelength": 10,
    "name": "a_name",
    "normalize_first": True,
    "output_shape": 9,
    "score_mode": "dot",
    "seed": 3,
    "sliding_window": 2,
    "tie_weights": False,
    "trainable": False,
    "use_bias": False,
    "use_gate": True,
    "use_scale": True,
    "value_dim": 3,
}
# A refused word, and what its sentence must name.
REFUSED = {
    ("MultiHeadAttention", "attention_axes"): "`keras.ops.reshape`",
    ("MultiHeadAttention", "flash_attention"): "`keras.layers.MultiHeadAttention`",
    ("MultiHeadAttention", "use_gate"): "`keras.layers.Dense`",
    ("AdditiveAttention", "use_scale"): "`units`",
}
CALLS = {
    "attention_mask": PAIRS,
    "cross_attention_cache": None,
    "cross_attention_cache_update_index": 0,
    "decoder_attention_mask": PAIRS,
    "decoder_padding_mask": TOKENS,
    "decoder_sequence": X,
    "encoder_attention_mask": PAIRS,
    "encoder_padding_mask": TOKENS,
    "encoder_sequence": MEMORY,
    "inputs": X,
    "key": MEMORY,
    "key_mask": TOKENS,
    "mask": [TOKENS, TOKENS],
    "mask_positions": np.array([[0, 1]] * B),
    "padding_mask": TOKENS,
    "positions": np.arange(T),
    "query": X,
    "query_mask": TOKENS,
    "return_attention_scores": True,
    "self_attention_cache": None,
    "self_attention_cache_update_index": None,
    "start_index": 2,
    "training": False,
    "use_causal_mask": True,
    "value": MEMORY,
    "value_mask": TOKENS,
}


def stock_class(counterpart):
    package = pytest.importorskip(counterpart.package)
    return getattr(package.layers, counterpart.name)


def words_of(function):
    skipped = ("self", "args", "kwargs")
    return [word for word in inspect.signature(function).parameters if word not in skipped]


@pytest.fixture(params=COUNTERPARTS, ids=lambda counterpart: counterpart.name)
def counterpart(request):
    return request.param


def test_every_constructor_word_is_taken_or_names_our_way(counterpart):
    name = counterpart.name
    words = {*words_of(stock_class(counterpart).__init__), "name", "trainable", "dtype"}
    for word in sorted(words):
        options = {**NEEDED[name]}
        if word == "token_embedding":
            del options["vocabulary_size"]
            options[word] = keras.layers.ReversibleEmbedding(V, D)
        elif word not in options:
            options[word] = VALUES[word]
        if (name, word) in REFUSED:
            with pytest.raises(ValueError, match=f"takes no `{word}`.*{REFUSED[name, word]}"):
                counterpart.ours(**options)
        else:
            config = counterpart.ours(**options).get_config()
            # It is not taken and forgotten.
            plain = counterpart.ours(**NEEDED[name]).get_config()
            changed = {key for key in config if key != "name" and config[key] != plain.get(key)}
            same = options[word] in (NEEDED[name].get(word), plain.get(word))
            assert changed or same or word == "name", word


def test_every_call_word_is_taken(counterpart):
    name, stock = counterpart.name, stock_class(counterpart)
    layer = counterpart.ours(**NEEDED[name])
    first, *words = words_of(stock.call)
    needed = {first: IDS if name == "TokenAndPositionEmbedding" else CALLS[first]}
    if first == "query":
        needed["value"] = MEMORY
    if name == "TransformerDecoder":
        needed["encoder_sequence"] = MEMORY
    if name in ("Attention", "AdditiveAttention"):
        needed["inputs"] = [X, MEMORY]
    layer(**needed)
    for word in words:
        layer(**{**needed, word: CALLS[word]})


def test_use_scale_is_scale():
    (counterpart,) = (each for each in COUNTERPARTS if each.name == "Attention")
    layer = counterpart.ours("dot", use_scale=True)
    stock = keras.layers.Attention(use_scale=True)
    for each in (layer, stock):
        each([X, MEMORY])
        each.set_weights([np.float32(3.0)])
    found, expected = to_numpy(layer([X, MEMORY])), to_numpy(stock([X, MEMORY]))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert layer.get_config()["scale"] is True
    assert not counterpart.ours("dot", use_scale=False).scale
    with pytest.raises(ValueError, match="`use_scale` must be left out where `scale` is given"):
        counterpart.ours("dot", scale=True, use_scale=True)


def test_a_cross_attention_cache_of_keras_hub_is_refused_where_it_would_be_made_anew():
    block = TransformerDecoder(16, 2)
    block(X, MEMORY)
    cache = np.zeros((B, 2, S, 2, 4), "float32")
    given = dict(cross_attention_cache=cache, cross_attention_cache_update_index=0)
    with pytest.raises(ValueError, match="`cross_attention_cache` must be .*project_encoder"):
        block(X, MEMORY, **given)
    with pytest.raises(ValueError, match="`cross_attention_cache` must be .*project_encoder"):
        block(keras.Input((T, D)), keras.Input((S, D)), **given)
    ours = {**given, "cross_attention_cache": block.project_encoder(MEMORY)}
    assert len(block(X, MEMORY, **ours)) == 2


SHAPES = {
    "MultiHeadAttention": (X, MEMORY),
    "TransformerDecoder": (X, MEMORY),
    "AdditiveAttention": ([X, MEMORY],),
    "Attention": ([X, MEMORY],),
    "TokenAndPositionEmbedding": (IDS,),
}


def test_weights_that_do_not_fit_name_from_keras(counterpart):
    name = counterpart.name
    layer = counterpart.ours(**NEEDED[name])
    assert layer.stock_layer == f"{counterpart.package}.layers.{name}"
    layer(*SHAPES.get(name, (X,)))
    weights = layer.get_weights()
    layer.set_weights(weights)
    wrong = [[*weights, np.zeros(3, "float32")]]
    if weights:
        wrong += [weights[:-1], [np.zeros((*w.shape, 1), "float32") for w in weights]]
    for given in wrong:
        with pytest.raises(ValueError, match=f"{layer.stock_layer} .*layers.from_keras`") as error:
            layer.set_weights(given)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["TransformerEncoder", "TransformerDecoder", "MaskedLMHead"])
def test_weights_of_stock_blocks_name_from_keras(name):
    (counterpart,) = (each for each in COUNTERPARTS if each.name == name)
    ours, stock = counterpart.ours(**NEEDED[name]), stock_class(counterpart)(**NEEDED[name])
    for layer in (ours, stock):
        layer(
            *SHAPES.get(name, (X,)),
            **({"mask_positions": CALLS["mask_positions"]} if "Head" in name else {}),
        )
    with pytest.raises(ValueError, match="layers.from_keras`"):
        ours.set_weights(stock.get_weights())
