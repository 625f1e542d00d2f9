"""benchmarks/translate_speed.py: programs of known speed, and a translator of random weights."""

import argparse
import time

import numpy as np
import pytest

from benchmarks import translate_speed
from benchmarks.figures import spread
from benchmarks.random_translator import write_random_translator
from keras_attention import load

PARTS = [[0, 1], [2]]


@pytest.fixture
def clock(monkeypatch):
    """A clock that programs move on: a list of one number."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def compare(clock, programs, rounds):
    """The figures of programs that take so long a call, and how often each was called.

    Args:
        clock: see there.
        programs: name -> seconds of a call; a list: of the first, and of every other.
        rounds: number of rounds.
    """
    calls = dict.fromkeys(programs, 0)

    def program(name, first, other):
        def run(parts):
            clock[0] += other if calls[name] else first
            calls[name] += 1
            return [[7, 8] for part in parts for _ in part]

        return run

    made = {
        name: program(name, *(took if isinstance(took, list) else [took, took]))
        for name, took in programs.items()
    }
    search = {"beam_size": 4, "length_penalty": 0.6}
    return translate_speed.compare(made, PARTS, rounds, search, 32), list(calls.values())


def test_what_is_slow_twice_is_not_timed_and_each_kind_has_its_own_measure(clock, capsys):
    programs = {
        ("CTranslate2", "float32", "2, by 32"): 40,
        ("CTranslate2", "int8", "1, by 32"): 4,
        ("CTranslate2", "int8+shortlist", "1, by 32"): 20,
        ("TFLite", "int8", "1, by 32"): 16,
        ("TFLite", "int8+shortlist", "1, by 32"): 2,
    }
    (without, with_one), calls = compare(clock, programs, rounds=4)
    assert calls == [3, 5, 5, 5, 5]  # the first one says what is expected
    assert "CTranslate2 float32 2, by 32: 10 times as slow" in capsys.readouterr().out
    assert (without["beam"], without["length_penalty"], without["batch"]) == (4, 0.6, 32)
    assert without["peer"] == "CTranslate2 int8 1, by 32"
    assert without["ratio"] == without["over_the_peer_without_a_map"] == spread([0.25] * 4)
    assert with_one["peer"] == "CTranslate2 int8+shortlist 1, by 32"
    assert with_one["ratio"] == spread([10, 10])
    assert with_one["over_the_peer_without_a_map"] == spread([2, 2])


def test_who_is_slow_at_first_alone_is_timed(clock):
    programs = {
        ("CTranslate2", "float32", "1, by 1"): 2,
        ("TFLite", "int8", "1, by 1"): [50, 1],
        ("TFLite", "float32", "1, by 1"): 3,
    }
    (row,), calls = compare(clock, programs, rounds=3)
    assert calls == [5, 5, 4]
    assert row["ours"] == "TFLite int8 1, by 1" and row["ratio"] == spread([2, 2, 2])
    assert row["tokens_per_second"] == 9  # with the ends


def test_every_beam_has_every_penalty_and_greedy_search_none():
    options = argparse.Namespace(beams=[1, 4], length_penalty=[0.0, 0.6])
    assert list(translate_speed.searches(options)) == [(1, 0.0), (4, 0.0), (4, 0.6)]


@pytest.mark.slow  # it trains a tokenizer and a shortlist, for the benchmark alone
def test_a_translator_of_random_weights_has_a_shortlist(tmp_path):
    sentences = write_random_translator(tmp_path / "run", 400)
    translator = load(tmp_path / "run")
    shortlist = translator.tokenizer.shortlist
    size = translator.model.vocabulary_size
    assert size == 400 and shortlist.candidates.shape == (400, 50)
    assert shortlist.candidates.min() >= 4  # no special token
    assert len(np.unique(shortlist.frequent)) == 50
    assert len(sentences) == 500 and len({len(row) for row in translator.encode(sentences)}) > 5
