"""IBM model 1 against its equations, written as loops over sentences."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.text.tokenizers import ibm_model_1 as module
from keras_attention.text.tokenizers.ibm_model_1 import ibm_model_1

NONE = 4  # of four source tokens and five target tokens
pairs = st.lists(
    st.tuples(
        st.lists(st.integers(0, 3), min_size=1, max_size=4),
        st.lists(st.integers(0, 4), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=5,
)


def by_loops(corpus, iterations):
    """Brown et al. 1993, equations 16 and 17, and the likelihood (11) before each iteration."""
    t = collections.defaultdict(lambda: 1 / 5)
    likelihoods = []
    for _ in range(iterations):
        count, total, likelihood = collections.Counter(), collections.Counter(), 0.0
        for source, target in corpus:
            source = [*source, NONE]
            for f in target:
                z = sum(t[e, f] for e in source)
                likelihood += np.log(z / len(source))
                for e in source:
                    count[e, f] += t[e, f] / z
                    total[e] += t[e, f] / z
        t = {(e, f): value / total[e] for (e, f), value in count.items()}
        likelihoods.append(likelihood)
    return t, likelihoods


def found(corpus, iterations):
    sources, targets = zip(*corpus, strict=True)
    source, target, probability = ibm_model_1(sources, targets, 4, 5, iterations)
    assert (np.diff(source) >= 0).all()
    return dict(zip(zip(source.tolist(), target.tolist(), strict=True), probability, strict=True))


@given(pairs, st.integers(1, 5))
def test_it_is_what_the_equations_say(corpus, iterations):
    expected, likelihoods = by_loops(corpus, iterations)
    probabilities = found(corpus, iterations)
    assert probabilities.keys() == expected.keys()
    for entry, value in expected.items():
        assert probabilities[entry] == pytest.approx(value, abs=1e-12)
    assert (np.diff(likelihoods) >= -1e-9).all()  # expectation maximisation never lowers it


def test_words_that_come_together_find_each_other():
    """Koehn, Statistical Machine Translation, section 4.2: das Haus, das Buch, ein Buch."""
    corpus = [([0, 1], [0, 1]), ([0, 2], [0, 2]), ([3, 2], [3, 2])]
    probabilities = found(corpus, 30)
    for token in range(4):
        assert max((p, f) for (e, f), p in probabilities.items() if e == token)[1] == token


def test_a_large_corpus_is_drawn_from(monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 30)
    random = np.random.default_rng(2)
    corpus = [(random.integers(0, 4, 3).tolist(), random.integers(0, 5, 3)) for _ in range(20)]
    sources, targets = zip(*corpus, strict=True)
    first = ibm_model_1(sources, targets, 4, 5)
    for one, other in zip(first, ibm_model_1(sources, targets, 4, 5), strict=True):
        np.testing.assert_array_equal(one, other)
    other = ibm_model_1(sources, targets, 4, 5, seed=1)
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(first, other, strict=True))
    assert len(first[0]) < 25  # of 30 tokens with each other


def test_no_sentences():
    assert [len(array) for array in ibm_model_1([], [], 4, 5)] == [0, 0, 0]
