"""Generated reviews for classifiers in tests: easy to learn, with a rest that must be guessed."""

import json
import random

LABELS = ["negative", "neutral 😐", "positive"]  # in the order that training gives them
PAIR_LABELS = ["first", "second"]  # which of two reviews is the better one

THINGS = (
    "film plot song café book meal room train phone keyboard garden lecture museum match play"
).split()
WORDS = {
    "negative": "dull awful noisy broken overpriced clumsy boring cold dreadful stale".split(),
    "neutral 😐": "ordinary usual average plain expected typical standard common fair".split(),
    "positive": "gripping lovely funny naïve brilliant warm splendid clever fresh".split(),
}
CARRIERS = (
    "The {0} was {1}.",
    "What a {1} {0}!",
    "I'd call this {0} {1}, to be honest",
    "{1}, as the {0} of last week was",
    "We found the {0} {1} and the staff {2}.",
    "Was the {0} {1}? Yes: {1} from beginning to end, {2} even.",
)


def review(rng, label):
    """A sentence about a thing, in words of the label."""
    words = rng.sample(WORDS[label], 2)
    return rng.choice(CARRIERS).format(rng.choice(THINGS), *words)


def labelled_sentences(count, seed=0):
    """`(sentences, labels)`, two lists of `count` strings."""
    rng = random.Random(f"sentences {seed}")
    labels = [rng.choice(LABELS) for _ in range(count)]
    return [review(rng, label) for label in labels], labels


def labelled_pairs(count, seed=0):
    """`(sentences, other sentences, labels)`, three lists of `count` strings."""
    rng = random.Random(f"pairs {seed}")
    labels = [rng.choice(PAIR_LABELS) for _ in range(count)]
    better = [review(rng, "positive") for _ in labels]
    worse = [review(rng, "negative") for _ in labels]
    rows = [
        (good, bad) if label == "first" else (bad, good)
        for good, bad, label in zip(better, worse, labels, strict=True)
    ]
    return [first for first, _ in rows], [second for _, second in rows], labels


def write_table(path, **columns):
    """A .jsonl file of columns of equal length."""
    rows = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)
