"""Texts that go on: `TextGenerator` around a small trained model."""

import math
import warnings

import keras
import numpy as np
import pytest

from keras_attention._validation import InputError, TruncationWarning
from keras_attention.tasks.language_model.text_generator import TextGenerator
from keras_attention.tasks.load import load

TEXTS = ["three hund", "the ", "a", "on the fif", "eig"]
SEARCHES = {
    "greedy": {},
    "beam": {"beam_size": 3, "length_penalty": 0.5},
    "sample": {"sample": True, "temperature": 0.9, "top_k": 12, "top_p": 0.8},
    "top_k": {"sample": True, "temperature": 0.9, "top_k": 12},
    "nucleus": {"sample": True, "top_p": 0.8},
    "penalty": {"repetition_penalty": 1.6},
}
HOT = {"sample": True, "temperature": 1.5}
# Each is traced. The sample of the quick ones has both.
ALONE = ("top_k", "nucleus")
NAMES = [pytest.param(n, marks=pytest.mark.slow) if n in ALONE else n for n in SEARCHES]


@pytest.fixture(scope="module")
def generator(language_model_run):
    return load(language_model_run)


def by_hand(generator, text, count):
    """The most probable continuation, by whole passes of the model."""
    ids = generator.tokenizer.encode([text]).token_ids[0]
    begun = len(ids)
    for _ in range(count):
        logits = np.asarray(generator.model({"token_ids": np.array([ids], "int32")}))[0, -1]
        ids.append(int(logits.argmax()))
        if ids[-1] in generator.special_ids.ends or len(ids) > generator.context:
            break
    return ids[begun:]


def test_greedy_generation_is_the_models_own(generator):
    assert isinstance(generator, TextGenerator)
    found = generator.continuations(TEXTS[:2], max_new_tokens=6)
    for text, (best,) in zip(TEXTS, found, strict=False):
        ids = by_hand(generator, text, 6)
        assert best.token_ids == ids
        assert best.text == generator.tokenizer.decode(ids, continues=True)
        assert best.finish == ("end" if ids[-1] in generator.special_ids.ends else "length")


@pytest.mark.parametrize("name", NAMES)
def test_prompts_of_different_lengths_give_what_each_gives_alone(generator, name):
    options = dict(max_new_tokens=4, **SEARCHES[name])
    together = generator.generate(TEXTS, **options)
    seeds = range(len(TEXTS)) if options.get("sample") else [None] * len(TEXTS)
    alone = [
        generator.generate([text], seed=seed, **options)[0]
        for text, seed in zip(TEXTS, seeds, strict=True)
    ]
    assert together == alone
    assert len(set(together)) > 1


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_the_text_that_comes_at_once(generator, name):
    for index, text in enumerate(TEXTS[:3]):
        options = dict(max_new_tokens=7, **SEARCHES[name])
        if options.get("sample"):
            options["seed"] = index
        parts = list(generator.stream(text, **options))
        assert "".join(parts) == generator.generate([text], **options)[0]
        assert name == "beam" or len(parts) > 1


def test_a_stream_longer_than_its_first_room(generator, monkeypatch):
    from keras_attention.tasks.language_model import keras_reader

    monkeypatch.setattr(keras_reader, "ROOM", 3)
    (expected,) = generator.generate(["a"], max_new_tokens=11)
    assert "".join(generator.stream("a", max_new_tokens=11)) == expected


def test_samples_have_seeds(generator):
    options = dict(**HOT, max_new_tokens=8)
    first = generator.generate(["a", "a"], seed=4, **options)
    assert first[0] != first[1]
    assert first == generator.generate(["a", "a"], seed=4, **options)
    assert first[1] == generator.generate(["a"], seed=5, **options)[0]
    with pytest.raises(InputError, match="seed is an option of sampling"):
        generator.generate(["a"], seed=4)


def test_the_first_of_several_stops_ends_a_text(generator):
    (whole,) = generator.generate(["a"], max_new_tokens=10)
    assert len(whole) > 4
    stops = [whole[4:6], whole[2:4]]
    found = generator.continuations(["a"], max_new_tokens=10, stop=stops)[0][0]
    place = min(whole.find(stop) for stop in stops)
    assert found.text == whole[:place] and found.finish == "stop"
    assert len(found.token_ids) < 10
    assert "".join(generator.stream("a", max_new_tokens=10, stop=stops)) == found.text
    # A stop whose letters the model writes elsewhere changes nothing.
    assert generator.generate(["a"], max_new_tokens=10, stop=["qqqq"[:1] * 9]) == [whole]


def test_the_graph_stops_at_the_stop(generator, language_model_run):
    (whole,) = generator.generate(["a"], max_new_tokens=10)
    with_stop = load(language_model_run, stop=[whole[2]])
    assert with_stop.generate(["a"], max_new_tokens=10) == [whole[: whole.find(whole[2])]]
    stop = tuple(with_stop.tokenizer.encode([whole[2]]).token_ids[0])
    run = with_stop.run_with(with_stop.search, (stop,))
    ids = with_stop.tokenizer.encode(["a"]).token_ids
    found = run(
        prompt_ids=np.array(ids, "int32"),
        lengths=np.array([1], "int32"),
        max_new_tokens=np.array([10], "int32"),
    )
    row = found["token_ids"][0].tolist()
    expected = with_stop.tokenizer.encode([whole]).token_ids[0]
    length = expected.index(expected[2]) + 1
    assert row[:length] == expected[:length]
    assert set(row[length:]) <= {generator.special_ids.fill}


def test_the_scores_of_tokens_are_the_models_own(generator):
    found = generator.continuations(TEXTS, max_new_tokens=4, token_scores=True)
    for text, (best,) in zip(TEXTS, found, strict=True):
        ids = [*generator.tokenizer.encode([text]).token_ids[0], *best.token_ids]
        logits = generator.model({"token_ids": np.array([ids[:-1]], "int32")})
        values = np.asarray(keras.ops.log_softmax(logits))[0]
        expected = [values[n - 1, ids[n]] for n in range(len(ids) - len(best.token_ids), len(ids))]
        np.testing.assert_allclose(best.log_probabilities, expected, atol=1e-5)
        np.testing.assert_allclose(best.score, sum(expected), atol=1e-4)


def test_several_hypotheses(generator):
    found = generator.continuations(["the "], max_new_tokens=4, beam_size=4, n_best=3)
    scores = [each.score for each in found[0]]
    assert len({each.text for each in found[0]}) == 3
    assert scores == sorted(scores, reverse=True)


def test_a_prompt_over_the_context_is_cut_with_a_word(generator):
    context = generator.context
    text = "three hundred and two, " * 3
    kept = max(context // 2, context + 1 - 4)
    with pytest.warns(TruncationWarning, match=f"line 1: {len(text)} tokens are more than"):
        found = generator.generate([text], max_new_tokens=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found == generator.generate([text[-kept:]], max_new_tokens=4)


def test_a_text_ends_with_the_context(generator):
    text = "three hundred and two, "[: generator.context - 2]
    found = generator.continuations([text], max_new_tokens=50)[0][0]
    assert len(found.token_ids) == 3 or found.finish == "end"
    assert "".join(generator.stream(text, max_new_tokens=50)) == found.text


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (["a", ""], {}, "line 2: the prompt is empty"),
        ("abc", {}, "`texts` must be a list of strings"),
        (["a"], {"stop": [""]}, "`stop` must be strings that are not empty"),
        (["a"], {"stop": ["a", "\u20ac"]}, "The stop '€' can never come"),
        (["a"], {"max_new_tokens": 0}, "`max_new_tokens` must be a positive integer"),
        (["a"], {"temperature": 2.0}, "needs `sample` beside it"),
        (["a"], {"sample": True, "beam_size": 3}, "beam_size is an option of searching"),
        (["a"], {"repetition_penalty": 0}, "`repetition_penalty` must be"),
        (["a"], {"no_such": 0}, "Unknown decoding option 'no_such'"),
    ],
)
def test_what_cannot_be_done(generator, texts, options, message):
    with pytest.raises(ValueError, match=message):
        generator.generate(texts, **options)


def test_options_of_a_run(language_model_run, generator):
    sampling = load(language_model_run, **HOT, seed=7)
    expected = generator.generate(["a", "b"], 6, **HOT, seed=7)
    assert sampling.generate(["a", "b"], 6) == expected
    assert sampling.generate(["a"], 6, sample=False) == generator.generate(["a"], 6)
    with pytest.raises(InputError, match="`coverage_penalty` does not concern it"):
        load(language_model_run, beam_size=2, coverage_penalty=0.2)
    limited = load(language_model_run, max_length=3)
    assert len(limited.continuations(["a"])[0][0].token_ids) <= 3


class Fixed:
    """What an artifact is: it generates as it was exported, whatever is asked for."""

    def __init__(self, generator):
        run = generator.run_with(generator.search, ())
        self.generator = TextGenerator(
            generator.tokenizer, run, generator.score, generator.context, generator.search
        )


def test_what_was_exported_is_fixed(generator):
    fixed = Fixed(generator).generator
    assert fixed.generate(TEXTS, 5) == generator.generate(TEXTS, 5)
    (whole,) = fixed.generate(["a"], 8)
    stop = whole[3]
    assert fixed.generate(["a"], 8, stop=[stop]) == [whole[: whole.find(stop)]]
    assert list(fixed.stream("a", 8)) == [whole]  # without steps in one piece
    with pytest.raises(InputError, match="what it does is fixed"):
        fixed.generate(["a"], sample=True)


class Full:
    """A reader with room for so many tokens, as an artifact's caches have."""

    def __init__(self, reader, capacity):
        self.reader, self.capacity, self.read_tokens = reader, capacity, 0

    def start(self, token_ids):
        self.read_tokens = len(token_ids)
        return self.reader.start(token_ids)

    def read(self, token_id):
        self.read_tokens += 1
        assert self.read_tokens <= self.capacity
        return self.reader.read(token_id)


@pytest.mark.parametrize("name", ["greedy", "sample"])
def test_what_outgrows_the_caches_comes_in_one_piece(generator, monkeypatch, name):
    own, options = generator.reader, SEARCHES[name]
    for capacity, is_one in ((8, False), (7, True), (2, True)):
        monkeypatch.setattr(generator, "reader", lambda room=capacity: Full(own(), room))
        (expected,) = generator.generate(["the "], 5, **options)
        parts = list(generator.stream("the ", 5, **options))
        assert "".join(parts) == expected and (len(parts) == 1) == is_one


def test_log_probabilities_of_nothing_are_nothing(generator):
    first, second = generator.log_probabilities([[5], [5, 6, 7]])
    assert first.tolist() == [0.0] and len(second) == 3 and second[0] == 0
    assert (second[1:] < 0).all() and math.isfinite(second.sum())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[5], []], r"`rows` must be lists of one id or more. Received: rows\[1\]=\[\]"),
        ([[5] * 14], r"lists of at most 13 ids.*Received: len\(rows\[0\]\)=14"),
        ([[1, 2], [3, 999]], r"ids of the vocabulary, from 0 to \d+. Received: rows\[1\]\[1\]=999"),
        ([[1, -1]], r"ids of the vocabulary.*Received: rows\[0\]\[1\]=-1"),
        ([[1, 2.0]], r"ids of the vocabulary.*Received: rows\[0\]\[1\]=2.0"),
        ([[1, True]], r"ids of the vocabulary.*Received: rows\[0\]\[1\]=True"),
        ([5, 6], r"`rows` must be a list of lists of ids. Received: rows\[0\]=5"),
        (["abc"], r"`rows` must be a list of lists of ids. Received: rows\[0\]='abc'"),
        (5, "`rows` must be a list of lists of ids. Received: rows=5"),
    ],
)
def test_rows_that_cannot_be_scored(generator, rows, message):
    assert generator.context == 12
    with pytest.raises(ValueError, match=message):
        generator.log_probabilities(rows)


def test_rows_may_be_arrays(generator):
    expected = generator.log_probabilities([[5, 6, 7]])
    found = generator.log_probabilities(np.array([[5, 6, 7]]))
    np.testing.assert_array_equal(found, expected)
    assert generator.log_probabilities([]) == []


TEMPLATE = "{% for m in messages %}{{ m.role[0] }} {{ m.content }} {% endfor %}a"


def test_a_chat_is_what_the_template_makes_of_it(generator, monkeypatch):
    pytest.importorskip("jinja2")
    monkeypatch.setattr(generator.tokenizer, "chat_template", TEMPLATE)
    (expected,) = generator.generate(["u two a"], 5)
    assert generator.generate(["two"], 5, chat=True) == [expected]
    messages = [{"role": "user", "content": "two"}]
    assert generator.generate([messages], 5, chat=True) == [expected]
    assert "".join(generator.stream("two", 5, chat=True)) == expected


def test_a_chat_without_a_template(generator):
    with pytest.raises(InputError, match="no chat template"):
        generator.generate(["two"], 5, chat=True)
