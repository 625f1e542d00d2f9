"""Where a text ends, and what of it may be shown before that is known."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.tasks.language_model.continuation import Ending
from keras_attention.tasks.language_model.graph_functions import cut_at_stops, emitted_lengths
from keras_attention.tasks.language_model.stop_text import (
    StopText,
    first_stops,
    require_stop_texts,
)
from keras_attention.text.tokenizers import language_model_tokenizer


def test_by_hand():
    text = StopText(["###", "end"])
    assert [text.add("one #"), text.add("# e"), text.add("n")] == ["one ", "## ", ""]
    assert not text.is_over
    assert text.add("d of it") == "" and text.is_over
    assert text.add("more") == ""


def test_the_last_part_holds_nothing_back():
    text = StopText(["###"])
    assert text.add("a ##", is_last=True) == "a ##"


def test_a_stop_in_another_comes_first_whatever_a_token_holds():
    """In "xabcd" the "b" is complete before "abcd" is, although that begins before it."""
    for parts in (["xabcd"], ["x", "abcd"], ["xa", "bcd"], ["xab", "c", "d"]):
        text = StopText(["abcd", "b"])
        assert "".join(map(text.add, parts)) == "xa"
    assert first_stops(["abcd", "b"]) == ("b",)
    # What ends at the same place has the longest one cut.
    assert "".join(map(StopText(["b", "ab"]).add, ["x", "ab", "c"])) == "x"
    assert first_stops(["b", "ab"]) == ("b", "ab")


STOPS = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


@given(st.text("abc", max_size=12), STOPS)
def test_letter_by_letter_a_text_ends_where_a_stop_is_complete(whole, stops):
    text = StopText(stops)
    shown = [text.add(letter) for letter in whole] + [text.add("", is_last=True)]
    complete = (n for n in range(len(whole) + 1) if any(stop in whole[:n] for stop in stops))
    end = next(complete, None)
    assert text.is_over == (end is not None)
    expected = whole
    if end is not None:
        expected = whole[: min(whole[:end].find(stop) for stop in stops if stop in whole[:end])]
    assert "".join(shown) == expected


@given(st.lists(st.text("abc", max_size=4), max_size=5), STOPS)
def test_nothing_of_a_stop_is_ever_shown(parts, stops):
    text, found = StopText(stops), ""
    for part in parts:
        found += text.add(part)
        assert not any(stop in found for stop in stops)
    found += text.add("", is_last=True)
    whole = "".join(parts)
    assert whole.startswith(found)
    assert text.is_over == any(stop in whole for stop in stops)
    assert text.is_over or found == whole


@given(st.lists(st.text("abc", max_size=4), max_size=5), STOPS)
def test_host_and_graph_cut_at_the_same_place_however_a_text_comes(parts, stops):
    text, whole = StopText(stops), "".join(parts)
    found = "".join([*map(text.add, parts), text.add("", is_last=True)])
    letters = StopText(stops)
    assert found == "".join([*map(letters.add, whole), letters.add("", is_last=True)])
    assert cut_at_stops(tf.constant([whole, "x" + whole]), stops).numpy()[0].decode() == found


@given(
    row=st.lists(st.integers(0, 3), min_size=1, max_size=9),
    limit=st.integers(1, 12),
    ends=st.lists(st.integers(0, 3), max_size=2),
    sequences=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), max_size=3),
)
def test_host_and_graph_count_the_same_tokens(row, limit, ends, sequences):
    """Whatever stands behind a row's end, no id is padding to them."""
    ending = Ending(language_model_tokenizer("bytes")(), ends, (), sequences)
    for number, token_id in enumerate(row[:limit], start=1):
        ending.add(token_id, is_last=number == len(row[:limit]))
        if ending.finish:
            break
    count = len(ending.token_ids) - (ending.finish == "end")
    found = emitted_lengths(np.array([row, row], "int32"), np.array([limit, 1]), ends, sequences)
    assert found.numpy()[0] == count


@pytest.mark.parametrize("stops", [[""], [3], 3, ["a", None]])
def test_stops_that_are_none(stops):
    with pytest.raises(InputError, match="`stop` must be strings that are not empty"):
        require_stop_texts(stops)


def test_one_string_is_one_stop():
    assert require_stop_texts("ab") == ("ab",)
    assert require_stop_texts(["a", "b", "a"]) == ("a", "b")
