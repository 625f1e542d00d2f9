"""What `load` returns may be used from several threads: each text gets its own answer."""

import itertools
import logging
import shutil
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import keras_attention
from keras_attention._validation import (
    TruncationWarning,
    truncation_is_known,
    warn_of_truncation,
)
from keras_attention.artifacts import saved_model
from keras_attention.artifacts.formats import RUNTIMES
from keras_attention.artifacts.manifest import read_manifest, write_manifest
from keras_attention.new_directory import _exchange
from keras_attention.tasks.describe import describe
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks.small_models import KINDS, MAKERS, exported, saved

THREADS = 8
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Of many lengths, and several of each, which differ.
WORDS = [
    " ".join(LETTERS[(7 * i + j * (i % 5 + 1)) % 26] for j in range(1 + i % 6)) for i in range(48)
]


def in_threads(function, items):
    """`function` of each item in `THREADS` threads that begin together; errors come out."""
    barrier = threading.Barrier(THREADS)

    def some(first):
        barrier.wait()
        return {i: function(items[i]) for i in range(first, len(items), THREADS)}

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(some, range(THREADS)))
    found = {i: answer for part in parts for i, answer in part.items()}
    return [found[i] for i in range(len(items))]


def answer_of(user, name):
    """A function of one text to an array, or to a text with its score."""
    if KINDS[name] == "translator":
        return lambda text: user.translate_with_scores([text])
    if KINDS[name] == "classifier":
        return lambda text: user.probabilities([text])
    if KINDS[name] == "embedding":
        return lambda text: user.embed([text])[0]
    if KINDS[name] == "language-model":

        def continued(text):
            ((best, *_),) = user.continuations([text], max_new_tokens=8, token_scores=True)
            return best.text, best.log_probabilities

        return continued
    return lambda text: user.outputs([text])[0]


def assert_alike(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, tuple):
            assert one[0] == other[0]
            one, other = one[1], other[1]
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)


# Every runtime with strings and with arrays, every kind in one runtime.
QUICK = {(runtime, name) for runtime in RUNTIMES for name in ("translator", "classifier")}
QUICK |= {("keras", name) for name in ("masked-lm", "language-model")}
QUICK |= {("tflite", "encoder"), ("onnx", "embedding"), ("tf_saved_model", "token-classifier")}


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow)
        for pair in itertools.product(RUNTIMES, MAKERS)
    ],
)
def test_each_text_gets_its_own_answer(runtime, name, once):
    path = saved(once, name) if runtime == "keras" else exported(once, name)
    alone = answer_of(keras_attention.load(path, runtime), name)
    expected = [alone(text) for text in WORDS]
    # Loaded in the threads' presence, and unused: the first calls come together too.
    user = keras_attention.load(path, runtime)
    assert_alike(in_threads(answer_of(user, name), WORDS), expected)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_threads_that_load_for_themselves(runtime, once):
    name = "classifier"
    path = saved(once, name) if runtime == "keras" else exported(once, name)
    expected = [answer_of(keras_attention.load(path, runtime), name)(text) for text in WORDS[:8]]

    def load_and_answer(text):
        return answer_of(keras_attention.load(path, runtime), name)(text)

    assert_alike(in_threads(load_and_answer, WORDS[:8]), expected)


@hypothesis.given(st.lists(st.text(max_size=20), min_size=THREADS, max_size=40))
@hypothesis.settings(max_examples=20)
def test_a_tokenizer_that_fills_its_cache(texts):
    expected = [word_piece().encode([text]).token_ids for text in texts]
    tokenizer = word_piece()
    assert in_threads(lambda text: tokenizer.encode([text]).token_ids, texts) == expected


def test_what_one_thread_knows_is_news_to_another():
    inside, done = threading.Event(), threading.Event()

    def quiet():
        with truncation_is_known():
            inside.set()
            assert done.wait(10)
            warn_of_truncation("hidden")

    before = list(warnings.filters)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(quiet)
        assert inside.wait(10)
        assert warnings.filters == before
        with pytest.warns(TruncationWarning, match="shown"):
            warn_of_truncation("shown")
        done.set()
        future.result()


def test_no_library_code_changes_filters_for_a_time():
    """`catch_warnings` puts back what the filters were, and so undoes what other threads set."""
    root = keras_attention.__path__[0]
    found = []
    for path in Path(root).rglob("*.py"):
        if "catch_warnings(" in path.read_text(encoding="utf-8"):
            found.append(path.name)
    assert found == []


def test_a_logger_is_as_before_whatever_threads_hide(caplog):
    logger = logging.getLogger("keras_attention.tests.threads")
    first, second = threading.Event(), threading.Event()

    def hides():
        with saved_model._without_deprecation_notes(logger):
            first.set()
            assert second.wait(10)
            logger.warning("hidden")

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(hides)
        assert first.wait(10)
        with saved_model._without_deprecation_notes(logger):  # ends after the first has
            second.set()
            future.result()
            logger.error("an error")
        logger.warning("shown")
    assert [record.message for record in caplog.records] == ["an error", "shown"]
    assert logger.filters == [] and logger.level == logging.NOTSET


def with_labels(source, path, labels, word):
    """A copy of a classifier's artifact with other names of the classes and of one token."""
    shutil.copytree(source, path)
    manifest = read_manifest(path)
    for name in ("vocab.txt", "tokenizer.json"):
        text = (path / "tokenizer" / name).read_text()
        (path / "tokenizer" / name).write_text(text.replace("monday", word))
    (path / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    write_manifest(path, {**manifest, "labels": labels})
    return path


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
def test_labels_and_files_never_mix(once, tmp_path, runtime):
    """Two artifacts take turns under one name, faster than they load."""
    source = exported(once, "classifier")
    kinds = {"monday": LABELS, "sunday": ["x", "y", "z"]}
    for word, labels in kinds.items():
        with_labels(source, tmp_path / word, labels, word)
    path, other = tmp_path / "monday", tmp_path / "sunday"
    if not _exchange(path, other):
        pytest.skip("no exchange here")
    end = threading.Event()

    def take_turns():
        while not end.wait(0.002):
            _exchange(path, other)

    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        seen = set()
        for _ in range(24):
            user = keras_attention.load(path, runtime)
            (word,) = {"monday", "sunday"} & set(user.tokenizer.vocabulary)
            assert user.labels == kinds[word]
            seen.add(word)
        assert seen == set(kinds)
        assert {"labels: x, y, z", f"labels: {', '.join(LABELS)}"} & set(
            describe(path).splitlines()
        )
    finally:
        end.set()
        thread.join()
