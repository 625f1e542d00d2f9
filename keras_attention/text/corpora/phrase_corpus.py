"""The built-in corpus: spoken numbers, dates, times and amounts, English to German.

It needs no file and no network, and its translations are right by construction. The task is not
trivial: German reverses "twenty-three", writes a number as one word, moves verbs to the end or to
the front, and inflects ordinals and articles.
"""

import hashlib
import random

from keras_attention._validation import require, require_positive_integer
from keras_attention.text.corpora.phrase_templates import EVENTS, draw

SPLITS = ("train", "valid", "test")
HELD_OUT_WORDS = 12  # no training sentence has this many English words
_SHARES = {"valid": 2, "test": 2}  # percent of all sources, by their hash

# (template, noun) pairs that occur in the test part only.
HELD_OUT_COMBINATIONS = {
    ("price", "lamp"),
    ("paid", "bicycle"),
    ("on", "exam"),
    ("leave", "ferry"),
    ("seen", "letter"),
    ("count", "guests"),
}


def _kind(source, combination):
    """The part that a pair belongs to. The test part includes "length" and "combination"."""
    if combination in HELD_OUT_COMBINATIONS:
        return "combination"
    if len(source.split()) == HELD_OUT_WORDS:
        return "length"
    bucket = hashlib.sha256(source.encode()).digest()[0] * 100 // 256
    if bucket < _SHARES["test"]:
        return "test"
    return "valid" if bucket < _SHARES["test"] + _SHARES["valid"] else "train"


def space_size():
    """A lower bound of the number of different pairs, from two of the templates."""
    answers = 10**9  # "The answer is ..." holds each number once
    dates_and_times = len(EVENTS) * 73_049 * 12 * 12
    return answers + dates_and_times


def phrase_corpus(size, seed=0, split="train"):
    """`size` different pairs of English and German sentences.

    A hash of the English sentence decides which part it belongs to, so the parts are disjoint. A
    tenth of the test part is of kinds that the training part does not have: sentences of
    `HELD_OUT_WORDS` words, and combinations of a template and a noun.

    Args:
        size: number of pairs.
        seed: integer; the same seed gives the same pairs everywhere.
        split: "train", "valid" or "test".

    Returns:
        Two lists of strings.

    Raises:
        ValueError: if an argument is out of range.

    >>> phrase_corpus(1, seed=3, split="test")
    """
    require_positive_integer("size", size)
    require(split in SPLITS, "split", f"one of {SPLITS}", split=split)
    rng = random.Random(f"{seed}/{split}")
    pairs = {}
    while len(pairs) < size:
        wanted = split
        if split == "test":
            wanted = rng.choices(["test", "length", "combination"], [18, 1, 1])[0]
        while True:
            source, target, combination = draw(rng)
            if source not in pairs and _kind(source, combination) == wanted:
                break
        pairs[source] = target
    return list(pairs), list(pairs.values())
