import json
import os
import subprocess
import sys

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.text import TranslationBatches
from keras_attention.text.corpora import sharded_corpus
from keras_attention.text.corpora.sharded_corpus import ShardedCorpus
from tests.text.corpora.sharded_files import (
    LONGEST,
    encode,
    numbers_of,
    windowed_batches,
    write_shards,
)

SIZES = (130, 7, 1, 260, 52)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """A folder of unequal shards with blank and with long pairs; and the numbers of the others."""
    folder = tmp_path_factory.mktemp("shards")
    return folder, write_shards(folder, SIZES, blank_every=11, long_every=17)


def same(a, b):
    return all(
        np.array_equal(x["encoder_token_ids"], z["encoder_token_ids"])
        and np.array_equal(x["decoder_token_ids"], z["decoder_token_ids"])
        and np.array_equal(y, w)
        for (x, y), (z, w) in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("window", [1, 60, 101, 10_000])
def test_every_pair_once_in_every_epoch(shards, window):
    folder, kept = shards
    corpus, batches = windowed_batches(folder, window)
    assert len(corpus) == {1: 57, 60: 9, 101: 5, 10_000: 1}[window]
    orders = []
    for epoch in range(3):
        of_epoch = list(batches.epochs(epoch, epochs=1))
        assert len(of_epoch) == len(batches)
        orders.append(numbers_of(of_epoch))
        assert sorted(orders[-1]) == kept
    assert orders[0] != orders[1] != orders[2]
    assert corpus.blank == sum(number % 11 == 1 for number in range(sum(SIZES)))
    assert corpus.blank + batches.dropped + len(kept) == sum(SIZES)
    assert batches.dropped > 0


@pytest.mark.parametrize("workers, replicas", [(2, 1), (3, 2)])
def test_workers_share_out_every_pair_once(shards, workers, replicas):
    folder, kept = shards
    count, seen = workers * replicas, []
    for first in range(0, count, replicas):
        _, batches = windowed_batches(folder, 60)  # each worker has its own
        share = batches.dataset(epochs=1, shares=(range(first, first + replicas), count))
        elements = list(share.as_numpy_iterator())
        assert len(elements) == replicas * len(batches)  # the same number of steps for all
        seen += numbers_of(elements)
    assert sorted(seen) == kept


def test_what_is_said_of_a_batch(shards):
    folder, _ = shards
    _, batches = windowed_batches(folder, 60)
    window = batches.window_order(2)[0]
    assert (
        batches.describe(2, 1) == f"batch 1 of window {window} of the corpus, both counted from 0"
    )
    said = {batches.describe(2, step) for step in range(len(batches))}
    assert len(said) == len(batches)


def test_rows_held_out_are_in_no_batch(shards):
    folder, kept = shards
    corpus, batches = windowed_batches(folder, 60, hold_out=True)
    assert len(corpus.held_out) == round(0.02 * (sum(SIZES) - corpus.blank))
    seen = numbers_of(batches.epochs(epochs=1))
    assert sorted(seen) == sorted(set(kept) - set(corpus.held_out))


def test_few_static_shapes_within_the_budget(shards):
    _, batches = windowed_batches(shards[0], 60)
    found = {(*x["encoder_token_ids"].shape, y.shape[1]) for x, y in batches.epochs(epochs=1)}
    assert found == set(batches.shapes)
    assert len(found) <= 4
    assert all(rows * max(sides) <= 200 for rows, *sides in found)


def test_the_padding_share_is_what_the_batches_hold(shards):
    _, batches = windowed_batches(shards[0], 60)
    arrays = [a for x, y in batches.epochs(epochs=1) for a in (x["encoder_token_ids"], y)]
    share = sum((a == 0).sum() for a in arrays) / sum(a.size for a in arrays)
    assert batches.padding == pytest.approx(share)


def test_one_window_has_the_shapes_of_the_batches_in_memory(shards):
    corpus, batches = windowed_batches(shards[0], 10_000)
    whole = TranslationBatches(*encode(*corpus.read(0))[0], 200, max_buckets=4, max_length=LONGEST)
    assert batches.shapes == whole.shapes
    assert (len(batches), batches.padding) == (len(whole), whole.padding)
    assert batches.dropped == whole.dropped


def test_going_on_at_any_step(shards):
    _, batches = windowed_batches(shards[0], 101, seed=3)
    everything = list(batches.epochs(epochs=2))
    n = len(batches)
    for step in range(n):
        assert same(everything[step:n], list(batches.epochs(0, step, epochs=1)))
    assert same(everything[n + 4 :], list(batches.epochs(1, 4, epochs=1)))


def test_going_on_reads_only_the_window_it_is_in(shards):
    corpus, batches = windowed_batches(shards[0], 60)
    read = []
    load = corpus.read
    corpus.read = lambda window: read.append(window) or load(window)
    going_on = batches.epochs(1, len(batches) - 1, epochs=1)
    assert len(list(going_on)) == 1
    assert read == [batches.window_order(1)[-1]]


def test_the_order_is_a_function_of_seed_epoch_and_window(shards):
    folder = shards[0]
    orders = [
        numbers_of(windowed_batches(folder, 60, seed)[1].epochs(1, epochs=1)) for seed in (5, 5, 6)
    ]
    assert orders[0] == orders[1] != orders[2]
    batches = windowed_batches(folder, 60, 5)[1]
    windows = [batches.window_order(epoch).tolist() for epoch in range(4)]
    assert all(sorted(order) == list(range(9)) for order in windows)
    assert len({tuple(order) for order in windows}) == 4


def test_the_rows_of_a_window_come_from_all_over_the_corpus(shards):
    corpus, _ = windowed_batches(shards[0], 60)
    for window in range(len(corpus)):
        numbers = [int(text.split()[0]) - 100 for text in corpus.read(window)[0]]
        assert min(numbers) < 70
        assert max(numbers) > 340
        assert len(numbers) <= 60


def test_the_dataset_holds_the_same_batches_and_reads_nothing_for_its_structure(shards):
    corpus, batches = windowed_batches(shards[0], 101)
    found = list(batches.dataset(epochs=1).as_numpy_iterator())
    assert same(found, list(batches.epochs(epochs=1)))
    corpus.read = None
    batches.dataset()


@pytest.mark.parametrize("window", [16, 101])
def test_compressed_shards_give_the_same_batches(shards, tmp_path, window):
    assert write_shards(tmp_path, SIZES, 11, 17, suffix=".gz") == shards[1]
    corpus, batches = windowed_batches(tmp_path, window)
    plain_corpus, plain = windowed_batches(shards[0], window)
    assert same(list(batches.epochs(epochs=1)), list(plain.epochs(epochs=1)))
    assert plain_corpus.reading() == 1
    assert corpus.reading() > 2


def test_what_is_known_of_a_corpus_survives_json_and_does_not_grow_with_its_lines(shards):
    corpus, _ = windowed_batches(shards[0], 101)
    again = ShardedCorpus(**json.loads(json.dumps(corpus.to_dict())))
    assert again == corpus
    assert [again.read(w) for w in range(5)] == [corpus.read(w) for w in range(5)]
    assert len(windowed_batches(shards[0], 10_000)[0].pieces) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda line: b"\n" * len(line),
        lambda line: b"100".ljust(len(line) - 1) + b"\n",
        lambda line: line[:-2] + b"x\n",  # as many tokens
    ],
)
def test_a_file_that_changes_while_training_is_noticed(tmp_path, change):
    write_shards(tmp_path, (90,))
    _, batches = windowed_batches(tmp_path, 20)
    lines = (tmp_path / "source-000").read_bytes().splitlines(keepends=True)
    changed = [change(line) for line in lines]
    assert sum(map(len, changed)) == sum(map(len, lines))
    path = tmp_path / "source-000"
    times = path.stat()
    path.write_bytes(b"".join(changed))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(InputError, match="source-000 has changed since the run began"):
        list(batches.epochs(epochs=1))


def test_other_rows_than_were_counted_are_noticed(tmp_path):
    """Whatever gives them."""
    write_shards(tmp_path, (90,))
    corpus, batches = windowed_batches(tmp_path, 20)
    corpus.parsed_by(lambda text, path, number: "")
    with pytest.raises(InputError, match="Window .* holds other rows than were counted"):
        list(batches.epochs(epochs=1))


def test_an_unchanged_file_is_not_read_to_compare_it(shards, monkeypatch):
    corpus, batches = windowed_batches(shards[0], 101)
    monkeypatch.setattr(sharded_corpus, "text_sha256", None)  # whoever calls it fails
    corpus.require_unchanged(corpus.shards)
    list(batches.epochs(epochs=1))


def test_a_file_that_disappears_while_training_is_named(tmp_path):
    write_shards(tmp_path, (90,))
    _, batches = windowed_batches(tmp_path, 20)
    (tmp_path / "target-000").unlink()
    with pytest.raises(InputError, match="target-000: cannot be read"):
        list(batches.epochs(epochs=1))


def test_memory_does_not_grow_with_the_corpus(tmp_path):
    """Four times the pairs, the same peak; in one window they take much more."""
    peaks = []
    for pairs, window in ((20_000, 2000), (80_000, 2000), (80_000, 80_000)):
        folder = tmp_path / str(pairs)
        if not folder.exists():
            folder.mkdir()
            write_shards(folder, [pairs // 4] * 4)
        command = [
            sys.executable,
            "-m",
            "tests.text.corpora.sharded_files",
            str(folder),
            str(window),
        ]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True).stdout))
    few, many, whole = peaks
    assert abs(many - few) < (whole - many) / 5
