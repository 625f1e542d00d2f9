import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention.layers import MultiplicativeAttention
from tests.backend import gradients, to_numpy

B, T, S, D, U = 3, 7, 6, 4, 5
RNG = np.random.default_rng(3)
QUERY = RNG.normal(size=(B, T, D)).astype("float32")
VALUE = RNG.normal(size=(B, S, D)).astype("float32")
MASK = np.arange(S) < np.array([[6], [2], [4]])


def by_the_paper(layer, query, value, mask, window=None):
    """Sections 3.1 and 3.2 in NumPy, one pair of positions after the other."""
    weights = {w.name: to_numpy(w.value) for w in layer.weights}
    batch_size, target_length, source_length = len(query), query.shape[1], value.shape[1]
    alphas = np.zeros((batch_size, target_length, source_length))
    for b in range(batch_size):
        length = int(np.flatnonzero(mask[b])[-1]) + 1
        for t, h in enumerate(query[b]):
            scores, shares = [], []
            position = None
            if window is not None:  # equation 9
                inner = np.tanh(h @ weights["position_kernel"]) @ weights["position_vector"]
                position = length / (1 + np.exp(-inner[0]))
            seen = [
                s
                for s in range(source_length)
                if mask[b, s] and (window is None or abs(s - position) <= window)
            ]
            for s in seen:
                if layer.score_mode == "dot":
                    score = h @ value[b, s]
                elif layer.score_mode == "general":
                    score = value[b, s] @ weights["kernel"] @ h
                else:
                    both = h @ weights["query_kernel"] + value[b, s] @ weights["key_kernel"]
                    score = (np.tanh(both) @ weights["score_vector"])[0]
                scores.append(score * weights.get("score_scale", 1.0))
                sigma = None if window is None else window / 2
                shares.append(
                    1 if window is None else np.exp(-((s - position) ** 2) / 2 / sigma**2)
                )
            exponentials = np.exp(np.array(scores))
            alphas[b, t, seen] = exponentials / exponentials.sum() * shares  # equation 10
    return alphas @ value, alphas


@pytest.mark.parametrize("window", [None, 1, 2])
@pytest.mark.parametrize("score_mode", ["dot", "general", "concat"])
def test_equal_to_the_papers_formulas(score_mode, window):
    keras.utils.set_random_seed(1)
    units = U if score_mode == "concat" else None
    layer = MultiplicativeAttention(score_mode, units=units, window=window, scale=True)
    layer(QUERY, VALUE)
    layer.score_scale.assign(1.7)
    found = to_numpy(layer(QUERY, VALUE, value_mask=MASK, return_attention_scores=True))
    expected = by_the_paper(layer, QUERY, VALUE, MASK, window)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(1, 8), st.sampled_from(["dot", "general", "concat"]))
def test_weights_sum_to_one_and_padding_has_none(target_length, source_length, score_mode):
    rng = np.random.default_rng(target_length * 10 + source_length)
    query = rng.normal(size=(2, target_length, D)).astype("float32")
    value = rng.normal(size=(2, source_length, D)).astype("float32")
    mask = np.arange(source_length) < np.array([[source_length], [max(1, source_length // 2)]])
    layer = MultiplicativeAttention(
        score_mode, units=3 if score_mode == "concat" else None, chunk_size=2
    )
    _, alpha = to_numpy(layer(query, value, value_mask=mask, return_attention_scores=True))
    np.testing.assert_allclose(alpha.sum(-1), 1, atol=1e-5)
    assert not alpha[~np.broadcast_to(mask[:, None], alpha.shape)].any()


def test_concat_in_chunks_equals_all_at_once_and_so_do_the_gradients():
    layers = [MultiplicativeAttention("concat", units=U, chunk_size=size) for size in (2, 64)]
    for layer in layers:
        layer(QUERY, VALUE)
    layers[1].set_weights(layers[0].get_weights())

    def loss(layer):
        return keras.ops.sum(keras.ops.square(layer(QUERY, VALUE, value_mask=MASK)))

    np.testing.assert_allclose(*(to_numpy(loss(layer)) for layer in layers), rtol=1e-5)
    found = [gradients(lambda layer=layer: loss(layer), layer.weights) for layer in layers]
    for a, b in zip(*found, strict=True):
        assert np.abs(b).max() > 0
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_window_over_nothing_that_is_allowed_gives_zeros():
    layer = MultiplicativeAttention("dot", window=1)
    layer(QUERY, VALUE)
    layer.position_vector.assign(np.full((D, 1), 1e4))
    layer.position_kernel.assign(np.zeros((D, D)))
    # Every position is S / 2: what stands at both ends alone is out of reach.
    only_ends = np.zeros((B, 1, 6), bool)
    only_ends[:, :, [0, 5]] = True
    context, alpha = layer(QUERY, VALUE, attention_mask=only_ends, return_attention_scores=True)
    assert not to_numpy(context).any()
    assert not to_numpy(alpha).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(score_mode="location"), "`score_mode` must be one of"),
        (dict(score_mode="concat"), "`units` must be a positive integer"),
        (dict(window=0), "`window` must be a positive integer"),
        (dict(dropout=1), "`dropout` must be"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiplicativeAttention(**arguments)


def test_dot_needs_equal_widths():
    with pytest.raises(ValueError, match="`query` must be as wide as the keys"):
        MultiplicativeAttention("dot")(QUERY, VALUE[:, :, :3])
