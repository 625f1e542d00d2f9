"""`enable_lora` of layers and of whole models: what is frozen, trained, saved and merged."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers import (
    AdditiveAttention,
    BaseAttention,
    BlockSparseAttention,
    FeedForward,
    GatedFeedForward,
    GroupedQueryAttention,
    MaskedLMHead,
    MultiHeadAttention,
    MultiplicativeAttention,
    PositionEmbedding,
    RecurrentDecoder,
    TokenAndPositionEmbedding,
    TransformerDecoder,
    TransformerEncoder,
    attention_cache,
    enable_lora,
    merge_lora,
    to_keras,
)
from keras_attention.layers.layer import adapted_parts, unfreeze
from keras_attention.layers.merge_lora import merged_lora
from keras_attention.models import BertEncoder, Classifier, MaskedLM
from tests.backend import BACKEND, compiled, gradients, to_numpy

RANK = 2
random = np.random.default_rng(0)
X, Y = (random.normal(size=(3, length, 8)).astype("float32") for length in (5, 7))
IDS = random.integers(0, 19, (3, 5))

# Of each a new layer, its call, and the shapes of what is trained in the place of its kernels.
LAYERS = {
    "self-attention": (
        lambda **kw: MultiHeadAttention(2, 3, value_dim=5, output_dim=6, **kw),
        lambda layer: layer(X),
        [(8, 6), (2, 22), (10, 2), (2, 6)],
    ),
    "cross-attention": (
        lambda **kw: MultiHeadAttention(2, 3, **kw),
        lambda layer: layer(X, Y),
        [(8, 2), (2, 6), (8, 4), (2, 12), (6, 2), (2, 8)],
    ),
    "other keys": (
        lambda **kw: MultiHeadAttention(2, 3, **kw),
        lambda layer: layer(X, Y[..., :4], Y[..., :6]),
        [(8, 2), (2, 6), (6, 2), (2, 6), (4, 2), (2, 6), (6, 2), (2, 8)],
    ),
    "block-sparse": (
        lambda **kw: BlockSparseAttention(2, 3, block_size=2, max_sequence_length=16, **kw),
        lambda layer: layer(X),
        [(8, 6), (2, 18), (6, 2), (2, 8)],
    ),
    "feed-forward": (
        lambda **kw: FeedForward(9, output_dim=6, activation="gelu", **kw),
        lambda layer: layer(X),
        [(8, 2), (2, 9), (9, 2), (2, 6)],
    ),
    "gated feed-forward": (
        lambda **kw: GatedFeedForward(9, output_dim=6, **kw),
        lambda layer: layer(X),
        [(8, 4), (2, 18), (9, 2), (2, 6)],
    ),
    "grouped queries": (
        lambda **kw: GroupedQueryAttention(4, 2, num_key_value_heads=2, **kw),
        lambda layer: layer(X),
        [(8, 6), (2, 16), (8, 2), (2, 8)],
    ),
    "additive": (
        lambda **kw: AdditiveAttention(9, use_bias=True, normalize=True, **kw),
        lambda layer: layer(X, Y[..., :6]),
        [(8, 2), (2, 9), (6, 2), (2, 9)],
    ),
    "general": (
        lambda **kw: MultiplicativeAttention("general", scale=True, **kw),
        lambda layer: layer(X, Y[..., :6]),
        [(6, 2), (2, 8)],
    ),
    "concatenated, local": (
        lambda **kw: MultiplicativeAttention("concat", units=9, window=3, **kw),
        lambda layer: layer(X, Y[..., :6]),
        [(8, 2), (2, 9), (6, 2), (2, 9), (8, 2), (2, 8)],
    ),
    "positions": (
        lambda **kw: PositionEmbedding(11, **kw),
        lambda layer: layer(X, positions=np.array([[4, 0, 1, 2, 10]] * 3)),
        [(11, 2), (2, 8)],
    ),
    "embedding": (
        lambda **kw: TokenAndPositionEmbedding(19, 11, 8, scale=True, **kw),
        lambda layer: layer(IDS),
        [(19, 2), (2, 8)],
    ),
    "output projection": (
        lambda **kw: TokenAndPositionEmbedding(19, 11, 8, **kw),
        lambda layer: layer(layer(IDS), reverse=True),
        [(19, 2), (2, 8)],
    ),
}


def made(name, **options):
    """The layer of that name, built, and its call."""
    keras.utils.set_random_seed(5)
    make, call, _ = LAYERS[name]
    layer = make(**options)
    call(layer)
    return layer, lambda: to_numpy(call(layer))


def spread(layer):
    """Gives adapters other numbers than zeros."""
    random = np.random.default_rng(1)
    for weight in layer.weights:
        if weight.name.startswith("lora"):
            weight.assign(random.normal(size=weight.shape))


def adapters(layer):
    return [weight for weight in layer.weights if weight.name.startswith("lora")]


@pytest.mark.parametrize("name", LAYERS)
def test_a_fresh_adapter_changes_nothing_and_a_trained_one_is_a_sum_of_kernels(name):
    layer, answer = made(name)
    before = answer()
    layer.enable_lora(RANK, lora_alpha=3)
    assert [tuple(weight.shape) for weight in adapters(layer)] == LAYERS[name][2]
    np.testing.assert_array_equal(answer(), before)
    spread(layer)
    adapted = answer()
    assert np.abs(adapted - before).max() > 0.1
    # The same by hand: of each matrix side by side, A B times alpha / rank.
    plain, plain_answer = made(name)
    for kernel_name, (kernel, widths) in layer.lora_kernels().items():
        a, b = (to_numpy(x) for x in (layer.adapter(kernel_name).a, layer.adapter(kernel_name).b))
        ends = np.cumsum(widths)[:-1]
        parts = zip(np.split(a, len(widths), 1), np.split(b, ends, 1), strict=True)
        added = np.concatenate([one @ other for one, other in parts], axis=1)
        own, _ = plain.lora_kernels()[kernel_name]
        own.assign(to_numpy(kernel) + 3 / RANK * added)
    np.testing.assert_allclose(adapted, plain_answer(), atol=1e-5 * np.abs(adapted).max())


@pytest.mark.parametrize("name", LAYERS)
def test_kernels_are_frozen_and_adapters_are_trained(name):
    layer, answer = made(name)
    trained = len(layer.trainable_weights)
    kernels = [kernel for kernel, _ in layer.lora_kernels().values()]
    layer.enable_lora(RANK)
    assert len(layer.trainable_weights) == trained + len(kernels)  # two for one
    for value in (False, True):  # kernels stay frozen when everything is unfrozen
        layer.trainable = value
        assert not any(kernel.trainable for kernel in kernels)
        assert all(weight.trainable is value for weight in adapters(layer))
    spread(layer)
    found = gradients(lambda: ops.mean(ops.square(LAYERS[name][1](layer))), layer.trainable_weights)
    assert all(np.isfinite(gradient).all() and gradient.any() for gradient in found[-2:])
    paths = [weight.path for weight in layer.weights]
    assert len(set(paths)) == len(paths) and all(p.startswith(f"{layer.name}/") for p in paths)


@pytest.mark.parametrize("name", LAYERS)
def test_a_file_of_keras_holds_kernels_and_adapters_apart(name, tmp_path):
    layer, answer = made(name)
    layer.enable_lora(RANK, lora_alpha=4)
    spread(layer)
    config = layer.get_config()
    assert (config["lora_rank"], config["lora_alpha"]) == (RANK, 4)
    again = type(layer).from_config(config)
    assert again.get_config() == config
    if name == "cross-attention":
        again.build((None, 5, 8), (None, 7, 8))
    elif name == "other keys":
        again.build((None, 5, 8), (None, 7, 4), (None, 7, 6))
    elif isinstance(again, BaseAttention):
        again.build((None, 5, 8), (None, 7, 6))
    else:
        again.build_from_config(layer.get_build_config())
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(to_numpy(LAYERS[name][1](again)), answer())
    if name in ("self-attention", "block-sparse", "feed-forward"):
        inputs = keras.Input((None, 8))
        model = keras.Model(inputs, layer(inputs))
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(to_numpy(loaded(X)), answer())
        assert [w.trainable for w in loaded.weights] == [w.trainable for w in model.weights]


@pytest.mark.parametrize("name", LAYERS)
def test_merging_leaves_the_plain_layer(name):
    layer, answer = made(name)
    plain = layer.get_config(), [weight.path for weight in layer.weights], layer.get_weights()
    layer.enable_lora(RANK)
    spread(layer)
    expected, weights = answer(), layer.get_weights()
    tolerance = 1e-5 * np.abs(expected).max()
    with merged_lora(layer):
        np.testing.assert_allclose(answer(), expected, atol=tolerance)
        assert not layer.lora_enabled and len(layer.weights) == len(plain[1])
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), weights, strict=True))
    np.testing.assert_array_equal(answer(), expected)
    merge_lora(layer)
    np.testing.assert_allclose(answer(), expected, atol=tolerance)
    assert (layer.get_config(), [weight.path for weight in layer.weights]) == plain[:2]
    assert all(weight.trainable for weight in layer.weights if weight.dtype == "float32")
    layer.enable_lora(RANK)  # once more


class Broken(Exception):
    """What an allocator, or a signal, may raise anywhere."""


@pytest.mark.parametrize("call", range(1, 5))
@pytest.mark.parametrize("merge", [merge_lora, lambda layer: merged_lora(layer).__enter__()])
def test_merging_that_fails_half_way_leaves_the_layer(merge, call, monkeypatch):
    """At the first kernel or the last, or when the adapters are taken out."""
    layer = MultiHeadAttention(2, 4)
    layer.build((None, None, 8), (None, None, 8))
    layer.enable_lora(RANK)
    spread(layer)
    kernels = [kernel for kernel, _ in layer.lora_kernels().values()]
    expected, weights = to_numpy(layer(X, Y)), layer.get_weights()
    trainable = [weight.trainable for weight in layer.weights]
    calls = 0

    def failing(function):
        def assign(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == call:
                raise Broken
            return function(*args, **kwargs)

        return assign

    assert len(kernels) >= 3
    for kernel in kernels[:3]:
        monkeypatch.setattr(kernel, "assign", failing(kernel.assign))
    monkeypatch.setattr(layer, "take_out_adapters", failing(layer.take_out_adapters))
    with pytest.raises(Broken):
        merge(layer)
    monkeypatch.undo()
    assert layer.lora_enabled
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), weights, strict=True))
    assert [weight.trainable for weight in layer.weights] == trainable
    np.testing.assert_array_equal(to_numpy(layer(X, Y)), expected)
    merge_lora(layer)
    np.testing.assert_allclose(to_numpy(layer(X, Y)), expected, atol=1e-4)


def test_a_later_layer_that_fails_leaves_the_model(monkeypatch):
    layers = [MultiHeadAttention(2, 4) for _ in range(3)]
    inputs = keras.Input((None, 8))
    x = inputs
    for layer in layers:
        x = layer(x)
    model = keras.Model(inputs, x)
    for layer in layers:
        layer.enable_lora(RANK)
        spread(layer)
    expected, weights = to_numpy(model(X)), model.get_weights()

    def fail():
        raise Broken

    monkeypatch.setattr(layers[-1], "take_out_adapters", fail)
    with pytest.raises(Broken), merged_lora(model):
        raise AssertionError("It was merged.")
    monkeypatch.undo()
    assert all(layer.lora_enabled for layer in layers)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))
    np.testing.assert_array_equal(to_numpy(model(X)), expected)


def test_a_layer_can_be_made_with_adapters():
    layer = MultiHeadAttention(2, 4, lora_rank=3)
    layer.build((None, None, 8))
    assert layer.lora_enabled and layer.lora_alpha == 3 and len(adapters(layer)) == 4
    assert "lora_rank" not in MultiHeadAttention(2, 4).get_config()


@pytest.mark.parametrize("first", ["self", "cross"])
def test_both_ways_of_storing_answer_both_calls(first):
    """A layer that was built with one input and is called with two, and the other way round."""
    layer = MultiHeadAttention(2, 4)
    layer.build((None, None, 8), *([] if first == "self" else [(None, None, 8)]))
    layer.enable_lora(RANK)
    spread(layer)
    found = [to_numpy(layer(X)), to_numpy(layer(X, Y))]
    merge_lora(layer)
    for one, other in zip(found, [layer(X), layer(X, Y)], strict=True):
        np.testing.assert_allclose(one, to_numpy(other), atol=1e-4)


def test_steps_with_a_cache_are_the_call():
    layer = MultiHeadAttention(2, 4)
    layer.build((None, None, 8))
    layer.enable_lora(RANK)
    spread(layer)
    expected = to_numpy(layer(X, use_causal_mask=True))
    cache = layer.empty_cache(3, 5)
    for t in range(5):
        slots = attention_cache.cache_slots(cache, slot=t)
        output, _, cache = layer.step(X[:, t], cache, slots)
        np.testing.assert_allclose(to_numpy(output), expected[:, t], atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"chunk_size": 2}])
def test_compiled_is_uncompiled(options):
    layer = MultiHeadAttention(2, 4, **options)
    layer.build((None, None, 8))
    layer.enable_lora(RANK)
    spread(layer)
    for jit in (True, False):
        found = to_numpy(compiled(lambda x: layer(x), jit)(ops.convert_to_tensor(X)))
        np.testing.assert_allclose(found, to_numpy(layer(X)), atol=1e-4)
    loss = lambda: ops.mean(ops.square(layer(X, training=True)))  # noqa: E731
    assert all(g is not None and g.any() for g in gradients(loss, adapters(layer)))


def test_half_precision_keeps_adapters_in_float32():
    layer = FeedForward(9, dtype="mixed_bfloat16")
    layer.build((None, None, 8))
    layer.enable_lora(RANK)
    assert {weight.dtype for weight in adapters(layer)} == {"float32"}
    assert keras.backend.standardize_dtype(layer(X).dtype) == "bfloat16"


def test_rules_of_the_kernel_are_those_of_its_adapters():
    layer = MultiHeadAttention(2, 4, kernel_regularizer=keras.regularizers.L2(0.1))
    layer.build((None, None, 8))
    layer.enable_lora(RANK)
    spread(layer)
    expected = 0.1 * sum((to_numpy(weight) ** 2).sum() for weight in adapters(layer))
    np.testing.assert_allclose(to_numpy(sum(layer.losses)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "rank", "is_built", "message"),
    [
        ({}, 2, False, "Cannot enable lora on a layer that isn't yet built: call the FeedForward"),
        ({}, 0, True, "`rank` must be a positive integer. Received: rank=0"),
        ({}, 2.5, True, "`rank` must be a positive integer. Received: rank=2.5"),
        ({}, 7, True, "`rank` must be at most 6, the smallest side of the matrices of the Feed"),
        ({"lora_rank": 7}, 2, True, "`rank` must be at most 6"),
        ({"kernel_constraint": "non_neg"}, 2, True, "without `kernel_constraint`"),
        ({"lora_rank": 2}, 2, True, "lora is already enabled: the FeedForward 'ffn' has adapters"),
    ],
)
def test_what_cannot_be_is_refused(options, rank, is_built, message):
    layer = FeedForward(6, name="ffn", **options)
    with pytest.raises(ValueError, match=message):
        if is_built:
            layer.build((None, None, 8))
        layer.enable_lora(rank)


@pytest.mark.parametrize("alpha", [0, -1.5, math.nan, math.inf, -math.inf, "2", True])
def test_alpha_is_a_number_above_zero(alpha):
    """Wherever it is given; and what refuses it changes nothing."""
    message = "`lora_alpha` must be a number above 0.*Received: lora_alpha="
    with pytest.raises(ValueError, match=message):
        FeedForward(6, lora_rank=2, lora_alpha=alpha)
    block = TransformerEncoder(intermediate_dim=9, num_heads=2)
    block(X)
    for enable in (
        lambda: block.feed_forward.enable_lora(2, lora_alpha=alpha),
        lambda: enable_lora(block, 2, lora_alpha=alpha),
    ):
        with pytest.raises(ValueError, match=message):
            enable()
    assert all(weight.trainable for weight in block.weights) and not adapters(block)


def test_what_is_given_without_sense_is_refused():
    with pytest.raises(ValueError, match="`lora_alpha` must be given with `lora_rank`"):
        FeedForward(6, lora_alpha=2)
    for layer in (MultiplicativeAttention("dot"), Distance()):
        layer(X, Y)
        with pytest.raises(ValueError, match=f"the {type(layer).__name__} '.*' has none, with the"):
            layer.enable_lora(2)
        with pytest.raises(ValueError, match="`model` must be built of attention or feed-forward"):
            enable_lora(layer, 2)
    encoder = bert()
    with pytest.raises(ValueError, match="nonsense"):
        enable_lora(encoder, 2, a_initializer="nonsense")
    assert all(weight.trainable for weight in encoder.weights) and not adapters(encoder)


class Distance(BaseAttention):
    """Attention of a user without kernels."""

    def score(self, query, key):
        return -ops.sum(ops.square(ops.expand_dims(query, 2) - ops.expand_dims(key, 1)), -1)


@pytest.mark.parametrize("name", ["additive", "general", "concatenated, local"])
def test_a_recurrence_gives_adapters_the_gradient_of_their_sum(name):
    """dA = s dK B^T and dB = s A^T dK, where K + s A B is the kernel."""

    def decoder():
        keras.utils.set_random_seed(4)
        layer = RecurrentDecoder(keras.layers.GRUCell(8), LAYERS[name][0]())
        layer(X, Y[..., :6])
        return layer

    def loss_of(layer):
        return lambda: ops.mean(ops.square(layer(X, Y[..., :6], training=True)))

    adapted, plain = decoder(), decoder()
    adapted.attention.enable_lora(RANK, lora_alpha=3)
    spread(adapted)
    for kernel, summed in zip(
        plain.attention.lora_kernels().values(), adapted.attention.lora_kernels(), strict=True
    ):
        kernel[0].assign(adapted.attention.adapted_kernel(summed))
    expected = to_numpy(plain(X, Y[..., :6]))
    np.testing.assert_allclose(to_numpy(adapted(X, Y[..., :6])), expected, atol=1e-5)
    kernels = [kernel for kernel, _ in plain.attention.lora_kernels().values()]
    of_kernels = gradients(loss_of(plain), kernels)
    found = gradients(loss_of(adapted), adapters(adapted))
    for index, key in enumerate(adapted.attention.lora_kernels()):
        adapter = adapted.attention.adapter(key)
        a, b = to_numpy(adapter.a), to_numpy(adapter.b)
        right = 1.5 * of_kernels[index] @ b.T, 1.5 * a.T @ of_kernels[index]
        for one, other in zip(found[2 * index : 2 * index + 2], right, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_numbers_of_numpy_are_ranks():
    layer = FeedForward(6)
    layer.build((None, None, 8))
    layer.enable_lora(np.int64(2))
    assert type(layer.get_config()["lora_rank"]) is int


def test_a_stock_layer_has_no_adapters_of_ours():
    layer = MultiHeadAttention(2, 4)
    layer.build((None, None, 8))
    layer.enable_lora(RANK)
    with pytest.raises(ValueError, match="one whose `lora_rank` is"):
        to_keras(layer)
    merge_lora(layer)
    to_keras(layer)


BLOCKS = {
    "encoder": (TransformerEncoder, lambda block: block(X)),
    "decoder": (TransformerDecoder, lambda block: block(X, Y)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_remembers_which_parts_are_adapted(name, tmp_path):
    make, call = BLOCKS[name]
    block = make(intermediate_dim=9, num_heads=2)
    call(block)
    block.self_attention.enable_lora(RANK, lora_alpha=1)
    spread(block)
    config = block.get_config()
    assert config["lora"].count(None) == len(config["lora"]) - 1
    again = make.from_config(config)
    assert again.get_config() == config  # also before it is built
    call(again)
    assert again.self_attention.lora_alpha == 1 and not again.feed_forward.lora_enabled
    again.set_weights(block.get_weights())
    np.testing.assert_allclose(to_numpy(call(again)), to_numpy(call(block)), atol=1e-6)
    with pytest.raises(ValueError, match="`lora` must be rank and alpha, or None, of each of"):
        call(make.from_config({**config, "lora": [None]}))


def bert():
    keras.utils.set_random_seed(2)
    return BertEncoder(19, 2, 2, 8, 9, dropout=0.0, max_sequence_length=11)


def trained(model):
    return [weight.path.partition("/")[2] for weight in model.trainable_weights]


def stock_model():
    """A functional model of Keras of layers of this package."""
    inputs = keras.Input((5, 8))
    x = PositionEmbedding(11)(inputs)
    x = TransformerEncoder(intermediate_dim=9, num_heads=2)(x)
    x = AdditiveAttention(9, use_bias=True)(x, x)
    return keras.Model(inputs, FeedForward(9)(x))


def frozen_blocks(model):
    model.encoder.blocks[0].trainable = False
    model.encoder.embedding_normalization.trainable = False


def a_part_within_a_frozen_one(model):
    model.blocks[1].trainable = False
    model.blocks[1].feed_forward.trainable = True


OFF = ("trainable", False)
FREEZERS = {
    "an encoder": (bert, lambda model: model.enable_lora(RANK)),
    "a head": (lambda: Classifier(bert(), 3), lambda model: model.enable_lora(RANK)),
    "a head and all below": (lambda: MaskedLM(bert()), lambda model: enable_lora(model, RANK)),
    "a model of Keras": (stock_model, lambda model: enable_lora(model, RANK)),
    "one part": (bert, lambda model: model.blocks[1].feed_forward.enable_lora(RANK)),
    "positions": (bert, lambda model: model.embedding.position_layer.enable_lora(RANK)),
    "no adapters": (lambda: Classifier(bert(), 3), frozen_blocks),
    "a part within a frozen one": (bert, a_part_within_a_frozen_one),
    "one weight": (bert, lambda model: model.blocks[1].feed_forward.weights[0].__setattr__(*OFF)),
}


@pytest.mark.parametrize("name", FREEZERS)
def test_what_is_loaded_trains_what_was_trained(name, tmp_path):
    make, freeze = FREEZERS[name]
    keras.utils.set_random_seed(1)
    model = make()
    freeze(model)
    expected = trained(model)
    assert 0 < len(expected) < len(model.weights)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert trained(loaded) == expected
    configs = [[layer.get_config() for layer in (each, *each.layers)] for each in (loaded, model)]
    own = 1 if name == "a model of Keras" else 0  # whose config has shapes of builds, as lists
    assert configs[0][own:] == configs[1][own:]
    unfreeze(model)
    unfreeze(loaded)
    assert trained(loaded) == trained(model) and len(trained(model)) >= len(expected)


def inputs_of():
    return {"token_ids": IDS, "segment_ids": IDS * 0, "padding_mask": np.ones_like(IDS)}


def test_a_model_is_frozen_but_for_its_adapters(tmp_path):
    encoder = bert()
    before = to_numpy(encoder(inputs_of()))
    encoder.enable_lora(RANK)
    assert encoder.trainable_weights == adapters(encoder)
    assert len(adapters(encoder)) == 2 * 2 * 4
    np.testing.assert_array_equal(
        to_numpy(encoder(inputs_of()))["pooled_output"], before["pooled_output"]
    )
    spread(encoder)
    expected = to_numpy(encoder(inputs_of()))["pooled_output"]
    encoder.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(to_numpy(loaded(inputs_of()))["pooled_output"], expected)
    assert loaded.get_config() == encoder.get_config()
    other = encoder.with_dropout(0.3)
    np.testing.assert_allclose(to_numpy(other(inputs_of()))["pooled_output"], expected, atol=1e-5)
    merge_lora(loaded)
    unfreeze(loaded)
    assert loaded.get_config() == bert().get_config() | {"name": encoder.name}
    assert loaded.count_params() == bert().count_params()
    np.testing.assert_allclose(to_numpy(loaded(inputs_of()))["pooled_output"], expected, atol=1e-5)


def test_a_head_is_trained_as_a_whole(tmp_path):
    model = MaskedLM(bert())
    model.enable_lora(RANK)
    trained = [weight.path for weight in model.trainable_weights if "lora" not in weight.path]
    assert len(trained) == 5 and all(path.startswith("masked_lm/") for path in trained)
    spread(model)
    expected = to_numpy(model(inputs_of()))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(to_numpy(loaded(inputs_of())), expected)


def test_a_tied_output_projection_has_the_adapters_of_its_embedding(tmp_path):
    """Also where a loss multiplies by the matrix itself."""
    model = MaskedLM(bert())
    model.encoder.embedding.enable_lora(RANK)
    spread(model)
    expected = to_numpy(model(inputs_of()))
    hidden, projection = model.projected_logits({**inputs_of(), "mask_positions": None})
    kernel = to_numpy(projection.kernel)
    found = to_numpy(hidden) @ (kernel.T if projection.transposed else kernel)
    found += to_numpy(projection.bias)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(to_numpy(loaded(inputs_of())), expected)
    merge_lora(model)
    np.testing.assert_allclose(to_numpy(model(inputs_of())), expected, atol=1e-4)


def test_a_head_without_adapters_of_ours_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="`model` must be built of attention or feed-forward"):
        enable_lora(model, 2)
    encoder = bert()
    trained = len(encoder.trainable_weights)
    with pytest.raises(ValueError, match="`rank` must be at most 8"):
        enable_lora(encoder, 9)
    assert len(encoder.trainable_weights) == trained and not any(
        layer.lora_enabled for layer in adapted_parts(encoder)
    )


@pytest.mark.parametrize("jit", [False, True])
def test_training_moves_adapters_alone_and_keeps_state_for_them_alone(jit):
    model = MaskedLM(bert())
    enable_lora(model, RANK)  # the head too
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit,
    )
    before = {weight.path: to_numpy(weight) for weight in model.weights}
    model.fit(inputs_of(), IDS, epochs=2, verbose=0)
    for weight in model.weights:
        changed = not np.array_equal(to_numpy(weight), before[weight.path])
        assert changed == ("lora" in weight.path), weight.path
    trained = sum(math.prod(weight.shape) for weight in adapters(model))
    held = [v for v in model.optimizer.variables if len(v.shape) > 0]
    assert sum(math.prod(variable.shape) for variable in held) == 2 * trained  # Adam's two means
    assert trained < 0.6 * model.count_params()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="micro-batches are TensorFlow's")
def test_parts_of_a_batch_are_the_batch():
    found = []
    for parts in (1, 3):
        model = MaskedLM(bert())
        enable_lora(model, RANK)
        model.compile(
            keras.optimizers.SGD(0.5),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            micro_batches=parts,
        )
        spread(model)
        model.fit(inputs_of(), IDS, epochs=1, batch_size=3, verbose=0)
        found.append([to_numpy(weight) for weight in adapters(model)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_head_of_another_embedding_is_adapted_beside_it():
    embedding = TokenAndPositionEmbedding(19, 11, 8)
    x = embedding(IDS)
    head = MaskedLMHead(embedding)
    before = to_numpy(head(x))
    embedding.enable_lora(RANK)
    np.testing.assert_allclose(to_numpy(head(x)), before, atol=1e-6)
    spread(embedding)
    assert np.abs(to_numpy(head(x)) - before).max() > 0.1
