"""One translator in four runtimes: the same answers, whatever the text."""

import importlib.util
import sys
import warnings

import pytest

from keras_attention import load
from keras_attention._validation import TruncationWarning, missing_package
from keras_attention.artifacts import onnx, tflite
from keras_attention.artifacts.formats import RUNTIMES
from keras_attention.text import phrase_corpus
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS, HALVES

MAX_LENGTH = 64  # of the run in conftest.py
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def translators(run_directory, artifact_directory):
    artifacts = {name: load(artifact_directory, name) for name in RUNTIMES[1:]}
    return {"keras": load(run_directory), **artifacts}


def assert_all_agree(translators, texts):
    """All four give the same texts and scores; returns the texts."""
    expected, expected_scores = translators["keras"].translate_with_scores(texts)
    for name, translator in translators.items():
        found, scores = translator.translate_with_scores(texts)
        assert found == expected, name
        assert scores == pytest.approx(expected_scores, abs=TOLERANCE), name
    return expected


def test_all_runtimes_agree_on_sentences_never_seen(translators):
    found = assert_all_agree(translators, phrase_corpus(40, split="test")[0])
    assert len(set(found)) > 10  # a model that says one thing to everything proves nothing


@pytest.mark.parametrize("batch_size", [1, 7, 40])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_batch_changes_nothing(translators, runtime, batch_size):
    translator = translators[runtime]
    texts = phrase_corpus(12, split="test")[0]
    expected = translator.translate(texts)
    translator.batch_size, kept = batch_size, translator.batch_size
    try:
        assert translator.translate(texts) == expected
        assert translator.translate(texts[::-1]) == expected[::-1]
    finally:
        translator.batch_size = kept


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_empty_line_gives_an_empty_line(translators, runtime):
    translator = translators[runtime]
    text = phrase_corpus(1, split="test")[0][0]
    translations, scores = translator.translate_with_scores(["", text, " \t\u2003\x0b", ""])
    assert [bool(t) for t in translations] == [False, True, False, False]
    assert scores[0] == scores[2] == scores[3] == 0 > scores[1]
    assert translations[1] == translator.translate([text])[0]
    assert translator.translate([]) == [] and translator.translate([""]) == [""]


def test_difficult_texts_give_the_same_in_all(translators):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        found = assert_all_agree(translators, DIFFICULT_TEXTS)
    assert found[:2] == ["", ""]
    assert all("\n" not in text for text in found)  # one line in, one line out


def test_half_a_surrogate_pair_is_a_replacement_character_in_all(translators):
    found = assert_all_agree(translators, HALVES)
    assert found[1] == translators["keras"].translate(["three\ufffd hundred"])[0] != ""


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("long", ["two hundred and " * 30, "x" * 100_000, "👍 " * 50_000])
def test_a_text_over_the_maximum_is_cut_with_a_warning_of_its_line(translators, runtime, long):
    translator = translators[runtime]
    texts = ["three", "", long]
    with pytest.warns(TruncationWarning, match=r"line 3: .* more than the model's maximum of 64"):
        found = translator.translate(texts)
    assert found[:2] == [translator.translate(["three"])[0], ""]
    with pytest.warns(TruncationWarning):
        assert translator.translate([long + " and more"])[0] == found[2]  # was cut off anyway


def test_all_runtimes_cut_alike(translators):
    long = " ".join(phrase_corpus(40, split="test")[0])
    with pytest.warns(TruncationWarning):
        assert assert_all_agree(translators, [long, "three"])[0]


def test_the_longest_text_that_fits_is_whole(translators):
    translator = translators["keras"]
    words = ["three"]
    while len(translator.tokenizer.source.encode(" ".join([*words, "two"]))) <= MAX_LENGTH:
        words.append("two")
    with warnings.catch_warnings():
        warnings.simplefilter("error", TruncationWarning)
        assert_all_agree(translators, [" ".join(words)])
    with pytest.warns(TruncationWarning, match="line 1: "):
        translator.encode([" ".join([*words, *["two"] * 2])])


def test_one_string_is_no_list(translators):
    with pytest.raises(ValueError, match="`texts` must be a list of strings. Received: texts='tw"):
        translators["onnx"].translate("two")
    for translator in translators.values():
        for faulty in ([1], None, ["a", b"b"], b"a"):
            with pytest.raises(ValueError, match="`texts` must be a list of strings. Received: "):
                translator.translate(faulty)


@pytest.mark.parametrize(
    ("module", "runtime", "extra"),
    [
        ("onnxruntime", onnx, "onnx"),
        ("ai_edge_litert.interpreter", tflite, "litert"),
    ],
)
def test_a_missing_package_names_the_extra(monkeypatch, module, runtime, extra, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "model").touch()
    with pytest.raises(ImportError, match=rf"pip install 'keras_attention\[{extra}\]'"):
        runtime.signature(tmp_path / "model")


@pytest.mark.parametrize(
    ("package", "there", "said"),
    [
        ("onnxruntime", True, "'keras_attention[onnx]'"),
        ("onnxruntime", False, "onnxruntime"),
        ("ai-edge-litert", False, "ai-edge-litert"),
        ("sentencepiece", False, "sentencepiece"),
        ("keras", False, "keras_attention"),
    ],
)
def test_without_tensorflow_a_missing_package_is_named_alone(monkeypatch, package, there, said):
    """An extra of this package would bring TensorFlow."""
    find = lambda name: object() if there or name != "tensorflow" else None  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", find)
    extra = {"onnxruntime": "onnx", "ai-edge-litert": "litert"}.get(package)
    assert str(missing_package(package, extra)).endswith(f"Install it with: pip install {said}")
