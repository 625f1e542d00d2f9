"""The tokens that may translate a token: learned, kept in a directory, refused."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_attention._validation import InputError
from keras_attention.text.tokenizers.lexical_shortlist import FILE, LexicalShortlist

# 2 is translated by 12, 3 by 13, 4 by 14 or 15; 11 stands in every sentence.
SOURCES = [[2, 3], [3, 4], [2, 4], [4, 3], [2], [3], [4], [4]]
TARGETS = [[12, 13, 11], [13, 14, 11], [12, 15, 11], [14, 13, 11], *([n, 11] for n in (12, 13))]
TARGETS += [[15, 11], [14, 11]]


def learned(count, **options):
    return LexicalShortlist.learn(SOURCES, TARGETS, count, 20, 20, **options)


def test_the_likeliest_come_first():
    shortlist = learned(3)
    assert shortlist.candidates.shape == (20, 3) and shortlist.candidates.dtype == np.int32
    assert shortlist.candidates[2:4, 0].tolist() == [12, 13]
    assert set(shortlist.candidates[4, :2].tolist()) == {14, 15}
    assert shortlist.frequent.tolist()[0] == 11
    # A token that was never seen names what may translate anything.
    assert set(shortlist.candidates[9].tolist()) == {11}


def test_one_vocabulary_copies_its_tokens():
    shortlist = learned(2, shared=True)
    np.testing.assert_array_equal(shortlist.candidates[:, 0], np.arange(20))
    assert shortlist.candidates[2:4, 1].tolist() == [12, 13]


@pytest.mark.parametrize("count", [1, 19, 20, 50])
def test_any_count(count):
    for shared in (False, True):
        shortlist = learned(count, shared=shared)
        assert shortlist.candidates.shape == (20, min(count, 20))
        assert len(shortlist.frequent) == len(set(shortlist.frequent.tolist())) == min(count, 20)
        shortlist.require_fit("shortlist", 20, 20)


@pytest.mark.parametrize("count", [0, -1, 1.5])
def test_counts_that_are_refused(count):
    with pytest.raises(ValueError, match="`count` must be a positive integer"):
        learned(count)


def test_a_directory_keeps_it(tmp_path):
    with pytest.raises(InputError, match="no shortlist"):
        LexicalShortlist.load(tmp_path)
    shortlist = learned(3)
    shortlist.save(tmp_path)
    found = LexicalShortlist.load(tmp_path)
    np.testing.assert_array_equal(found.candidates, shortlist.candidates)
    np.testing.assert_array_equal(found.frequent, shortlist.frequent)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"candidates": np.zeros((20, 3), "float32"), "frequent": np.zeros(3, "int32")}, "not int"),
        ({"candidates": np.zeros((20, 3), "int32")}, "no shortlist \\('frequent'\\)"),
        (None, "no shortlist"),
    ],
)
def test_files_that_are_refused(tmp_path, arrays, message):
    if arrays is None:
        (tmp_path / FILE).write_bytes(b"nothing")
    else:
        save_file(arrays, tmp_path / FILE)
    with pytest.raises(InputError, match=message):
        LexicalShortlist.load(tmp_path)


@pytest.mark.parametrize(
    ("candidates", "frequent"),
    [
        (np.zeros((19, 3)), np.zeros(3)),
        (np.zeros(20), np.zeros(3)),
        (np.full((20, 3), 20), np.zeros(3)),
        (np.zeros((20, 3)), np.full(3, -1)),
        (np.zeros((20, 0)), np.zeros(0)),
    ],
)
def test_another_vocabulary(candidates, frequent):
    with pytest.raises(InputError, match="here: expected target tokens below 20 for each of 20 so"):
        LexicalShortlist(candidates, frequent).require_fit("here", 20, 20)
