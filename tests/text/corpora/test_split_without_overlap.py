import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.text import read_labelled, split_without_overlap
from keras_attention.text.corpora.split_without_overlap import contained_in

# Of few characters, so that many are part of each other.
TEXTS = st.lists(st.text("ab \n", max_size=6), min_size=1, max_size=14)


def normal(text):
    return " ".join(text.split())


@settings(max_examples=300)
@given(TEXTS, st.sampled_from([0.1, 0.3, 0.6]), st.integers(0, 5))
def test_no_text_of_one_side_is_part_of_one_of_the_other(texts, share, seed):
    wholes = {x for x in map(normal, texts) if x and not any(x in normal(y) != x for y in texts)}
    if len(wholes) < 2:
        with pytest.raises(InputError, match="One text contains all others; nothing can be split"):
            split_without_overlap(texts, share, seed)
        return
    larger, smaller = split_without_overlap(texts, share, seed)
    assert len(larger) and len(smaller)
    assert not set(larger) & set(smaller)
    assert (np.diff(larger) > 0).all() and (np.diff(smaller) > 0).all()
    for i in larger:
        for j in smaller:
            one, other = normal(texts[i]), normal(texts[j])
            assert one not in other and other not in one
    # Only what is part of texts on both sides is left out, and no whole text ever is.
    for i in set(range(len(texts))) - {*larger, *smaller}:
        text = normal(texts[i])
        assert text not in wholes
        assert all(any(text in normal(texts[j]) for j in side) for side in (larger, smaller))


@settings(max_examples=200)
@given(st.lists(st.text("ab", max_size=7), unique=True, max_size=14))
def test_all_pairs_of_part_and_whole_are_found(texts):
    parts, wholes = contained_in(texts)
    found = list(zip(parts.tolist(), wholes.tolist(), strict=True))
    n = range(len(texts))
    is_whole = [bool(texts[w]) and not any(texts[w] in texts[i] for i in n if i != w) for w in n]
    pairs = [(p, w) for w in n if is_whole[w] for p in n if texts[p] and texts[p] in texts[w]]
    assert sorted(found) == sorted(pairs)


def test_equal_texts_stay_together_and_white_space_is_one_space():
    texts = ["ein  Film", "ein Film ", "kein\tBild", "ein\nFilm"]
    larger, smaller = split_without_overlap(texts, share=0.2, seed=0)
    assert sorted([larger.tolist(), smaller.tolist()]) == [[0, 1, 3], [2]]


def test_other_characters_than_ascii():
    texts = ["größer 😀 Baum", "😀", "öß", "\ud800 x", "\ud800", "kurz"]
    parts, wholes = contained_in(texts)
    assert sorted(zip(parts.tolist(), wholes.tolist(), strict=True)) == [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 3),
        (4, 3),
        (5, 5),
    ]


def test_the_split_is_a_function_of_the_seed_and_has_the_share_or_slightly_more():
    texts = [f"satz {i} ende" for i in range(100, 400)]
    (_, one), (_, same), (_, other) = (split_without_overlap(texts, 0.1, s) for s in (3, 3, 4))
    assert one.tolist() == same.tolist() != other.tolist()
    assert len(one) == 30


def test_bad_arguments():
    with pytest.raises(ValueError, match="`share` must be a number between 0 and 1. Received: sha"):
        split_without_overlap(["a", "b"], share=0)
    with pytest.raises(InputError, match="One text contains all others"):
        split_without_overlap([])


def test_the_phrases_of_sst2(real_data):
    """Checked in another way: each text of a side is looked for in all of the other, end to end."""
    texts = read_labelled(real_data / "sst2" / "train.tsv.gz", "sentence").texts
    train, dev = split_without_overlap(texts, share=0.02, seed=0)
    assert 1347 <= len(dev) < 1400
    assert len(texts) - len(train) - len(dev) < 1000  # few are left out
    sides = [{normal(texts[i]) for i in side} for side in (train, dev)]
    for side, other in (sides, sides[::-1]):
        # "\n" is in no text, so that nothing is found across two.
        joined = "\n".join(sorted(other))
        assert not [text for text in side if text in joined]
