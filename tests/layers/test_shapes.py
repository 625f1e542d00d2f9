"""Ranks, sizes and masks: what a layer takes is right, also where a size is 0; the rest is refused.

Stock Keras says what an attention mask means.
"""

import functools
import inspect

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention import layers, masks
from keras_attention.layers.attention_cache import cache_slots
from tests.backend import BACKEND, examples, to_numpy

B, T, S, D, DV, H, K = 3, 5, 7, 12, 10, 2, 4
RNG = np.random.default_rng(5)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


X, MEMORY = floats(B, T, D), floats(B, S, DV)


def decoder(constructor, cells=1):
    return lambda: constructor(
        [keras.layers.GRUCell(8) for _ in range(cells)],
        layers.AdditiveAttention(6),
        readout=layers.Maxout(9),
    )


SOURCE = {"query": X, "value": MEMORY}
TARGET = {"inputs": X, "value": MEMORY}
# name -> (constructor, inputs that it takes)
LAYERS = {
    "self-attention": (lambda: layers.MultiHeadAttention(H, K), {"query": X}),
    "cross-attention": (lambda: layers.MultiHeadAttention(H, K), SOURCE),
    "AdditiveAttention": (lambda: layers.AdditiveAttention(6, chunk_size=2), SOURCE),
    "concat": (lambda: layers.MultiplicativeAttention("concat", units=6), SOURCE),
    "local": (lambda: layers.MultiplicativeAttention(window=2), SOURCE),
    "TransformerEncoder": (lambda: layers.TransformerEncoder(14, H), {"inputs": X}),
    "TransformerDecoder": (
        lambda: layers.TransformerDecoder(14, H),
        {"decoder_sequence": X, "encoder_sequence": floats(B, S, D)},
    ),
    "RecurrentEncoder": (lambda: layers.RecurrentEncoder(4, num_layers=2), {"inputs": X}),
    "RecurrentDecoder": (decoder(layers.RecurrentDecoder), TARGET),
    "RNNSearchDecoder": (decoder(layers.RNNSearchDecoder), TARGET),
    "GNMTDecoder": (decoder(layers.GNMTDecoder, 3), TARGET),
    "MaskedLMHead": (lambda: layers.MaskedLMHead(vocabulary_size=11), {"inputs": X}),
    "FeedForward": (lambda: layers.FeedForward(14), {"inputs": X}),
    "Maxout": (lambda: layers.Maxout(4), {"inputs": X}),
    "Dropout": (lambda: layers.Dropout(0.3), {"inputs": X}),
    "PositionEmbedding": (lambda: layers.PositionEmbedding(9), {"inputs": X}),
    "SinusoidalPositionEncoding": (layers.SinusoidalPositionEncoding, {"inputs": X}),
    "TokenAndPositionEmbedding": (
        lambda: layers.TokenAndPositionEmbedding(11, 9, D),
        {"inputs": RNG.integers(0, 11, (B, T))},
    ),
}
ANY_RANK = {"FeedForward", "Maxout", "Dropout", "PositionEmbedding", "SinusoidalPositionEncoding"}
ONE_RANK = sorted(set(LAYERS) - ANY_RANK - {"TokenAndPositionEmbedding"})


DERIVED = ("RNNSearchDecoder", "GNMTDecoder")


def call(layer, inputs, **options):
    first, *others = inputs
    return layer(inputs[first], **{name: inputs[name] for name in others}, **options)


def first_of(outputs):
    return outputs[0] if isinstance(outputs, tuple) else outputs


def symbolic(inputs):
    return {name: keras.KerasTensor(x.shape, dtype=str(x.dtype)) for name, x in inputs.items()}


@pytest.mark.parametrize("as_given", [dict, symbolic], ids=["arrays", "symbolic"])
@pytest.mark.parametrize("name", ONE_RANK)
def test_an_input_of_another_rank_or_batch_is_refused(name, as_given):
    make, inputs = LAYERS[name]
    layer = make()
    call(layer, as_given(inputs))
    for argument, array in inputs.items():
        for other in (array[:, :, None], array[0]):  # (B, T, 1, D), (T, D)
            with pytest.raises(ValueError, match=f"`{argument}` must be of shape"):
                call(layer, as_given({**inputs, argument: other}))
        if len(inputs) > 1:  # one row would be broadcast
            with pytest.raises(ValueError, match="its B must be equal to the B"):
                call(layer, as_given({**inputs, argument: array[:1]}))


@pytest.mark.parametrize("as_given", [dict, symbolic], ids=["arrays", "symbolic"])
@pytest.mark.parametrize("name", sorted(set(LAYERS) - {"Dropout", "TokenAndPositionEmbedding"}))
def test_an_input_without_axes_is_refused(name, as_given):
    """By a layer that is not built yet: there is no width to build it for."""
    make, inputs = LAYERS[name]
    first, nothing = next(iter(inputs)), np.array(1.0, "float32")
    with pytest.raises(ValueError, match=f"`{first}` must be .* Received: {first}.shape=.."):
        call(make(), as_given(dict.fromkeys(inputs, nothing)))


@pytest.mark.parametrize("as_given", [dict, symbolic], ids=["arrays", "symbolic"])
@pytest.mark.parametrize("name", ["FeedForward", "Maxout"])
def test_one_vector_alone_is_refused(name, as_given):
    layer = LAYERS[name][0]()
    for _ in ("not built yet", "built"):
        with pytest.raises(ValueError, match="`inputs` must be of shape .*T, D"):
            call(layer, as_given({"inputs": X[0, 0]}))
    for shape in ((T, D), (B, 2, T, D)):
        found = call(layer, as_given({"inputs": np.zeros(shape, "float32")}))
        assert found.shape[:-1] == shape[:-1]


@pytest.mark.parametrize("is_built", [False, True])
def test_a_list_is_no_query_of_heads(is_built):
    layer = layers.MultiHeadAttention(H, K)
    if is_built:
        layer(X, MEMORY)
    for both in ([X, MEMORY], [keras.KerasTensor(x.shape) for x in (X, MEMORY)], [X, X]):
        with pytest.raises(ValueError, match="`query` must be one tensor"):
            layer(both)


@pytest.mark.parametrize("name", ["cross-attention", "AdditiveAttention", "local"])
def test_masks_may_be_nested_lists(name):
    layer = LAYERS[name][0]()
    for argument, shape in {
        "query_mask": (B, T),
        "value_mask": (B, S),
        "attention_mask": (T, S),
    }.items():
        mask = RNG.integers(0, 2, shape).astype(bool)
        found, expected = (call(layer, SOURCE, **{argument: m}) for m in (mask.tolist(), mask))
        np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))


WRONG_MASKS = {
    "query_mask": [np.ones((B,), bool), np.ones((B, S), bool), np.ones((1, T), bool)],
    "value_mask": [np.ones((B, T), bool), np.ones((B, 1, S), bool)],
    "attention_mask": [np.ones((B, S), bool), np.ones((S, T), bool), np.ones((1, B, T, S), bool)],
}


@pytest.mark.parametrize("as_given", [dict, symbolic], ids=["arrays", "symbolic"])
@pytest.mark.parametrize("name", ["cross-attention", "AdditiveAttention", "local"])
def test_a_mask_of_another_shape_is_refused(name, as_given):
    layer = LAYERS[name][0]()
    for argument, arrays in WRONG_MASKS.items():
        for mask in arrays:
            with pytest.raises(ValueError, match=f"`{argument}` must be of shape"):
                call(layer, as_given({**SOURCE, argument: mask}))
    with pytest.raises(ValueError, match="`key` must be .* must be equal"):
        call(layer, as_given({**SOURCE, "key": MEMORY[:, 1:]}))


def test_blocks_and_decoders_name_the_argument():
    encoder, block = layers.TransformerEncoder(14, H), layers.TransformerDecoder(14, H)
    with pytest.raises(ValueError, match=r"`padding_mask` must be of shape \(B, T\)"):
        encoder(X, padding_mask=np.ones((B, S), bool))
    memory = floats(B, S, D)
    with pytest.raises(ValueError, match=r"`encoder_padding_mask` must be of shape \(B, S\)"):
        block(X, memory, encoder_padding_mask=np.ones((B, T), bool))
    alone = layers.TransformerDecoder(14, H)
    alone(X)
    with pytest.raises(ValueError, match="built without cross-attention"):
        alone(X, memory)
    with pytest.raises(ValueError, match=r'`self_attention_cache` must be a dict of "key" and'):
        alone(
            X, self_attention_cache=np.zeros((B, 2, T, H, 6)), self_attention_cache_update_index=0
        )
    recurrent = LAYERS["RecurrentDecoder"][0]()
    with pytest.raises(ValueError, match=r"`value_mask` must be of shape \(B, S\)"):
        recurrent(X, MEMORY, value_mask=np.ones((B, T), bool))


def test_positions_must_fit_the_tokens():
    for layer in (layers.PositionEmbedding(9), layers.SinusoidalPositionEncoding()):
        with pytest.raises(ValueError, match="`start_index` must be an integer or a scalar"):
            layer(floats(T, T, D), start_index=np.arange(T))
        for positions in (np.zeros((T, 1)), np.zeros((2, T)), np.zeros(1), np.zeros((B, S))):
            with pytest.raises(ValueError, match="`positions` must be one for each token"):
                layer(X, positions=positions.astype("int32"))
        rows = layer(X, positions=np.array([[4, 1, 0, 2, 3]] * B, "int32"))
        np.testing.assert_array_equal(to_numpy(rows)[1], to_numpy(layer(X))[1][[4, 1, 0, 2, 3]])


def test_more_axes_before_the_last_are_kept_where_they_mean_something():
    x = floats(2, 3, 4, D)
    for layer in (layers.FeedForward(14, output_dim=9), layers.Maxout(9)):
        every = to_numpy(layer(x))
        assert every.shape == (2, 3, 4, 9)
        np.testing.assert_allclose(every[:, 1], to_numpy(layer(x[:, 1])), atol=1e-5)


SIZES = [(0, T, S), (B, 0, S), (B, T, 0), (0, 0, 0)]


def cut(inputs, batch_size, length, source_length):
    """The inputs in other sizes. Their second axis is T where they come first, else S."""
    lengths = [length, *[source_length] * (len(inputs) - 1)]
    return {n: x[:batch_size, :m] for (n, x), m in zip(inputs.items(), lengths, strict=True)}


@pytest.mark.parametrize("name", LAYERS)
def test_sizes_of_0_keep_the_other_sizes(name):
    make, inputs = LAYERS[name]
    layer = make()
    shape = first_of(call(layer, inputs)).shape
    for batch_size, length, source_length in SIZES:
        found = first_of(call(layer, cut(inputs, batch_size, length, source_length)))
        assert tuple(found.shape) == (batch_size, length, *shape[2:])
        assert np.isfinite(to_numpy(found)).all()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="shapes are static on JAX")
@pytest.mark.parametrize(
    "name",
    [
        # The two decoders derive from `RecurrentDecoder`, and are the dearest to trace.
        pytest.param(name, marks=pytest.mark.slow if name in DERIVED else ())
        for name in sorted(set(LAYERS) - {"Dropout", "SinusoidalPositionEncoding"})
    ],
)
def test_sizes_of_0_in_a_graph_that_trains(name):
    """As in a replica that gets no rows."""
    import tensorflow as tf

    make, inputs = LAYERS[name]
    layer = make()
    takes_training = "training" in inspect.signature(layer.call).parameters
    options = {"training": True} if takes_training else {}
    shape = first_of(call(layer, inputs)).shape
    signature = [
        tf.TensorSpec((None, None, *x.shape[2:]), tf.as_dtype(x.dtype)) for x in inputs.values()
    ]

    @tf.function(input_signature=signature, autograph=False)
    def train(*arrays):
        with tf.GradientTape() as tape:
            outputs = call(layer, dict(zip(inputs, arrays, strict=True)), **options)
            output = first_of(outputs)
            loss = tf.reduce_sum(output**2)
        return output, tape.gradient(loss, layer.trainable_variables)

    for batch_size, length, source_length in SIZES:
        arrays = cut(inputs, batch_size, length, source_length).values()
        output, gradients = train(*arrays)
        assert tuple(output.shape) == (batch_size, length, *shape[2:])
        for gradient in gradients:
            assert np.isfinite(tf.convert_to_tensor(gradient)).all()
            if 0 in (batch_size, length):  # of no output there is nothing to learn
                assert not np.any(tf.convert_to_tensor(gradient))
    output, gradients = train(*inputs.values())  # the same graph, over something
    np.testing.assert_allclose(first_of(call(layer, inputs)), output, atol=1e-5)
    assert all(np.any(tf.convert_to_tensor(gradient)) for gradient in gradients)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="shapes are static on JAX")
def test_the_summary_of_no_token_in_a_graph_that_trains():
    import tensorflow as tf

    layer = layers.RecurrentEncoder(4)
    layer(X)

    @tf.function(input_signature=[tf.TensorSpec((None, None, D))], autograph=False)
    def train(inputs):
        with tf.GradientTape() as tape:
            annotations, summary = layer(inputs, training=True)
            loss = tf.reduce_sum(annotations) + tf.reduce_sum(summary)
        return annotations, summary, tape.gradient(loss, layer.trainable_variables)

    annotations, summary, gradients = train(X[:, :0])
    assert annotations.shape == (B, 0, 8)
    np.testing.assert_array_equal(summary, np.zeros((B, 8)))  # the state before the first token
    assert not any(np.any(gradient) for gradient in gradients)
    for found, expected in zip(train(X)[:2], layer(X), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_masked_positions_of_empty_rows():
    layer = layers.MaskedLMHead(vocabulary_size=11)
    positions = np.array([[0, 2, 4]] * B)
    expected = to_numpy(layer(np.zeros_like(X), positions))
    np.testing.assert_allclose(to_numpy(layer(X[:, :0], positions)), expected, atol=1e-6)
    assert layer(X[:0], positions[:0]).shape == (0, 3, 11)
    assert layer(X[:, :0], positions[:, :0]).shape == (B, 0, 11)
    embedded = keras.layers.Embedding(5, D, mask_zero=True)(np.array([[3, 0, 1], [2, 2, 2]]))
    assert masks.implicit_mask(layer(embedded, positions[:2, :2])).shape == (2, 2)
    found = masks.implicit_mask(layer(embedded, np.array([[0, 1, 9], [-1, 1, 2]])))
    np.testing.assert_array_equal(to_numpy(found), [[1, 0, 1], [1, 1, 1]])
    if BACKEND == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None, D)), tf.TensorSpec((None, None), tf.int32)]
        graph = tf.function(layer, input_signature=signature)
        np.testing.assert_allclose(graph(X[:, :0], positions), expected, atol=1e-6)
        np.testing.assert_allclose(graph(X, positions), layer(X, positions), atol=1e-6)


def test_attention_to_no_key_at_all_yields_zeros():
    layer = layers.MultiHeadAttention(H, K, bias_initializer="ones")
    assert to_numpy(layer(X, MEMORY)).any()
    assert not to_numpy(layer(X, MEMORY[:, :0])).any()
    memory = layer.project(ops.convert_to_tensor(MEMORY[:, :0]))
    assert not to_numpy(layer.cross_step(ops.convert_to_tensor(X), memory)[0]).any()


def stock_like(layer, **options):
    """A stock `MultiHeadAttention` with the weights of ours, for (B, T, D) and (B, S, DV)."""
    stock = keras.layers.MultiHeadAttention(H, K, **options)
    stock.build((None, None, D), (None, None, DV))
    weights = dict(zip([w.name for w in layer.weights], layer.get_weights(), strict=True))
    key, value = np.split(weights["key_value_kernel"], 2, axis=1)
    key_bias, value_bias = np.split(weights["key_value_bias"], 2)
    stock.set_weights(
        [
            weights["query_kernel"].reshape(D, H, K),
            weights["query_bias"].reshape(H, K),
            key.reshape(DV, H, K),
            key_bias.reshape(H, K),
            value.reshape(DV, H, K),
            value_bias.reshape(H, K),
            weights["output_kernel"].reshape(H, K, D),
            weights["output_bias"],
        ]
    )
    return stock


@functools.cache
def pair(**options):
    """Our layer and the stock one of the same weights; no test changes them."""
    keras.utils.set_random_seed(2)
    ours = layers.MultiHeadAttention(H, K, bias_initializer="normal", **options)
    ours.build((None, None, D), (None, None, DV))
    return ours, stock_like(ours, **options)


@settings(max_examples=examples(16))
@given(
    shape=st.sampled_from(
        [(T, S), (1, S), (B, T, S), (B, 1, S), (1, T, S), (B, H, T, S), (1, H, T, S), (B, 1, T, S)]
    ),
    with_value_mask=st.booleans(),
    causal=st.booleans(),
    seed=st.integers(0, 99),
)
def test_an_attention_mask_means_what_it_means_in_keras(shape, with_value_mask, causal, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.6
    mask[..., 0] = True  # a row with nothing yields zeros here, and a mean there
    options = {"use_causal_mask": causal, "return_attention_scores": True}
    ours, stock = pair()
    value_mask = None
    stock_mask = mask
    if with_value_mask:  # the stock layer fails if one has no axis of heads, and the other has
        value_mask = np.arange(S) < np.array([[4], [7], [1]])
        own = value_mask[:, None] if mask.ndim < 4 else value_mask[:, None, None]
        stock_mask = mask & own
    found = ours(X, MEMORY, value_mask=value_mask, attention_mask=mask, **options)
    expected = stock(X, MEMORY, attention_mask=stock_mask, **options)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(one), to_numpy(other), atol=1e-5)


def test_heads_and_rows_are_told_apart_in_masks():
    """(B, S) and (H, T, S) masks with B = H: what broadcasts by accident gives another answer."""
    x, memory = X[:H], MEMORY[:H]
    per_head = RNG.random((1, H, T, S)) < 0.5
    per_head[..., 0] = True
    value_mask = np.arange(S) < np.array([[3], [6]])
    layer = layers.MultiHeadAttention(H, K)
    options = dict(return_attention_scores=True, attention_mask=per_head)
    _, scores = layer(x, memory, value_mask=value_mask, **options)
    seen = to_numpy(scores) > 0
    np.testing.assert_array_equal(seen, per_head & value_mask[:, None, None])
    combined = masks.attention_mask(None, value_mask, None, per_head)
    np.testing.assert_array_equal(to_numpy(combined), seen)


@settings(max_examples=examples(8))
@given(window=st.integers(1, 8), causal=st.booleans(), seed=st.integers(0, 9))
def test_sliding_window_means_what_it_means_in_keras(window, causal, seed):
    query = np.random.default_rng(seed).normal(size=(B, S + 2, D)).astype("float32")
    ours, stock = pair(sliding_window=window)
    output, scores = ours(query, MEMORY, use_causal_mask=causal, return_attention_scores=True)
    expected, stock_scores = stock(
        query, MEMORY, use_causal_mask=causal, return_attention_scores=True
    )
    seen = np.arange(S + 2) < S - 1 + window  # later queries see no key: zeros here, a mean there
    np.testing.assert_allclose(
        to_numpy(scores)[:, :, seen], to_numpy(stock_scores)[:, :, seen], atol=1e-5
    )
    np.testing.assert_allclose(to_numpy(output)[:, seen], to_numpy(expected)[:, seen], atol=1e-5)
    assert not to_numpy(output)[:, ~seen].any()
    assert not to_numpy(scores)[:, :, ~seen].any()


@settings(max_examples=examples(6))
@given(window=st.integers(1, 6), first=st.integers(1, 4))
def test_a_window_is_the_same_in_calls_and_in_steps(window, first):
    keras.utils.set_random_seed(4)
    block = layers.TransformerDecoder(14, H, sliding_window=window)
    memory = floats(B, S, D)
    expected = to_numpy(block(X, memory))
    assert block.cross_attention.sliding_window is None
    cache, projected = block.empty_cache(B, T), block.project_encoder(memory)
    found, t = [], 0
    for length in (first, *[1] * (T - first)):  # several positions at once, then one by one
        x = ops.convert_to_tensor(X[:, t : t + length])
        slots = cache_slots(cache, t, length=length)
        output, _, cache = block.step(x, cache, slots, projected)
        found.append(to_numpy(output))
        t += length
    np.testing.assert_allclose(np.concatenate(found, 1), expected, atol=1e-5)


def test_a_window_is_a_positive_integer():
    for window in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="`sliding_window` must be a positive integer"):
            layers.MultiHeadAttention(H, K, sliding_window=window)
