import numpy as np

from keras_attention.text.corpora.scan_shards import Reservoir


def sampled(rows, size, seed):
    reservoir = Reservoir(size, seed)
    for row in range(rows):
        reservoir.add(row)
    assert reservoir.added == rows
    return reservoir.rows


def test_all_rows_in_order_while_there_is_room():
    assert sampled(5, 5, seed=0) == list(range(5))
    assert sampled(3, 5, seed=0) == list(range(3))
    assert sampled(0, 5, seed=0) == []


def test_every_row_is_as_likely_as_any_other():
    counts = np.zeros(50)
    for seed in range(4000):
        rows = sampled(50, 5, seed)
        assert len(set(rows)) == 5
        counts[rows] += 1
    # Each is taken 400 times on average, with a standard deviation of 19.
    assert np.abs(counts - 400).max() < 5 * 19
    assert abs(counts[:5].sum() - 2000) < 5 * 42
    assert abs(counts[-5:].sum() - 2000) < 5 * 42


def test_a_sample_of_one():
    assert {sampled(3, 1, seed)[0] for seed in range(50)} == {0, 1, 2}
