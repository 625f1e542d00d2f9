"""Beam search with penalties, n-best and alignments in all three formats."""

import warnings

import numpy as np
import pytest

from keras_attention import load
from keras_attention._validation import InputError, TruncationWarning
from keras_attention.artifacts.formats import FORMATS, RUNTIMES
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.text import phrase_corpus
from tests.conftest import BEAM
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS


@pytest.fixture(scope="module")
def translators(run_directory, beam_artifact_directory):
    artifacts = {name: load(beam_artifact_directory, name) for name in RUNTIMES[1:]}
    return {"keras": load(run_directory, **BEAM), **artifacts}


@pytest.mark.parametrize("texts", [phrase_corpus(24, split="test")[0], DIFFICULT_TEXTS])
def test_all_runtimes_give_the_same_hypotheses(translators, texts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        expected = translators["keras"].translate_n_best(texts)
        assert max(len(row) for row in expected) == 3
        for name, translator in translators.items():
            found = translator.translate_n_best(texts)
            for row, other in zip(found, expected, strict=True):
                assert [text for text, _ in row] == [text for text, _ in other], name
                np.testing.assert_allclose([s for _, s in row], [s for _, s in other], atol=1e-3)


def test_the_beam_finds_better_ones_than_greedy_search(run_directory, translators):
    texts = phrase_corpus(40, split="test")[0]
    greedy = load(run_directory).translate_with_scores(texts)
    plain = load(run_directory, beam_size=4).translate_with_scores(texts)
    assert sum(plain[1]) > sum(greedy[1]) and plain[0] != greedy[0]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_batch_changes_nothing(translators, runtime):
    translator = translators[runtime]
    texts = phrase_corpus(9, split="test")[0]
    expected = translator.translate(texts)
    translator.batch_size, kept = 1, translator.batch_size
    try:
        assert translator.translate(texts) == expected
    finally:
        translator.batch_size = kept


def test_signatures(beam_artifact_directory):
    manifest = read_manifest(beam_artifact_directory)
    assert manifest["decoding"]["method"] == "beam"
    assert {name: manifest["decoding"][name] for name in BEAM} == BEAM
    assert manifest["signatures"]["serving_default"]["outputs"] == {
        "text": ["string", ["N", 3]],
        "score": ["float32", ["N", 3]],
    }
    assert manifest["signatures"]["ids"]["outputs"]["alignment"] == ["float32", ["N", 3, "T", "S"]]
    run = FORMATS["tf_saved_model"].signature(beam_artifact_directory, "serving_default")
    outputs = run(text=["three", " "])
    assert outputs["text"].shape == outputs["score"].shape == (2, 3)
    assert outputs["text"][1].tolist() == [b""] * 3 and not outputs["score"][1].any()


def test_an_artifact_refuses_what_it_was_not_exported_with(
    run_directory, artifact_directory, beam_artifact_directory
):
    with pytest.raises(InputError, match="exported with beam_size 1, not 4: .* `beam_size`"):
        load(artifact_directory, beam_size=4)
    with pytest.raises(InputError, match="exported with n_best 3, not 4"):
        load(beam_artifact_directory, n_best=4)
    for model in (artifact_directory, run_directory):
        for name in ("beam", "with_alignments", "method"):
            with pytest.raises(InputError, match=f"Unknown decoding option '{name}'; expected"):
                load(model, **{name: 1})
    with pytest.raises(ValueError, match="`n_best` must be a positive integer"):
        load(beam_artifact_directory, n_best=0)
    assert load(beam_artifact_directory, beam_size=4, n_best=2)
