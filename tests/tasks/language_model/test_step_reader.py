"""`StepReader`: how a prompt is cut into the lengths N, and what the caches hold."""

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.tasks.language_model.step_reader import StepReader

HEADS, WIDTH, V = 2, 3, 50


class Recorder:
    """Steps that keep each token in the cache at its position, and record the calls."""

    def __init__(self, lengths):
        self.calls = []
        self.steps = {f"prefill_{n}": self.prefill for n in lengths}
        self.steps["decode"] = self.decode

    def write(self, tokens, input_pos, kv_cache_k_0):
        assert tokens.dtype == input_pos.dtype == np.int32
        assert tokens.shape == (1, len(input_pos))
        cache = kv_cache_k_0.copy()
        self.calls.append((tokens.shape[1], int(input_pos[0])))
        np.testing.assert_array_equal(input_pos, input_pos[0] + np.arange(len(input_pos)))
        cache[0, :, input_pos] = tokens[0][:, None, None]  # fails where there is no room
        return cache

    def prefill(self, tokens, input_pos, kv_cache_k_0):
        return {"kv_cache_k_0": self.write(tokens, input_pos, kv_cache_k_0)}

    def decode(self, tokens, input_pos, kv_cache_k_0):
        cache = self.write(tokens, input_pos, kv_cache_k_0)
        read = cache[0, 0, : input_pos[0] + 1, 0].astype(int)
        logits = np.zeros((1, 1, V), np.float32)
        logits[0, 0, read.sum() % V] = 1  # of all tokens that were read
        return {"kv_cache_k_0": cache, "logits": logits}


def reader_of(lengths, size, context=64):
    recorder = Recorder(lengths)
    shapes = {"kv_cache_k_0": (1, HEADS, size, WIDTH)}
    return recorder, StepReader(recorder.steps, lengths, shapes, context)


@pytest.mark.parametrize("size", [64, None])
@pytest.mark.parametrize("count", [1, 2, 4, 5, 6, 13, 21, 30])
def test_every_token_is_read_once(count, size):
    recorder, reader = reader_of([4, 16], size)
    prompt = list(range(1, count + 1))
    assert reader.start(prompt).argmax() == sum(prompt) % V
    assert recorder.calls[-1] == (1, count - 1)  # the last one by `decode`
    for token in (7, 9):
        prompt.append(token)
        assert reader.read(token).argmax() == sum(prompt) % V


def test_the_longest_come_first_and_the_shortest_is_filled():
    recorder, reader = reader_of([4, 16], 64)
    reader.start(list(range(24)))
    assert recorder.calls == [(16, 0), (4, 16), (4, 20), (1, 23)]


def test_a_filled_part_never_leaves_the_cache():
    recorder, reader = reader_of([4], 10, context=10)
    prompt = list(range(1, 11))
    assert reader.start(prompt).argmax() == sum(prompt) % V
    assert recorder.calls == [(4, 0), (4, 4), (1, 8), (1, 9)]


def test_a_second_text_begins_anew():
    _, reader = reader_of([4], 64)
    reader.start([5] * 20)
    assert reader.start([3, 4]).argmax() == 7


def test_a_cache_of_any_size_grows_with_the_text():
    recorder, reader = reader_of([4], None, context=300)
    total = reader.start([1]).argmax()
    for _ in range(200):
        total = reader.read(1).argmax()
    assert total == 201 % V
    with pytest.raises(InputError, match="301 tokens are more than the 300"):
        reader.start([1] * 301)


def test_a_full_cache_says_so():
    _, reader = reader_of([4], 12)
    reader.start([1] * 12)
    with pytest.raises(InputError, match="13 tokens are more than the 12 .* `cache_length`"):
        reader.read(1)
    with pytest.raises(InputError, match="13 tokens are more than the 12"):
        reader.start([1] * 13)
