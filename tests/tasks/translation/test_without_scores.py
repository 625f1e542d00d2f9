"""Artifacts of greedy search that give no scores: the same translations, and no sum over V."""

import numpy as np
import pytest

from keras_attention import export, load
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.decoding import SearchOptions, search
from keras_attention.text import phrase_corpus
from tests.cli.command import run_here


@pytest.fixture(scope="module")
def artifact(artifact_of, run_directory):
    return artifact_of(run_directory, "without_scores", without_scores=True)


def test_every_runtime_translates_the_same(run_directory, artifact):
    texts = [*phrase_corpus(40, split="test")[0], "", "Zebra?"]
    expected = load(run_directory).translate(texts)
    assert len(set(expected)) > 20
    for name in FORMATS:
        translator = load(artifact, name)
        for batch_size in (32, 1):
            translator.batch_size = batch_size
            assert translator.translate(texts) == expected
        assert all(np.isnan(row[0][1]) for row in translator.translate_n_best(texts[:2]))
        with pytest.raises(InputError, match="This artifact gives no scores: it was exported with"):
            translator.translate_with_scores(texts)


def test_what_the_artifact_says(artifact, artifact_directory):
    manifest = read_manifest(artifact)
    assert manifest["decoding"]["without_scores"] is True
    for signature in manifest["signatures"].values():
        assert "score" not in signature["outputs"]
    for name, fmt in FORMATS.items():
        found = fmt.signature(artifact, "ids")(source_ids=np.array([[5, 6, 3]], np.int32))
        assert set(found) == {"token_ids"}, name
    logarithms = {"tf_saved_model": "Log", "tflite": "LOG", "onnx": "ai.onnx:Log"}
    with_scores = read_manifest(artifact_directory)["ops"]
    for name, operator in logarithms.items():  # of the sum over the vocabulary
        assert operator in with_scores[name] and operator not in manifest["ops"][name]


def test_the_command_line(capfd, tmp_path, artifact):
    text = tmp_path / "text"
    text.write_text("three hundred and two\n", encoding="utf-8")
    command = ("translate", "--model", artifact, "--input", text)
    status, found, _ = run_here(capfd, *command)
    assert status == 0 and found.count("\n") == 1
    status, _, said = run_here(capfd, *command, "--scores")
    assert status == 2 and "gives no scores: it was exported without them" in said


def test_a_beam_needs_scores(capfd, tmp_path, run_directory):
    export_it = ("export", "--model", run_directory, "--output", tmp_path / "a", "--without-scores")
    for options in (("--beam-size", 4), ("--sample",)):
        status, _, said = run_here(capfd, *export_it, *options)
        assert status == 2
        assert "--without-scores must be False for a beam, which compares scores" in said
    with pytest.raises(ValueError, match="`without_scores` must be False for a beam"):
        export(run_directory, tmp_path / "a", without_scores=True, search={"beam_size": 2})
    model = load(run_directory).model
    with pytest.raises(ValueError, match="`return_score` must be True for a beam"):
        search(model, [[5, 3]], SearchOptions(beam_size=2), return_score=False)
