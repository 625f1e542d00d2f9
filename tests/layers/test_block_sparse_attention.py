import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.layers import BlockSparseAttention
from keras_attention.layers.block_pattern import attended_blocks
from keras_attention.layers.random_block_plan import random_block_plan
from tests.backend import BACKEND, compiled, examples, gradients, largest_tensor, to_numpy
from tests.layers.dense_block_attention import dense_attention

B, D, H, K = 3, 6, 2, 4
SMALL = dict(num_heads=H, key_dim=K, block_size=4, max_sequence_length=80)


def make(**options):
    keras.utils.set_random_seed(3)
    layer = BlockSparseAttention(**{**SMALL, **options})
    layer.build((None, None, D))
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return layer


def inputs(length, seed=0, rows=B):
    return np.random.default_rng(seed).normal(size=(rows, length, D)).astype("float32")


def call(layer, x, mask=None, **options):
    """What the layer gives, as arrays; on JAX compiled as a whole, not operation by operation."""

    def function(x, mask):
        return layer(x, padding_mask=mask, **options)

    return to_numpy((compiled(function) if BACKEND == "jax" else function)(x, mask))


def until(lengths, length):
    return np.arange(length) < np.array(lengths)[:, None]


@settings(max_examples=examples(20))
@given(data=st.data())
def test_it_is_dense_attention_with_the_logarithm_of_how_often_each_pair_is_named(data):
    length = data.draw(st.integers(1, 80))
    layer = make(
        value_dim=data.draw(st.sampled_from([None, 3])),
        num_window_blocks=data.draw(st.sampled_from([1, 3, 5])),
        num_global_blocks=data.draw(st.sampled_from([2, 4])),
        num_random_blocks=data.draw(st.integers(0, 3)),
        random_blocks=data.draw(st.sampled_from(["original", "hugging_face"])),
        plan_seed=data.draw(st.integers(0, 9)),
    )
    x, mask = inputs(length), None
    kind = data.draw(st.sampled_from(["none", "lengths", "any"]))
    if kind == "lengths":
        lengths = data.draw(st.lists(st.integers(0, length), min_size=B, max_size=B))
        mask = until(lengths, length)
    elif kind == "any":
        mask = np.random.default_rng(data.draw(st.integers(0, 99))).random((B, length)) < 0.6
    expected = to_numpy(dense_attention(layer, x, mask))
    found = call(layer, x, mask, return_attention_scores=True)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)


@pytest.mark.parametrize(
    ("jit", "training"),
    [
        pytest.param(None, False, id="eager"),
        pytest.param(None, True, id="eager, training"),
        pytest.param(False, False, id="graph"),
        pytest.param(True, True, id="jit, training"),
        pytest.param(False, True, id="graph, training", marks=pytest.mark.slow),
        pytest.param(True, False, id="jit", marks=pytest.mark.slow),
    ],
)
def test_gradients_are_those_of_dense_attention(training, jit):
    if BACKEND == "jax" and jit is not None:
        pytest.skip("jax.grad of the eager call is compiled already")
    layer = make(block_size=2, num_random_blocks=2)
    length = 31
    x, mask = keras.Variable(inputs(length)), until([31, 17, 4], length)
    direction = np.random.default_rng(7).normal(size=(B, length, D)).astype("float32")

    def sparse():
        output = layer(ops.convert_to_tensor(x), padding_mask=mask, training=training)
        return ops.sum(output * direction)

    def dense():
        return ops.sum(dense_attention(layer, ops.convert_to_tensor(x), mask)[0] * direction)

    weights = [x, *layer.trainable_weights]
    expected = gradients(dense, weights)
    if jit is None:
        found = gradients(sparse, weights)
    else:
        import tensorflow as tf

        def take():
            with tf.GradientTape() as tape:
                loss = sparse()
            return tape.gradient(loss, [w.value for w in weights])

        found = to_numpy(compiled(take, jit)())
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-4)


def test_a_case_by_hand():
    """Equal scores: a weight is how often the pattern names the key, by how much it names."""
    layer = BlockSparseAttention(
        1, 8, block_size=1, num_random_blocks=2, random_blocks="hugging_face", use_bias=False
    )
    layer.build((None, None, 8))
    layer.query_key_value_kernel.assign(np.hstack([np.zeros((8, 16)), np.eye(8)]))
    layer.output_kernel.assign(np.eye(8))
    found = to_numpy(layer(np.eye(8, dtype="float32")[None]))[0]
    np.testing.assert_allclose(found[0], np.full(8, 1 / 8), atol=1e-6)
    np.testing.assert_allclose(found[1], np.array([3, 1, 1, 0, 0, 0, 0, 1]) / 6, atol=1e-6)
    np.testing.assert_allclose(found[3], np.array([3, 0, 1, 1, 1, 0, 0, 1]) / 7, atol=1e-6)
    np.testing.assert_allclose(found[6], np.array([3, 0, 0, 0, 0, 1, 1, 1]) / 6, atol=1e-6)
    np.testing.assert_allclose(found[7], np.full(8, 1 / 8), atol=1e-6)


def test_neither_padding_nor_neighbours_change_an_answer():
    layer, lengths = make(), [41, 9, 30]
    x, mask = inputs(41), until(lengths, 41)
    together = call(layer, x, mask)
    more = np.concatenate([np.where(mask[..., None], x, 9.0), inputs(30, seed=5)], axis=1)
    padded = call(layer, more, until(lengths, 71))
    for row, length in enumerate(lengths):
        alone = call(layer, x[row : row + 1, :length])[0]
        np.testing.assert_allclose(together[row, :length], alone, atol=1e-5)
        np.testing.assert_allclose(padded[row, :length], alone, atol=1e-5)
        assert not together[row, length:].any()


def test_the_last_global_block_is_the_rows_own():
    layer = make(num_random_blocks=0, num_window_blocks=1)
    x, mask = inputs(48), until([48, 30, 30], 48)
    scores = call(layer, x, mask, return_attention_scores=True)[1]
    seen = (scores[:, :, 8:12] > 0).any(axis=(1, 2))  # by the third of all blocks
    for row, last in enumerate((range(44, 48), range(28, 30), range(28, 30))):
        assert np.flatnonzero(seen[row]).tolist() == [*range(4), *range(8, 12), *last]


def test_nothing_grows_with_the_square_of_the_length():
    layer = make(num_random_blocks=1, block_size=2, max_sequence_length=256)
    sizes = []
    for length in (128, 256):
        x = inputs(length, rows=1)
        sizes.append(
            largest_tensor(lambda x=x: ops.sum(layer(x, training=True)), layer.trainable_weights)
        )
    assert sizes[1] <= 2.1 * sizes[0]
    assert sizes[1] < H * 256 * 256 / 8


@pytest.mark.skipif(BACKEND != "tensorflow", reason="unknown sizes are TensorFlow's")
def test_unknown_batches_and_lengths():
    import tensorflow as tf

    layer = make()
    signature = [tf.TensorSpec((None, None, D)), tf.TensorSpec((None, None), tf.bool)]
    function = tf.function(
        lambda x, mask: layer(x, padding_mask=mask), input_signature=signature, autograph=False
    )
    for rows, length in ((1, 1), (2, 16), (3, 50), (2, 0)):
        x, mask = inputs(length, rows=rows), until([length, length // 2, 0][:rows], length)
        expected = to_numpy(layer(x, padding_mask=mask))
        np.testing.assert_allclose(to_numpy(function(x, mask)), expected, atol=1e-5)


@pytest.mark.parametrize(("length", "pairs"), [(1024, 142), (2048, 302), (4096, 622)])
def test_how_many_pairs_of_blocks_attend(length, pairs):
    """The published sizes: blocks of 64 tokens, 3 random ones."""
    blocks = length // 64
    plan = random_block_plan("original", 1, length, 64, window=3, ends=1, count=3)
    counts = to_numpy(attended_blocks(np.array([blocks], "int32"), 1, blocks, 3, 1, plan)[1])
    seen = counts[0, 0].sum(axis=1)
    assert seen[1:-1].sum() + 2 * blocks == pairs
    assert seen[1] == seen[-2] == 7
    assert set(seen[2:-2]) == {8}


def test_a_plan_names_no_block_twice_where_it_may_choose():
    plan = random_block_plan("original", 3, 640, 32, window=3, ends=1, count=3, seed=4)
    assert plan.shape == (3, 20, 3)
    for head in plan:
        for row in range(1, 19):
            drawn = {*head[row]}
            assert len(drawn) == 3
            assert not drawn & {0, row - 1, row, row + 1}
            assert max(drawn) < 11  # of the first 2 R + 5 blocks
    assert (plan[0] != plan[1]).any()
    again = random_block_plan("original", 3, 640, 32, window=3, ends=1, count=3, seed=4)
    np.testing.assert_array_equal(plan, again)


def test_where_blocks_are_too_few_the_plan_names_none():
    plan = random_block_plan("original", 2, 24, 4, window=3, ends=1, count=3)
    assert plan.shape == (2, 6, 3)
    for head in plan:
        for row in range(1, 5):
            drawn = [block for block in head[row] if block < 6]
            assert not {*drawn} & {0, row - 1, row, row + 1, 5}
            assert len({*drawn}) == len(drawn) < 3


def test_the_plan_is_a_weight_that_is_not_trained():
    layer = make()
    assert layer.random_block_indices.shape == (H, 20, 3)
    assert [w.name for w in layer.non_trainable_weights] == ["random_block_indices"]
    other = make(random_blocks="hugging_face")
    assert not to_numpy(other.random_block_indices.value).any()
    other.set_weights(layer.get_weights())
    x = inputs(70)
    np.testing.assert_array_equal(to_numpy(other(x)), to_numpy(layer(x)))


def test_dropout_only_while_training():
    layer = make(dropout=0.5, seed=1)
    x = inputs(30)
    calm = call(layer, x)
    np.testing.assert_array_equal(call(layer, x, training=False), calm)
    assert np.abs(to_numpy(layer(x, training=True)) - calm).max() > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(block_size=0), "`block_size` must be a positive integer"),
        (dict(num_window_blocks=2), "`num_window_blocks` must be an odd number.*=2"),
        (dict(num_global_blocks=3), "`num_global_blocks` must be an even number.*=3"),
        (dict(num_random_blocks=-1), "`num_random_blocks` must be an integer of at least 0"),
        (dict(random_blocks="other"), "`random_blocks` must be one of .*'other'"),
        (dict(max_sequence_length=0), "`max_sequence_length` must be a positive integer"),
        (dict(plan_seed=-1), "`plan_seed` must be an integer from 0 to"),
        (dict(dropout=1.0), "`dropout` must be"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BlockSparseAttention(**{**SMALL, **arguments})


def test_inputs_that_do_not_fit_are_refused():
    layer = make()
    with pytest.raises(ValueError, match="`inputs` must be of at most `max_sequence_length`"):
        layer(inputs(81))
    assert make(num_random_blocks=0)(inputs(81)).shape == (B, 81, D)
    with pytest.raises(ValueError, match="`padding_mask` must be of shape"):
        layer(inputs(8), padding_mask=np.ones((B, 7), bool))
    with pytest.raises(ValueError, match="`inputs` must be of shape"):
        layer(inputs(8)[0])
