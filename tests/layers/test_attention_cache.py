"""The cache of attention, and what decoding in every arrangement of slots gives."""

import numpy as np
import pytest
from keras import ops

from keras_attention.layers import MultiHeadAttention, TransformerDecoder
from keras_attention.layers.attention_cache import (
    CacheSlots,
    cache_slots,
    empty_cache,
    extend_cache,
    write_cache,
)
from tests.backend import BACKEND, compiled, gradients, to_numpy

B, T, D, F, H, K = 3, 7, 12, 14, 2, 4
RNG = np.random.default_rng(8)
X = RNG.normal(size=(B, T, D)).astype("float32")


def random_cache(length, scale=1.0):
    shapes = {"key": (B, H, length, K), "value": (B, H, length, K + 1)}
    return {
        name: (scale * RNG.normal(size=shape)).astype("float32") for name, shape in shapes.items()
    }


def tensors(structure):
    return {name: ops.convert_to_tensor(array) for name, array in structure.items()}


def test_an_empty_cache_may_be_extended():
    cache = empty_cache(B, H, 4, K, K + 1, "float32")
    assert cache["key"].shape == (B, H, 4, K) and cache["value"].shape == (B, H, 4, K + 1)
    arrays = random_cache(4)
    longer = to_numpy(extend_cache(tensors(arrays), 2))
    for name, array in arrays.items():
        np.testing.assert_array_equal(longer[name][:, :, :4], array)
        assert longer[name].shape[2] == 6 and not longer[name][:, :, 4:].any()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_write_replaces_what_stood_there(length):
    arrays, new = random_cache(6), random_cache(length)
    for slot in range(6 - length + 1):
        slots = cache_slots(tensors(arrays), np.int32(slot), length)
        found = to_numpy(write_cache(tensors(arrays), tensors(new), slots))
        for name, array in arrays.items():
            expected = array.copy()
            expected[:, :, slot : slot + length] = new[name]
            np.testing.assert_array_equal(found[name], expected)


def test_slots_say_what_a_step_sees():
    cache = empty_cache(1, H, 4, K, K, "float32")
    slots = cache_slots(cache, 1, 2)
    np.testing.assert_array_equal(to_numpy(slots.mask), [[1, 1, 0, 0], [1, 1, 1, 0]])
    np.testing.assert_array_equal(to_numpy(slots.query_positions), [1, 2])
    np.testing.assert_array_equal(to_numpy(slots.key_positions), [0, 1, 2, 3])
    hidden = cache_slots(cache, 1, 2, padding_mask=np.array([[False, True, True, True]]))
    np.testing.assert_array_equal(to_numpy(hidden.mask), [[[0, 1, 0, 0], [0, 1, 1, 0]]])


def test_a_write_has_a_gradient():
    import keras

    new = {name: keras.Variable(array) for name, array in random_cache(2).items()}
    old = {name: keras.Variable(array) for name, array in random_cache(5).items()}

    def loss():
        values = [{name: v.value for name, v in part.items()} for part in (old, new)]
        written = write_cache(*values, cache_slots(values[0], 3, 2))
        return sum(ops.sum(ops.square(tensor)) for tensor in written.values())

    found = gradients(loss, [old["key"], new["value"]])
    expected = 2 * to_numpy(old["key"].value)
    expected[:, :, 3:] = 0
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found[1], 2 * to_numpy(new["value"].value), rtol=1e-6)


def block_alone(**options):
    """A block of a decoder-only model, its output for X, and the scores."""
    block = TransformerDecoder(F, H, **options)
    return block, to_numpy(block(X))


@pytest.mark.parametrize("first", [1, 3, 6])
def test_a_prefill_and_steps_are_the_call(first):
    """In a cache full of what an earlier session left there."""
    block, expected = block_alone()
    cache = {name: ops.convert_to_tensor(9 * RNG.normal(size=t.shape).astype("float32"))
             for name, t in block.empty_cache(B, T + 2).items()}  # fmt: skip
    x = ops.convert_to_tensor(X)
    output, _, cache = block.step(x[:, :first], cache, cache_slots(cache, 0, first))
    np.testing.assert_allclose(to_numpy(output), expected[:, :first], atol=1e-5)
    for t in range(first, T):
        output, _, cache = block.step(x[:, t], cache, cache_slots(cache, t))
        np.testing.assert_allclose(to_numpy(output), expected[:, t], atol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX traces each length")
def test_a_prefill_of_a_length_known_only_at_run_time():
    import tensorflow as tf

    block, expected = block_alone()

    @tf.function(input_signature=[tf.TensorSpec((None, None, D))], autograph=False)
    def prefill(x):
        cache = block.empty_cache(tf.shape(x)[0], T)
        return block.step(x, cache, cache_slots(cache, 0, tf.shape(x)[1]))[0]

    for length in (1, 2, T):
        np.testing.assert_allclose(
            to_numpy(prefill(X[:, :length])), expected[:, :length], atol=1e-5
        )


class Nearby(MultiHeadAttention):
    """Scores that fall with the distance, so that a wrong position shows."""

    def score(self, query, key, query_positions, key_positions):
        distance = ops.expand_dims(query_positions, -1) - ops.expand_dims(key_positions, -2)
        distance = ops.cast(ops.abs(distance), query.dtype)  # (T, S) or (B, T, S)
        distance = ops.expand_dims(distance, -3)
        return super().score(query, key, query_positions, key_positions) - distance


class NearbyDecoder(TransformerDecoder):
    def make_attention(self, hidden_dim, name):
        return Nearby(num_heads=self.num_heads, key_dim=5, name=name)


def test_prompts_of_different_lengths_in_one_batch_give_what_each_gives_alone():
    """Prompts fill the first slots, padded on the right; what follows goes to the same slots."""
    lengths, prompt, steps = np.array([4, 1, 3], "int32"), 4, 3
    block = NearbyDecoder(F, H)
    block(X)
    capacity = prompt + steps
    slot = np.arange(capacity)
    is_token = (slot < lengths[:, None]) | (slot >= prompt)
    key_positions = np.where(slot < prompt, slot, lengths[:, None] + slot - prompt)
    key_positions = key_positions.astype("int32")
    options = dict(key_positions=key_positions, padding_mask=is_token)
    x = ops.convert_to_tensor(X)
    cache = block.empty_cache(B, capacity)
    slots = cache_slots(cache, 0, prompt, positions=np.arange(prompt, dtype="int32"), **options)
    prefilled, _, cache = block.step(x[:, :prompt], cache, slots)
    generated = []
    for n in range(steps):
        slots = cache_slots(cache, prompt + n, positions=(lengths + n)[:, None], **options)
        output, _, cache = block.step(x[:, prompt + n], cache, slots)
        generated.append(to_numpy(output))
    for row, length in enumerate(lengths):
        own = np.concatenate([X[row, :length], X[row, prompt:]])
        expected = to_numpy(block(own[None]))[0]
        np.testing.assert_allclose(to_numpy(prefilled)[row, :length], expected[:length], atol=1e-5)
        found = np.stack(generated, 1)[row]
        np.testing.assert_allclose(found, expected[length:], atol=1e-5)


def test_a_step_that_leaves_the_cache_is_refused():
    cache = empty_cache(1, H, 4, K, K, "float32")
    for slot, length in ((4, 1), (3, 2), (0, 5), (-1, 1)):
        for given in (slot, np.int32(slot), ops.convert_to_tensor(slot, "int32")):
            with pytest.raises(ValueError, match=rf"`slot` must be 0 to {4 - length}.*{slot}"):
                cache_slots(cache, given, length)
    block = TransformerDecoder(F, H)
    block(X)
    with pytest.raises(ValueError, match="self_attention_cache_update_index.*slot=4"):
        block(
            X[:, :2],
            self_attention_cache=block.empty_cache(B, 5),
            self_attention_cache_update_index=4,
        )
    assert cache_slots(cache, 2, 2).mask.shape == (2, 4)


def test_rows_write_several_positions_to_slots_of_their_own():
    """As where each row has accepted another number of guessed tokens."""
    starts, length, capacity = np.array([0, 3, 1]), 3, T + 2
    block = NearbyDecoder(F, H)
    block(X)
    expected = to_numpy(block(X))
    cache = block.empty_cache(B, capacity)
    for t in range(3):  # all rows have the first positions; what comes after is overwritten
        _, _, cache = block.step(ops.convert_to_tensor(X[:, t]), cache, cache_slots(cache, t))
    slot = np.arange(capacity)
    new = slot - starts[:, None]  # (B, S)
    positions = starts[:, None] + np.arange(length)  # (B, T)
    slots = CacheSlots(
        written=((new >= 0) & (new < length))[:, None, :, None],
        sources=ops.convert_to_tensor(np.clip(new, 0, length - 1), "int32"),
        query_positions=positions.astype("int32"),
        key_positions=slot.astype("int32"),
        mask=slot <= positions[:, :, None],
    )
    rows = np.stack([X[row, start : start + length] for row, start in enumerate(starts)])
    output, _, _ = block.step(ops.convert_to_tensor(rows), cache, slots)
    for row, start in enumerate(starts):
        found = to_numpy(output)[row]
        np.testing.assert_allclose(found, expected[row, start : start + length], atol=1e-5)


@pytest.mark.parametrize("count", [2, 3])
def test_a_ring_that_several_positions_enter_at_once(count):
    """It needs a slot more for each: the first of them sees what the last one may overwrite."""
    width = 3
    capacity = width + count - 1
    block = NearbyDecoder(F, H)
    rows, columns = np.arange(T)[:, None], np.arange(T)
    window = (columns <= rows) & (columns > rows - width)
    expected = to_numpy(block(X, decoder_attention_mask=window[None]))
    cache = block.empty_cache(B, capacity)
    for start in range(0, T - count + 1, count):
        last, slot = start + count - 1, np.arange(capacity)
        key_positions = last - (last - slot) % capacity  # the last ones written
        positions = np.arange(start, start + count)
        distance = positions[:, None] - key_positions
        slots = CacheSlots(
            written=(key_positions >= start)[None, None, :, None],
            sources=ops.convert_to_tensor(np.maximum(key_positions - start, 0), "int32"),
            query_positions=positions.astype("int32"),
            key_positions=key_positions.astype("int32"),
            mask=(key_positions >= 0) & (distance >= 0) & (distance < width),
        )
        x = ops.convert_to_tensor(X[:, start : start + count])
        output, _, cache = block.step(x, cache, slots)
        np.testing.assert_allclose(to_numpy(output), expected[:, start : start + count], atol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_a_ring_of_slots_is_attention_to_the_last_positions(jit):
    """Another rule for slots is another `CacheSlots`: no layer changes."""
    width = 3
    block = NearbyDecoder(F, H)
    rows, columns = np.arange(T)[:, None], np.arange(T)
    window = (columns <= rows) & (columns > rows - width)
    expected = to_numpy(block(X, decoder_attention_mask=window[None]))

    def ring_slots(position):
        slots = ops.arange(width, dtype="int32")
        written = slots == position % width
        key_positions = position - (position - slots) % width  # the last ones written
        return CacheSlots(
            written=ops.reshape(written, (1, 1, -1, 1)),
            sources=None,
            query_positions=ops.reshape(position, (1,)),
            key_positions=key_positions,
            mask=ops.expand_dims(key_positions >= 0, 0),
        )

    step = compiled(lambda x, p, cache: block.step(x, cache, ring_slots(p))[::2], jit)
    cache = block.empty_cache(B, width)
    for t in range(T):
        position = ops.convert_to_tensor(t, dtype="int32")
        output, cache = step(ops.convert_to_tensor(X[:, t]), position, cache)
        np.testing.assert_allclose(to_numpy(output), expected[:, t], atol=1e-5)


def test_a_position_that_sees_nothing_yields_zeros():
    layer = MultiHeadAttention(num_heads=H, key_dim=K)
    layer(X)
    cache = layer.empty_cache(B, 4)
    padding = np.array([[True] * 4, [False] * 4, [True] * 4])
    x = ops.convert_to_tensor(X)
    for length, query in ((1, x[:, 0]), (2, x[:, :2])):
        slots = cache_slots(cache, 0, length, padding_mask=padding)
        output, scores, _ = layer.step(query, cache, slots, return_attention_scores=True)
        assert not to_numpy(output)[1].any() and not to_numpy(scores)[1].any()
        assert to_numpy(output)[::2].all()
