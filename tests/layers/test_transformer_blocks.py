"""What TransformerEncoder and TransformerDecoder promise beside the contract."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers import MultiHeadAttention, TransformerDecoder, TransformerEncoder
from keras_attention.layers.attention_cache import cache_slots
from keras_attention.layers.require_decoder_arguments import require_decoder_arguments
from tests.backend import to_numpy

B, T, S, D, F, H = 3, 5, 7, 12, 14, 2
RNG = np.random.default_rng(5)
X = RNG.normal(size=(B, T, D)).astype("float32")
MEMORY = RNG.normal(size=(B, S, D)).astype("float32")
X_MASK = np.arange(T) < np.array([[5], [2], [3]])
MEMORY_MASK = np.arange(S) < np.array([[4], [7], [1]])
both_norms = pytest.mark.parametrize("normalize_first", [False, True], ids=["post", "pre"])


def noise_at_padding(x, mask):
    return np.where(mask[..., None], x, RNG.normal(scale=9, size=x.shape)).astype("float32")


@both_norms
def test_padding_changes_nothing_in_the_encoder(normalize_first):
    block = TransformerEncoder(F, H, normalize_first=normalize_first)
    expected = to_numpy(block(X, padding_mask=X_MASK))
    noisy = to_numpy(block(noise_at_padding(X, X_MASK), padding_mask=X_MASK))
    np.testing.assert_allclose(noisy[X_MASK], expected[X_MASK], atol=1e-5)
    alone = to_numpy(block(X[1:2, :2]))  # the second row without its padding
    np.testing.assert_allclose(alone[0], expected[1, :2], atol=1e-5)


@both_norms
def test_padding_changes_nothing_in_the_decoder(normalize_first):
    block = TransformerDecoder(F, H, normalize_first=normalize_first)
    arguments = dict(decoder_padding_mask=X_MASK, encoder_padding_mask=MEMORY_MASK)
    expected = to_numpy(block(X, MEMORY, **arguments))
    noisy = noise_at_padding(X, X_MASK), noise_at_padding(MEMORY, MEMORY_MASK)
    found = to_numpy(block(*noisy, **arguments))
    np.testing.assert_allclose(found[X_MASK], expected[X_MASK], atol=1e-5)
    alone = to_numpy(block(X[2:, :3], MEMORY[2:, :1]))
    np.testing.assert_allclose(alone[0], expected[2, :3], atol=1e-5)


@both_norms
@pytest.mark.parametrize("queries_per_source", [1, 3])
def test_one_position_without_its_axis(normalize_first, queries_per_source):
    block = TransformerDecoder(F, H, normalize_first=normalize_first)
    block(X, MEMORY)
    sources = B // queries_per_source
    memory = block.project_encoder(MEMORY[:sources])
    cache = block.empty_cache(B, T)
    x = ops.convert_to_tensor(X)
    for index in range(T):
        arguments = dict(
            encoder_padding_mask=MEMORY_MASK[:sources],
            queries_per_source=queries_per_source,
            return_attention_scores=True,
        )
        slots = cache_slots(cache, index)
        expected, expected_scores, expected_cache = to_numpy(
            block.step(x[:, index : index + 1], cache, slots, memory, **arguments)
        )
        found, scores, cache = block.step(x[:, index], cache, slots, memory, **arguments)
        assert found.shape == (B, D) and scores["cross_attention"].shape == (B, H, 1, S)
        np.testing.assert_allclose(to_numpy(found), expected[:, 0], atol=1e-5)
        for name in ("self_attention", "cross_attention"):
            np.testing.assert_allclose(to_numpy(scores[name]), expected_scores[name], atol=1e-6)
        for name in ("key", "value"):
            np.testing.assert_allclose(to_numpy(cache[name]), expected_cache[name], atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 4])
def test_rows_that_share_a_source_are_rows_with_copies_of_it(length):
    """Of several positions at once too."""
    block = TransformerDecoder(F, H)
    block(X, MEMORY)
    rows = np.repeat(np.arange(2), 3)  # three hypotheses for each of two sentences
    x = ops.convert_to_tensor(RNG.normal(size=(6, length, D)).astype("float32"))
    cache = block.empty_cache(6, T)
    slots = cache_slots(cache, 0, length)
    mask = MEMORY_MASK[:2]
    arguments = dict(queries_per_source=3, return_attention_scores=True)
    found, scores, _ = block.step(
        x, cache, slots, block.project_encoder(MEMORY[:2]), mask, **arguments
    )
    arguments["queries_per_source"] = 1
    expected, expected_scores, _ = block.step(
        x, cache, slots, block.project_encoder(MEMORY[rows]), mask[rows], **arguments
    )
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), atol=1e-5)
    for name, tensor in expected_scores.items():
        np.testing.assert_allclose(to_numpy(scores[name]), to_numpy(tensor), atol=1e-6)


@both_norms
def test_the_decoder_sees_no_later_token(normalize_first):
    block = TransformerDecoder(F, H, normalize_first=normalize_first)
    expected = to_numpy(block(X, MEMORY))
    changed = X.copy()
    changed[:, 3:] += 1
    np.testing.assert_allclose(to_numpy(block(changed, MEMORY))[:, :3], expected[:, :3], atol=1e-6)
    assert (
        np.abs(
            to_numpy(block(changed, MEMORY, use_causal_mask=False))[:, :3] - expected[:, :3]
        ).max()
        > 1e-3
    )


@both_norms
def test_decoding_with_caches_is_the_block_at_once(normalize_first):
    block = TransformerDecoder(F, H, normalize_first=normalize_first)
    expected, own, cross = to_numpy(
        block(X, MEMORY, encoder_padding_mask=MEMORY_MASK, return_attention_scores=True)
    )
    cache, memory = block.empty_cache(B, T + 2), block.project_encoder(MEMORY)
    for t in range(T):
        output, step_own, step_cross, cache = block(
            X[:, t : t + 1],
            encoder_padding_mask=MEMORY_MASK,
            self_attention_cache=cache,
            self_attention_cache_update_index=t,
            cross_attention_cache=memory,
            return_attention_scores=True,
        )
        np.testing.assert_allclose(to_numpy(output)[:, 0], expected[:, t], atol=1e-5)
        np.testing.assert_allclose(to_numpy(step_own)[:, :, 0, :T], own[:, :, t], atol=1e-5)
        np.testing.assert_allclose(to_numpy(step_cross)[:, :, 0], cross[:, :, t], atol=1e-5)


def test_a_decoder_row_without_a_source_is_that_of_a_decoder_alone():
    """Attention to nothing adds nothing: the residual is all that is left (pre-norm)."""
    block = TransformerDecoder(F, H, normalize_first=True, attention_bias=False)
    nothing = np.zeros((B, S), bool)
    found = to_numpy(block(X, MEMORY, encoder_padding_mask=nothing))
    alone = TransformerDecoder(F, H, normalize_first=True, attention_bias=False)
    alone(X)
    for name in ("self_attention", "self_attention_normalization", "feed_forward"):
        getattr(alone, name).set_weights(getattr(block, name).get_weights())
    np.testing.assert_allclose(found, to_numpy(alone(X)), atol=1e-5)


def test_the_mask_of_a_stock_embedding_is_taken():
    ids = np.array([[4, 5, 0, 0], [6, 7, 8, 0]])
    x = keras.layers.Embedding(9, D, mask_zero=True)(ids)
    block = TransformerEncoder(F, H)
    explicit = to_numpy(block(to_numpy(x), padding_mask=ids != 0))
    # The stock mask covers queries too, so rows of padding differ; those of tokens do not.
    np.testing.assert_allclose(to_numpy(block(x))[ids != 0], explicit[ids != 0], atol=1e-5)


def test_a_subclass_may_replace_each_part():
    made = []

    class Custom(TransformerEncoder):
        def make_attention(self, hidden_dim, name):
            made.append((name, hidden_dim))
            return MultiHeadAttention(num_heads=3, key_dim=2, name=name)

        def make_feed_forward(self, hidden_dim, name):
            made.append((name, hidden_dim))
            return keras.layers.Dense(hidden_dim, use_bias=False, name=name)

        def make_normalization(self, name):
            made.append(name)
            return keras.layers.RMSNormalization(name=name)

    block = Custom(F, H)
    _, scores = block(X, return_attention_scores=True)
    assert scores.shape == (B, 3, T, T)
    assert block.feed_forward.kernel.shape == (D, D)
    assert sorted(map(str, made)) == [
        *("('feed_forward', 12)", "('self_attention', 12)"),
        *("feed_forward_normalization", "self_attention_normalization"),
    ]


@keras.saving.register_keras_serializable(package="tests")
class NearbyAttention(MultiHeadAttention):
    """Scores that fall with the distance (as Press et al. 2022 do)."""

    def score(self, query, key, query_positions, key_positions):
        distance = ops.expand_dims(query_positions, -1) - ops.expand_dims(key_positions, -2)
        distance = ops.cast(ops.abs(distance), query.dtype)  # (T, S) or (B, T, S)
        if len(distance.shape) == 3:
            distance = ops.expand_dims(distance, 1)
        return super().score(query, key, query_positions, key_positions) - distance


@keras.saving.register_keras_serializable(package="tests")
class NearbyDecoder(TransformerDecoder):
    def make_attention(self, hidden_dim, name):
        if name == "cross_attention":
            return super().make_attention(hidden_dim, name)
        return NearbyAttention(num_heads=self.num_heads, key_dim=5, name=name)


def test_an_attention_of_ones_own_trains_decodes_and_is_saved(tmp_path):
    block = NearbyDecoder(F, H)
    inputs = [keras.Input((None, D)), keras.Input((None, D))]
    model = keras.Model(inputs, block(*inputs))
    assert isinstance(block.self_attention, NearbyAttention)
    assert not isinstance(block.cross_attention, NearbyAttention)
    before = block.self_attention.get_weights()[0]
    model.compile("adam", "mse")
    model.fit([X, MEMORY], X, verbose=0)
    assert np.abs(block.self_attention.get_weights()[0] - before).max() > 0
    expected = to_numpy(block(X, MEMORY))
    assert block.self_attention.output_kernel.shape == (H * 5, D)
    cache, memory = block.empty_cache(B, T), block.project_encoder(MEMORY)
    for t in range(T):
        output, cache = block(
            X[:, t : t + 1],
            self_attention_cache=cache,
            self_attention_cache_update_index=t,
            cross_attention_cache=memory,
        )
        np.testing.assert_allclose(to_numpy(output)[:, 0], expected[:, t], atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(loaded([X, MEMORY])), expected, atol=1e-6)


def test_dropout_on_sublayers_only_while_training():
    block = TransformerDecoder(F, H, dropout=0.5)
    calm = to_numpy(block(X, MEMORY))
    np.testing.assert_array_equal(to_numpy(block(X, MEMORY, training=False)), calm)
    assert np.abs(to_numpy(block(X, MEMORY, training=True)) - calm).max() > 1e-2


def test_each_block_draws_weights_of_its_own():
    initializer = keras.initializers.GlorotUniform(seed=None)
    block = TransformerDecoder(F, H, kernel_initializer=initializer)
    block(X, MEMORY)
    own, cross = block.self_attention.output_kernel, block.cross_attention.output_kernel
    assert np.abs(to_numpy(own) - to_numpy(cross)).max() > 1e-2


def test_calls_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="`num_heads` must be a divisor of the input's width"):
        TransformerEncoder(F, 5)(X)
    with pytest.raises(ValueError, match="`intermediate_dim` must be a positive integer"):
        TransformerEncoder(-1, H)
    with pytest.raises(ValueError, match="`dropout` must be"):
        TransformerDecoder(F, H, dropout=1.5)
    block = TransformerDecoder(F, H)
    block(X, MEMORY)
    with pytest.raises(ValueError, match="`encoder_sequence` must be given"):
        block(ops.convert_to_tensor(X))
    with pytest.raises(ValueError, match="`self_attention_cache_update_index` must be given toget"):
        block(X, MEMORY, self_attention_cache=block.empty_cache(B, T))


def test_the_dropout_of_attention_may_be_another():
    block = TransformerEncoder(F, H, dropout=0.1, attention_dropout=0.0)
    block.build(X.shape)
    assert block.self_attention.dropout == 0.0
    assert block.self_attention_dropout.rate == block.feed_forward_dropout.rate == 0.1
    block = TransformerDecoder(F, H, dropout=0.2)
    block.build(X.shape, MEMORY.shape)
    assert block.self_attention.dropout == block.cross_attention.dropout == 0.2
    with pytest.raises(ValueError, match="`attention_dropout` must be a number in"):
        TransformerEncoder(F, H, attention_dropout=1.0)
    with pytest.raises(ValueError, match="`key_dim` must be a positive integer"):
        TransformerEncoder(F, H, key_dim=0)


def test_the_arguments_of_a_decoder_call_are_listed_once():
    """What is checked by name is an argument of the call, and every tensor of it is checked."""

    class Noting(dict):
        def get(self, name, default=None):
            self.setdefault("noted", set()).add(name)
            return super().get(name, default)

    block = TransformerDecoder(F, H)
    block(X, MEMORY)
    noting = Noting(decoder_sequence=X, encoder_sequence=MEMORY)
    require_decoder_arguments(block, noting)
    parameters = set(inspect.signature(block.call).parameters)
    # `mask` is what Keras hands over of the target's mask: it is checked as decoder_padding_mask.
    options = {"use_causal_mask", "return_attention_scores", "training", "mask"}
    assert noting["noted"] | {"decoder_sequence"} == parameters - options


@pytest.mark.parametrize("symbolic", [False, True])
def test_every_mask_of_a_decoder_call_is_checked(symbolic):
    block = TransformerDecoder(F, H)
    block(X, MEMORY)
    x, memory = (keras.Input(a.shape[1:]) for a in (X, MEMORY)) if symbolic else (X, MEMORY)
    masks = [name for name in inspect.signature(block.call).parameters if name.endswith("_mask")]
    for name in masks:
        if name != "use_causal_mask":
            wrong = np.ones((B, T + S, T + S), bool)
            wrong = wrong[..., 0] if "padding" in name else wrong
            with pytest.raises(ValueError, match=f"`{name}` must be of shape"):
                block(x, memory, **{name: keras.Input(wrong.shape[1:]) if symbolic else wrong})
