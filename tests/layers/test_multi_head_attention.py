import functools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops, tree

from keras_attention import masks
from keras_attention.layers import MultiHeadAttention
from keras_attention.layers.attention_cache import cache_slots
from tests.backend import to_numpy

B, T, S, D, DV, H, K = 3, 5, 7, 12, 10, 2, 4
RNG = np.random.default_rng(3)
X = RNG.normal(size=(B, T, D)).astype("float32")
MEMORY = RNG.normal(size=(B, S, DV)).astype("float32")


def by_the_paper(query, value, weights, mask):
    """Multi-head attention in NumPy, head by head (Vaswani et al. 2017, section 3.2.2)."""
    wq, bq, wk, bk, wv, bv, wo, bo = weights
    heads, scores = [], []
    for h in range(H):
        part = slice(h * K, (h + 1) * K)
        q = query @ wq[:, part] + bq[part]
        k = value @ wk[:, part] + bk[part]
        v = value @ wv[:, part] + bv[part]
        logits = np.einsum("btk,bsk->bts", q, k) / np.sqrt(K)
        logits = np.where(mask, logits, -np.inf)
        largest = logits.max(-1, keepdims=True)
        weight = np.exp(logits - np.where(np.isfinite(largest), largest, 0))
        total = weight.sum(-1, keepdims=True)
        weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
        scores.append(weight)
        heads.append(weight @ v)
    output = np.concatenate(heads, -1) @ wo + bo
    return output * mask.any(-1, keepdims=True), np.stack(scores, 1)


def random_weights(value_width, seed=0):
    rng = np.random.default_rng(seed)

    def matrix(*shape):
        return rng.normal(scale=0.4, size=shape).astype("float32")

    return [
        *(matrix(D, H * K), matrix(H * K)),
        *(matrix(value_width, H * K), matrix(H * K)),
        *(matrix(value_width, H * K), matrix(H * K)),
        *(matrix(H * K, D), matrix(D)),
    ]


def with_weights(weights, fused):
    """A layer with the weights of `by_the_paper`, stored as self- or as cross-attention."""
    wq, bq, wk, bk, wv, bv, wo, bo = weights
    layer = MultiHeadAttention(num_heads=H, key_dim=K)
    if fused:
        layer.build((None, None, D))
        parts = [np.concatenate([wq, wk, wv], 1), np.concatenate([bq, bk, bv])]
    else:
        layer.build((None, None, D), (None, None, wk.shape[0]))
        parts = [wq, bq, np.concatenate([wk, wv], 1), np.concatenate([bk, bv])]
    layer.set_weights([*parts, wo, bo])
    return layer


# Made when a test first asks: importing a module of tests runs no operation.
@functools.cache
def fused_layer():
    return with_weights(random_weights(D), fused=True)


@functools.cache
def separate_layer():
    return with_weights(random_weights(D), fused=False)


@functools.cache
def cross_layer():
    return with_weights(random_weights(DV, seed=1), fused=False)


lengths = st.lists(st.integers(0, T), min_size=B, max_size=B)


def token_mask(lengths, size=T):
    return np.arange(size) < np.array(lengths)[:, None]


@settings(max_examples=40)
@given(
    queries=st.none() | lengths,
    values=st.none() | lengths,
    causal=st.booleans(),
    pairs=st.none() | st.integers(0, 2**32 - 1),
    per_head=st.booleans(),
)
def test_self_attention_is_the_papers_under_every_mask(queries, values, causal, pairs, per_head):
    mask = np.ones((B, T, T), bool)
    arguments = {"use_causal_mask": causal}
    if queries is not None:
        arguments["query_mask"] = token_mask(queries)
        mask &= token_mask(queries)[:, :, None]
    if values is not None:
        arguments["value_mask"] = token_mask(values)
        mask &= token_mask(values)[:, None, :]
    if causal:
        mask &= np.tril(np.ones((T, T), bool))
    if pairs is not None:
        explicit = np.random.default_rng(pairs).random((B, T, T)) < 0.5
        mask &= explicit
        # Only a mask for each head has four axes; the same one for both heads changes nothing.
        if per_head and queries is None and values is None:
            explicit = np.stack([explicit] * H, 1)
        arguments["attention_mask"] = explicit
    output, scores = by_the_paper(X, X, random_weights(D), mask)
    for layer in (fused_layer(), separate_layer()):
        found, found_scores = to_numpy(layer(X, return_attention_scores=True, **arguments))
        np.testing.assert_allclose(found, output, atol=1e-5)
        np.testing.assert_allclose(found_scores, scores, atol=1e-5)
        np.testing.assert_allclose(to_numpy(layer(X, **arguments)), output, atol=1e-5)


@settings(max_examples=20)
@given(values=st.lists(st.integers(0, S), min_size=B, max_size=B))
def test_cross_attention_is_the_papers(values):
    mask = np.broadcast_to(token_mask(values, S)[:, None, :], (B, T, S))
    output, scores = by_the_paper(X, MEMORY, random_weights(DV, seed=1), mask)
    arguments = dict(value_mask=token_mask(values, S), return_attention_scores=True)
    found, found_scores = to_numpy(cross_layer()(X, MEMORY, **arguments))
    np.testing.assert_allclose(found, output, atol=1e-5)
    np.testing.assert_allclose(found_scores, scores, atol=1e-5)
    cached, cached_scores = to_numpy(
        cross_layer().cross_step(X, cross_layer().project(MEMORY), **arguments)
    )
    np.testing.assert_allclose(cached, output, atol=1e-5)
    np.testing.assert_allclose(cached_scores, scores, atol=1e-5)


@settings(max_examples=12)
@given(
    fused=st.booleans(),
    chunk=st.sampled_from([1, 2]),
    values=st.none() | lengths,
    pairs=st.none() | st.integers(0, 2**32 - 1),
)
def test_with_a_cache_step_by_step_is_causal_attention_at_once(fused, chunk, values, pairs):
    layer = fused_layer() if fused else separate_layer()
    length = 9  # longer than what is written
    value_mask = None if values is None else token_mask(values, length)
    explicit = None if pairs is None else np.random.default_rng(pairs).random((B, T, length)) < 0.5

    expected, scores = to_numpy(
        layer(
            X,
            use_causal_mask=True,
            value_mask=None if value_mask is None else value_mask[:, :T],
            attention_mask=None if explicit is None else explicit[:, :, :T],
            return_attention_scores=True,
        )
    )
    cache = layer.empty_cache(B, length)
    for start in range(0, T, chunk):
        rows = slice(start, min(start + chunk, T))
        slots = cache_slots(
            cache,
            start,
            length=rows.stop - start,
            padding_mask=value_mask,
            attention_mask=None if explicit is None else explicit[:, rows],
        )
        x = ops.convert_to_tensor(X[:, rows])
        output, part_scores, cache = layer.step(x, cache, slots, return_attention_scores=True)
        np.testing.assert_allclose(to_numpy(output), expected[:, rows], atol=1e-5)
        part_scores = to_numpy(part_scores)
        assert part_scores.shape == (B, H, rows.stop - start, length)
        np.testing.assert_allclose(part_scores[..., :T], scores[:, :, rows], atol=1e-5)
        assert not part_scores[..., rows.stop :].any()


def test_the_same_tensor_twice_is_self_attention():
    x = ops.convert_to_tensor(X)
    layer = MultiHeadAttention(num_heads=H, key_dim=K)
    twice = layer(x, x)
    assert [w.name for w in layer.weights] == [
        *("query_key_value_kernel", "query_key_value_bias"),
        *("output_kernel", "output_bias"),
    ]
    np.testing.assert_array_equal(to_numpy(twice), to_numpy(layer(x)))


def test_keys_may_differ_from_values():
    key = MEMORY[:, ::-1]
    output = to_numpy(cross_layer()(X, MEMORY, key=key.copy()))
    assert output.shape == (B, T, D)
    assert np.abs(output - to_numpy(cross_layer()(X, MEMORY))).max() > 1e-3
    both = to_numpy(cross_layer()(X, MEMORY, key=MEMORY.copy()))
    np.testing.assert_allclose(both, to_numpy(cross_layer()(X, MEMORY)), atol=1e-6)


def test_one_mask_a_head():
    mask = RNG.random((B, H, T, T)) < 0.6
    mask[0, 1, 2] = False  # one head of one query sees nothing, the other something
    output, scores = to_numpy(fused_layer()(X, attention_mask=mask, return_attention_scores=True))
    assert not scores[~mask].any()
    assert not scores[0, 1, 2].any()
    assert np.abs(output[0, 2]).max() > 0
    np.testing.assert_allclose(to_numpy(fused_layer()(X, attention_mask=mask)), output, atol=1e-6)


def test_masks_arrive_from_a_stock_layer_upstream():
    ids = np.array([[4, 5, 0, 0], [6, 0, 0, 0]])
    x = keras.layers.Embedding(9, D, mask_zero=True)(ids)
    masked = to_numpy(fused_layer()(x))
    # Rows of padding attend to nothing, as the mask is that of the queries too.
    explicit = to_numpy(fused_layer()(to_numpy(x), query_mask=ids != 0, value_mask=ids != 0))
    np.testing.assert_allclose(masked, explicit, atol=1e-6)


def test_dropout_drops_weights_only_while_training():
    keras.utils.set_random_seed(1)
    layer = MultiHeadAttention(num_heads=H, key_dim=K, dropout=0.5, seed=3)
    calm = to_numpy(layer(X))
    np.testing.assert_array_equal(calm, to_numpy(layer(X, training=False)))
    assert np.abs(to_numpy(layer(X, training=True)) - calm).max() > 1e-3
    again = MultiHeadAttention(num_heads=H, key_dim=K, dropout=0.5, seed=3)
    again(X)
    again.set_weights([w for w in layer.get_weights() if w.ndim and w.dtype == "float32"])
    keras.utils.set_random_seed(1)
    first = MultiHeadAttention.from_config(layer.get_config())
    first(X)
    first.set_weights(again.get_weights())
    np.testing.assert_array_equal(
        to_numpy(first(X, training=True)), to_numpy(again(X, training=True))
    )


def test_each_projection_is_initialised_as_a_matrix_of_its_own():
    layer = MultiHeadAttention(
        num_heads=4, key_dim=16, kernel_initializer=keras.initializers.GlorotUniform(seed=5)
    )
    layer.build((None, None, 64))
    query, key, value = np.split(to_numpy(layer.query_key_value_kernel), 3, axis=1)
    limit = np.sqrt(6 / (64 + 64))  # not that of one matrix of 64 x 192
    for part in (query, key, value):
        assert 0.95 * limit < np.abs(part).max() <= limit
    assert np.abs(query - key).max() > 0.01
    assert np.abs(key - value).max() > 0.01


def test_a_subclass_may_override_the_score():
    class Uniform(MultiHeadAttention):
        def score(self, query, key, query_positions, key_positions):
            return 0.0 * super().score(query, key, query_positions, key_positions)

    layer = Uniform(num_heads=H, key_dim=K)
    _, scores = to_numpy(layer(X, use_causal_mask=True, return_attention_scores=True))
    expected = np.tril(np.ones((T, T))) / np.arange(1, T + 1)[:, None]
    np.testing.assert_allclose(scores, np.broadcast_to(expected, (B, H, T, T)), atol=1e-6)


@pytest.mark.parametrize("queries_per_source", [1, 3])
@pytest.mark.parametrize("with_axis", [True, False])
def test_the_score_sees_positions(queries_per_source, with_axis):
    """Of rows that share a source too, each row's own."""
    seen = []

    class Watching(MultiHeadAttention):
        def score(self, query, key, query_positions, key_positions):
            seen.append((to_numpy(query_positions), to_numpy(key_positions)))
            assert query.shape[2] == query_positions.shape[-1]
            return super().score(query, key, query_positions, key_positions)

    layer = Watching(num_heads=H, key_dim=K)
    layer(X, MEMORY)
    np.testing.assert_array_equal(seen[0][0], np.arange(T))
    np.testing.assert_array_equal(seen[0][1], np.arange(S))
    length = 2 if with_axis else 1
    query = ops.convert_to_tensor(X[:, :2] if with_axis else X[:, 0])
    memory = layer.project(MEMORY[: B // queries_per_source])
    shared = np.arange(4, 4 + length, dtype="int32")
    own = RNG.integers(0, 9, (B, length)).astype("int32")
    for positions in (shared, own):
        layer.cross_step(query, memory, None, None, positions, queries_per_source)
    grouped = np.tile(shared, queries_per_source)
    np.testing.assert_array_equal(seen[1][0], grouped)
    np.testing.assert_array_equal(seen[2][0], own.reshape(-1, queries_per_source * length))


def test_against_keras_own_layer():
    stock = keras.layers.MultiHeadAttention(num_heads=H, key_dim=K)
    stock.build((None, None, D), (None, None, DV))
    stock.set_weights([RNG.normal(size=w.shape) for w in stock.get_weights()])
    query, query_bias, key, key_bias, value, value_bias, out, out_bias = stock.get_weights()
    ours = MultiHeadAttention(num_heads=H, key_dim=K)
    ours.build((None, None, D), (None, None, DV))

    def flat(kernel):
        return kernel.reshape(kernel.shape[0], -1)

    ours.set_weights(
        [
            *(flat(query), query_bias.reshape(-1)),
            np.concatenate([flat(key), flat(value)], 1),
            np.concatenate([key_bias.reshape(-1), value_bias.reshape(-1)]),
            *(out.reshape(-1, D), out_bias),
        ]
    )
    mask = RNG.random((B, T, S)) < 0.7
    mask[:, :, 0] = True  # a row that attends to nothing is uniform in the stock layer
    expected = stock(X, MEMORY, attention_mask=mask, return_attention_scores=True)
    found = ours(X, MEMORY, attention_mask=mask, return_attention_scores=True)
    for a, b in zip(to_numpy(found), to_numpy(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("value_dim", [None, 3])
def test_one_position_without_its_axis(value_dim):
    layer = MultiHeadAttention(num_heads=H, key_dim=K, value_dim=value_dim)
    layer(X)
    cache = shared = layer.empty_cache(B, T)
    x = ops.convert_to_tensor(X)
    for index in range(T):
        slots = cache_slots(cache, index)
        expected = layer.step(x[:, index : index + 1], cache, slots, return_attention_scores=True)
        found = layer.step(x[:, index], shared, slots, return_attention_scores=True)
        cache, shared = expected[2], found[2]
        assert found[0].shape == (B, D)
        np.testing.assert_allclose(
            to_numpy(found[0]), to_numpy(expected[0])[:, 0], atol=1e-6, rtol=1e-5
        )
        for a, b in zip(to_numpy(found[1:]), to_numpy(expected[1:]), strict=True):
            for c, d in zip(tree.flatten(a), tree.flatten(b), strict=True):
                np.testing.assert_allclose(c, d, atol=1e-6, rtol=1e-5)


def test_one_position_without_its_axis_may_attend_to_nothing():
    layer = MultiHeadAttention(num_heads=H, key_dim=K)
    layer(X, MEMORY)
    mask = np.ones((B, S), bool)
    mask[0] = False
    memory = layer.project(MEMORY)
    found = to_numpy(layer.cross_step(X[:, 0], memory, value_mask=mask)[0])
    expected = to_numpy(layer.cross_step(X[:, :1], memory, value_mask=mask)[0])
    np.testing.assert_allclose(found, expected[:, 0], atol=1e-6)
    assert (found[0] == 0).all() and (found[1:] != 0).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(num_heads=0, key_dim=4), "`num_heads` must be a positive integer. Received: num_h"),
        (dict(num_heads=2, key_dim=1.5), "`key_dim` must be a positive integer"),
        (dict(num_heads=2, key_dim=4, value_dim=-1), "`value_dim` must be a positive integer"),
        (dict(num_heads=2, key_dim=4, output_dim=True), "`output_dim` must be a positive integer"),
        (dict(num_heads=2, key_dim=4, dropout=1.0), r"`dropout` must be .*\[0, 1\)"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(**arguments)


def test_large_logits_stay_finite_in_half_precision():
    layer = MultiHeadAttention(num_heads=1, key_dim=4, dtype="mixed_float16")
    x = 50 * X
    mask = np.zeros((B, T, T), bool)
    mask[:, :, 0] = True
    output, scores = to_numpy(layer(x, attention_mask=mask, return_attention_scores=True))
    assert np.isfinite(output).all()
    np.testing.assert_allclose(scores[..., 0], 1.0)
    assert masks.fill_value("float16") > -65504
