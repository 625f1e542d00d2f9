import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.text import LanguageModelBatches, TokenStream


def stream_of(lengths):
    """Documents of these lengths; token i of the stream has the id i."""
    begins = np.cumsum([0, *lengths[:-1]])
    return TokenStream(np.arange(sum(lengths)), begins, bytes=0, characters=0)


def scored(batches):
    """Each target that counts, with the token before it."""
    for inputs, targets, weights in batches:
        assert inputs["token_ids"].shape == targets.shape == weights.shape
        assert targets.dtype == inputs["token_ids"].dtype == np.int32
        counts = weights == 1
        assert set(np.unique(weights)) <= {0.0, 1.0}
        assert (inputs["token_ids"][counts] + 1 == targets[counts]).all()
        yield from targets[counts].tolist()


documents = st.lists(st.integers(1, 12), min_size=1, max_size=8).filter(lambda d: sum(d) > 1)


@given(lengths=documents, context=st.integers(1, 9), batch_size=st.integers(1, 4))
def test_every_token_but_a_documents_first_is_scored_once(lengths, context, batch_size):
    stream = stream_of(lengths)
    batches = LanguageModelBatches(stream, context, batch_size, shuffled=False)
    found = list(batches.epochs(epochs=1))
    assert len(found) == len(batches) and batches.shapes == [(batch_size, context)]
    assert list(scored(found)) == sorted(set(range(sum(lengths))) - set(stream.begins.tolist()))
    positions = len(found) * batch_size * context
    assert batches.padding == pytest.approx(1 - (sum(lengths) - 1) / positions)


@given(
    lengths=documents,
    context=st.integers(1, 5),
    batch_size=st.integers(1, 3),
    epoch=st.integers(0, 9),
)
def test_training_batches_are_full_and_no_token_comes_twice(lengths, context, batch_size, epoch):
    stream = stream_of(lengths)
    if stream.tokens <= context:
        with pytest.raises(InputError, match=f"{context + 1} are needed at least"):
            LanguageModelBatches(stream, context, batch_size)
        return
    batches = LanguageModelBatches(stream, context, batch_size, seed=3)
    found = list(batches.epochs(epoch, epochs=1))
    assert len(found) == len(batches)
    windows = np.concatenate([inputs["token_ids"] for inputs, _, _ in found])
    assert len(windows) == len(batches) * batch_size and batches.padding == 0
    assert (np.diff(windows, axis=1) == 1).all()
    if (stream.tokens - context) // context >= batch_size:
        assert len(np.unique(windows)) == windows.size
    firsts = set(stream.begins.tolist())
    for inputs, targets, weights in found:
        assert (weights == np.vectorize(lambda t: t not in firsts, [float])(targets)).all()
        assert (inputs["token_ids"] + 1 == targets).all()


@given(lengths=documents, context=st.integers(1, 9), shuffled=st.booleans())
def test_segments_are_the_documents(lengths, context, shuffled):
    stream = stream_of(lengths)
    if shuffled and stream.tokens <= context:
        return
    for inputs, _, weights in LanguageModelBatches(stream, context, 2, 0, shuffled).epochs(
        epochs=1
    ):
        if stream.documents == 1:
            assert set(inputs) == {"token_ids"}
            continue
        segments = inputs["segment_ids"]
        assert segments.dtype == np.int32 and (segments[:, 0] == 0).all()
        document = np.searchsorted(stream.begins, inputs["token_ids"], side="right")
        for row in range(2):
            known = int(np.count_nonzero(np.diff(inputs["token_ids"][row]) == 1)) + 1
            if weights[row].any() or shuffled:
                same = np.diff(segments[row, :known]) == 0
                assert (same == (np.diff(document[row, :known]) == 0)).all()


def test_by_hand():
    batches = LanguageModelBatches(stream_of([3, 3]), context=4, batch_size=2, shuffled=False)
    ((inputs, targets, weights),) = batches.epochs(epochs=1)
    assert inputs["token_ids"].tolist() == [[0, 1, 2, 3], [4, 5, 0, 0]]
    assert inputs["segment_ids"].tolist() == [[0, 0, 0, 1], [0, 0, 1, 2]]
    assert targets.tolist() == [[1, 2, 3, 4], [5, 0, 0, 0]]
    assert weights.tolist() == [[1, 1, 0, 1], [1, 0, 0, 0]]


def test_the_order_is_one_of_seed_and_epoch():
    stream = stream_of([500])

    def windows(seed, epoch, step=0):
        batches = LanguageModelBatches(stream, 7, 3, seed)
        return [x["token_ids"].tolist() for x, _, _ in batches.epochs(epoch, step, epochs=1)]

    assert windows(1, 2) == windows(1, 2)
    assert windows(1, 2) != windows(1, 3) and windows(1, 2) != windows(2, 2)
    # It resumes at any step.
    assert windows(1, 2, step=11) == windows(1, 2)[11:]
    # Another epoch cuts the stream at other places.
    cuts = {sorted(sum(windows(1, epoch), []))[0][0] % 7 for epoch in range(9)}
    assert len(cuts) > 3


def test_a_corpus_too_small_for_a_batch_gives_windows_that_overlap():
    batches = LanguageModelBatches(stream_of([9]), context=6, batch_size=4)
    ((inputs, targets, weights),) = batches.epochs(epochs=1)
    assert inputs["token_ids"].shape == (4, 6) and weights.all() and targets.max() <= 8


def test_what_a_training_asks_of_batches():
    batches = LanguageModelBatches(stream_of([40, 60]), context=8, batch_size=2)
    assert batches.with_max_buckets(1) is batches and batches.together == 1
    assert batches.describe(0, 0).endswith(" of the corpus")
    dataset = batches.dataset(1, 2, epochs=1)
    found = list(dataset)
    assert len(found) == len(batches) - 2
    inputs, _, _ = list(batches.epochs(1, epochs=1))[2]
    assert np.array_equal(found[0][0]["segment_ids"], inputs["segment_ids"])
    halves = [list(batches.dataset(0, 0, 1, shares=([i], 2))) for i in range(2)]
    assert all(x["token_ids"].shape == (1, 8) for half in halves for x, _, _ in half)


def test_what_cannot_be_windows():
    for context, batch_size in ((0, 1), (1, 0), (1.0, 1)):
        with pytest.raises(ValueError, match="must be a positive integer"):
            LanguageModelBatches(stream_of([9]), context, batch_size)
    with pytest.raises(InputError, match="The corpus has 1 tokens; 2 are needed at least."):
        LanguageModelBatches(stream_of([1]), 4, 1, shuffled=False)
