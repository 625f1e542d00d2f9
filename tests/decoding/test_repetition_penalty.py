"""The repetition penalty, in every search, against its definition in plain Python."""

import itertools

import numpy as np
import pytest

from keras_attention.decoding import SamplingOptions, SearchOptions, beam_search, greedy_search
from keras_attention.decoding.repetition import penalised, seen_tokens, with_token
from keras_attention.decoding.search import search
from tests.backend import to_numpy
from tests.decoding.language_model import SPECIAL, V, language_model, prompts
from tests.decoding.source_contract import SourceContract
from tests.decoding.table import WORDS, Table

ROWS = [[1, 0, 2, 7, 4], [0], [2, 2], [10, 1, 0, 2]]
PENALTY = 6.0  # the logits of the model are far apart


def log_softmax(logits):
    logits = logits.astype("float64")
    return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())


def after_penalty(model, words, penalty):
    """The log-probabilities (V,) of what follows `words`."""
    logits = to_numpy(model(np.array([words], "int32")))[0, -1].copy()
    for token in set(words):
        logits[token] = logits[token] / penalty if logits[token] > 0 else logits[token] * penalty
    return log_softmax(logits)


def greedy(model, prompt, count, penalty):
    words, score = list(prompt), 0.0
    for _ in range(count):
        values = after_penalty(model, words, penalty)
        words.append(int(values.argmax()))
        score += values.max()
        if words[-1] == SPECIAL.end:
            break
    return words[len(prompt) :], score


def test_by_hand():
    found = penalised(np.array([[2.0, -2.0, 3.0, -3.0]]), np.array([[1.0, 1.0, 0.0, 0.0]]), 2.0)
    np.testing.assert_array_equal(to_numpy(found), [[1.0, -4.0, 3.0, -3.0]])


def test_the_tokens_of_a_prompt_count_and_what_fills_it_does_not():
    model = language_model()
    seen = to_numpy(seen_tokens(model, prompts([[1, 0, 1], [5]], fill=9), 2))
    expected = np.zeros((2, V))
    expected[0, [0, 1]] = expected[1, 5] = 1
    np.testing.assert_array_equal(seen, expected)
    expected[0, 4] = expected[1, 5] = 1
    np.testing.assert_array_equal(to_numpy(with_token(seen, np.array([4, 5]))), expected)


@pytest.mark.parametrize("penalty", [PENALTY, 0.6])
def test_greedy_search_is_its_definition(penalty):
    model = language_model()
    found = to_numpy(greedy_search(model, prompts(ROWS), max_length=6, repetition_penalty=penalty))
    plain = to_numpy(greedy_search(model, prompts(ROWS), max_length=6))
    assert (found["token_ids"] != plain["token_ids"]).any() == (penalty > 1)
    for row, prompt in enumerate(ROWS):
        words, score = greedy(model, prompt, 6, penalty)
        assert found["token_ids"][row, : len(words)].tolist() == words
        np.testing.assert_allclose(found["score"][row], score, atol=1e-4)


def test_a_beam_as_wide_as_all_sequences_finds_the_best_after_the_penalty():
    table = Table(5, 3)
    table.vocabulary_size = 6
    found = to_numpy(
        beam_search(
            table, np.array([[1]], "int32"), beam_size=64, max_length=3, repetition_penalty=PENALTY
        )
    )
    end = table.special_ids.end

    def values(words):
        logits = table.logits[0, table._prefix(words)].copy()
        for token in set(words):
            logits[token] *= 1 / PENALTY if logits[token] > 0 else PENALTY
        logits[[t for t in range(6) if t not in (*WORDS, end)]] = -np.inf
        return log_softmax(logits)

    best = {}
    for length in range(4):
        for words in itertools.product(WORDS, repeat=length):
            score = sum(values(words[:n])[token] for n, token in enumerate(words))
            if length < 3:
                words, score = (*words, end), score + values(words)[end]
            best[words] = score
    words = max(best, key=best.get)
    assert found["token_ids"][0, : len(words)].tolist() == list(words)
    np.testing.assert_allclose(found["score"][0], best[words], atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        SearchOptions(max_length=7, repetition_penalty=PENALTY),
        SearchOptions(beam_size=3, n_best=2, max_length=7, repetition_penalty=PENALTY),
        SamplingOptions(max_length=7, top_p=0.9, repetition_penalty=PENALTY),
    ],
    ids=["greedy", "beam", "sample"],
)
def test_a_prompt_gives_what_it_gives_alone(options):
    model, seeds = language_model(), np.arange(4)
    seeded = (lambda rows: {"seed": seeds[rows]}) if options.is_sampling else (lambda rows: {})
    together = to_numpy(search(model, prompts(ROWS), options, **seeded(slice(None))))
    for row in (1, 3):
        rows = slice(row, row + 1)
        alone = to_numpy(search(model, prompts(ROWS[rows]), options, **seeded(rows)))
        np.testing.assert_array_equal(together["token_ids"][row], alone["token_ids"][0])
        np.testing.assert_allclose(together["score"][row], alone["score"][0], atol=1e-4)


def test_a_high_penalty_leaves_no_repetition():
    model = language_model()
    found = to_numpy(greedy_search(model, prompts(ROWS), max_length=6, repetition_penalty=1e6))
    for row, prompt in zip(found["token_ids"].tolist(), ROWS, strict=True):
        words = [*prompt, *row[: row.index(SPECIAL.end) if SPECIAL.end in row else None]]
        assert len(set(words[len(set(prompt)) :])) <= len(words)
        assert not set(row[: len(words) - len(prompt)]) & set(prompt)


@pytest.mark.parametrize("penalty", [0, -1, float("inf"), "2", True, None])
def test_a_penalty_that_is_none(penalty):
    for options in (SearchOptions, SamplingOptions):
        with pytest.raises(ValueError, match="`repetition_penalty` must be a finite number above"):
            options(repetition_penalty=penalty)
    with pytest.raises(ValueError, match="`repetition_penalty` must be"):
        greedy_search(language_model(), prompts(ROWS), repetition_penalty=penalty)


def test_a_model_that_does_not_say_how_many_tokens_it_has():
    class Nothing(SourceContract):
        pass

    with pytest.raises(ValueError, match="1 for a model without `vocabulary_size`"):
        seen_tokens(Nothing(), np.array([[1]]), 1)
