"""Sequences of tokens after which a row ends, in every search."""

import functools

import numpy as np
import pytest

from keras_attention.decoding import SamplingOptions, SearchOptions
from keras_attention.decoding.search import search
from keras_attention.decoding.stops import followed_by, is_stop, no_tokens
from tests.backend import to_numpy
from tests.decoding.language_model import SPECIAL, V, language_model, prompts

ROWS = [[1, 0, 2, 7, 4], [0], [2, 2], [10, 1, 0, 2, 8]]
OPTIONS = {
    "greedy": SearchOptions(max_length=12),
    "beam": SearchOptions(beam_size=3, max_length=12),
    "sample": SamplingOptions(max_length=12, temperature=1.5),
}


@functools.cache
def model():
    """Not to be changed."""
    return language_model(special_ids=SPECIAL)


def run(options, stops=(), rows=ROWS, seeds=(5, 6, 7, 8)):
    seeded = {"seed": np.array(seeds)} if options.is_sampling else {}
    return to_numpy(search(model(), prompts(rows), options, stops=stops, **seeded))["token_ids"]


def cut(row, stops):
    """A row of a search without stops, as it ends with them."""
    for length in range(1, len(row) + 1):
        if any(row[:length][-len(stop) :] == list(stop) for stop in stops):
            return row[:length]
        if row[length - 1] == SPECIAL.end:
            return row[:length]
    return row


def test_by_hand():
    stops = ((4, 5), (6,))
    recent = no_tokens(stops, 3)
    for tokens, expected in (
        ([4, 5, 6], [False, False, True]),
        ([5, 4, 6], [True, False, True]),
        ([5, 5, 1], [False, True, False]),
    ):
        recent = followed_by(recent, np.array(tokens, "int32"))
        assert to_numpy(is_stop(recent, stops)).tolist() == expected


@pytest.mark.parametrize("name", ["greedy", "sample"])
def test_a_row_ends_with_its_first_stop(name):
    plain = run(OPTIONS[name]).tolist()
    # Of each row that goes on long enough the third and fourth tokens, and of one a single token.
    stops = [tuple(row[2:4]) for row in plain[:2]] + [(plain[2][1],)]
    found = run(OPTIONS[name], stops).tolist()
    ended = 0
    for row, words in zip(found, plain, strict=True):
        expected = cut(words, stops)
        assert row[: len(expected)] == expected
        assert set(row[len(expected) :]) <= {SPECIAL.fill}
        ended += len(expected) < len(words) and expected[-1] != SPECIAL.end
    assert ended >= 2


@pytest.mark.parametrize("name", OPTIONS)
def test_a_prompt_gives_what_it_gives_alone(name):
    stops = ((run(OPTIONS[name])[0, 1],), (3, 4))
    together = run(OPTIONS[name], stops)
    for row in range(4):
        alone = run(OPTIONS[name], stops, ROWS[row : row + 1], seeds=(5 + row,))
        np.testing.assert_array_equal(together[row, : alone.shape[1]], alone[0])


def test_the_prompt_is_no_part_of_a_stop():
    first = int(run(OPTIONS["greedy"])[0, 0])
    stops = ((*ROWS[0][-2:], first),)
    np.testing.assert_array_equal(run(OPTIONS["greedy"], stops), run(OPTIONS["greedy"]))


def test_a_finished_hypothesis_of_a_beam_keeps_its_score():
    options = OPTIONS["beam"]
    plain = run(options)[0].tolist()
    found = run(options, (tuple(plain[:2]),))[0].tolist()
    # What it would have gone on with came last in a longer sequence; nothing is after a stop.
    place = next((n for n in range(1, 13) if found[n - 2 : n] == plain[:2]), None)
    assert place is None or set(found[place:]) <= {SPECIAL.fill}


@pytest.mark.parametrize(("stops", "expected"), [(((),), "one id or more"), (((V,),), "from 0 to")])
def test_stops_that_are_none(stops, expected):
    with pytest.raises(ValueError, match=expected):
        run(OPTIONS["greedy"], stops)
