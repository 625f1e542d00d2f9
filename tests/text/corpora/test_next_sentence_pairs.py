import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.text import next_sentence_pairs


def lines_of(sizes):
    """Documents of so many sentences each, "document.sentence", and empty lines between them."""
    lines = []
    for document, size in enumerate(sizes):
        lines += [*(f"{document}.{i}" for i in range(size)), "", " "][: size + 1 + document % 2]
    return lines


@given(st.lists(st.integers(1, 6), min_size=2, max_size=6), st.integers(0, 5))
def test_the_second_follows_or_is_of_another_document(sizes, seed):
    if max(sizes) < 2:
        return
    first, second, labels = next_sentence_pairs(lines_of(sizes), seed)
    assert first == [f"{d}.{i}" for d, size in enumerate(sizes) for i in range(size - 1)]
    assert labels.dtype == np.int32
    for one, other, label in zip(first, second, labels, strict=True):
        document, index = map(int, one.split("."))
        other_document, other_index = map(int, other.split("."))
        assert other_index < sizes[other_document]
        if label == 0:
            assert (other_document, other_index) == (document, index + 1)
        else:
            assert other_document != document


def test_half_of_the_pairs_and_all_other_sentences_alike():
    sizes = [10000, 3, 2]
    first, second, labels = next_sentence_pairs(lines_of(sizes), seed=0)
    assert labels.mean() == pytest.approx(0.5, abs=0.02)
    of_first = [o for f, o, y in zip(first, second, labels, strict=True) if y and f[:2] == "0."]
    shares = np.unique(of_first, return_counts=True)
    assert shares[0].tolist() == ["1.0", "1.1", "1.2", "2.0", "2.1"]
    np.testing.assert_allclose(shares[1] / len(of_first), 0.2, atol=0.025)


def test_a_function_of_the_seed():
    lines = lines_of([30, 20, 10])
    pairs = [str(next_sentence_pairs(lines, seed)) for seed in (1, 1, 2)]
    assert pairs[0] == pairs[1] != pairs[2]


@pytest.mark.parametrize(
    "lines, found",
    [
        ([], "0 sentences in 0 documents"),
        (["a", "b"], "2 sentences in 1 documents"),
        (["", "a", "b", ""], "2 sentences in 1 documents"),
        (["a", "", "b"], "2 sentences in 2 documents"),
    ],
)
def test_too_little_text(lines, found):
    with pytest.raises(InputError, match=f"two documents or more.* it has {found}"):
        next_sentence_pairs(lines)
