"""Where a text ends, and what of it may be shown before that is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.tasks.language_model.stop_text import StopText, require_stop_texts


def test_by_hand():
    text = StopText(["###", "end"])
    assert [text.add("one #"), text.add("# e"), text.add("n")] == ["one ", "## ", ""]
    assert not text.is_over
    assert text.add("d of it") == "" and text.is_over
    assert text.add("more") == ""


def test_the_last_part_holds_nothing_back():
    text = StopText(["###"])
    assert text.add("a ##", is_last=True) == "a ##"


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


@pytest.mark.parametrize("stops", [[""], [3], 3, ["a", None]])
def test_stops_that_are_none(stops):
    with pytest.raises(InputError, match="`stop` must be strings that are not empty"):
        require_stop_texts(stops)


def test_one_string_is_one_stop():
    assert require_stop_texts("ab") == ("ab",)
    assert require_stop_texts(["a", "b", "a"]) == ("a", "b")
