"""A run that learned a shortlist: it translates, is evaluated and exported with it, or without."""

import numpy as np
import pytest

from keras_attention import load
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import RUNTIMES
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.tasks.export import export
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from keras_attention.text import phrase_corpus
from keras_attention.text.tokenizers.translation_tokenizer import TranslationTokenizer
from tests.cli.command import run_here
from tests.tasks.small_translator import small_translator, tokenizer

SEARCH = dict(beam_size=4, length_penalty=0.6, shortlist=True)


@pytest.fixture(scope="module")
def shortlist_artifact(artifact_of, run_directory):
    return artifact_of(run_directory, "shortlist", search=SEARCH, with_alignments=True)


def test_the_run_holds_it(run_directory):
    shortlist = TranslationTokenizer.load(run_directory / "tokenizer").shortlist
    assert shortlist.candidates.shape == (300, 12) and len(shortlist.frequent) == 12
    np.testing.assert_array_equal(shortlist.candidates[:, 0], np.arange(300))


def test_it_names_translations(run_directory):
    """Most words of the corpus' translations are named for their sources."""
    tokens = TranslationTokenizer.load(run_directory / "tokenizer")
    shortlist, sides = tokens.shortlist, phrase_corpus(200, split="test")
    found, total = 0, 0
    for source, target in zip(*sides, strict=True):
        ids = tokens.source.encode(source)
        named = {*shortlist.candidates[ids].ravel().tolist(), *shortlist.frequent.tolist()}
        target = tokens.target.encode(target)
        found, total = found + sum(token in named for token in target), total + len(target)
    assert found / total > 0.9


def test_every_runtime_gives_the_same(run_directory, shortlist_artifact):
    texts = [*phrase_corpus(40, split="test")[0], "", "Zebra?"]
    expected, scores = load(run_directory, **SEARCH).translate_with_scores(texts)
    manifest = read_manifest(shortlist_artifact)
    assert manifest["decoding"]["shortlist"] is True
    # Its graphs hold the shortlist; programs that run them need no package that reads it.
    assert not list(shortlist_artifact.rglob("shortlist*"))
    for name in RUNTIMES[1:]:
        assert [report["agreement"] for report in manifest["parity"][name]] == [1.0, 1.0]
        translator = load(shortlist_artifact, name)
        for batch_size in (32, 1):  # each sentence has a shortlist of its own
            translator.batch_size = batch_size
            found, others = translator.translate_with_scores(texts)
            assert found == expected
            np.testing.assert_allclose(others, scores, atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "int8", "without_scores": True, "formats": ("tflite", "onnx")},
        pytest.param({"with_alignments": True}, marks=pytest.mark.slow),
        pytest.param({"precision": "float16", "search": SEARCH}, marks=pytest.mark.slow),
    ],
    ids=["int8 without scores", "greedy with alignments", "float16 with a beam"],
)
def test_with_every_other_option(options, run_directory, artifact_of):
    """The formats give the same as Keras beside whatever else an export can be asked for."""
    search = options.get("search", {"shortlist": True})
    name = "shortlist " + " ".join(sorted(options))
    told = {"allow_loss": 100} if "precision" in options else {}
    artifact = artifact_of(run_directory, name, **{**told, **options, "search": search})
    texts = [*phrase_corpus(20, split="test")[0], ""]
    expected = load(run_directory, **search).translate(texts)
    least = 0.9 if options.get("precision") == "int8" else 1.0
    for runtime in options.get("formats", RUNTIMES[1:]):
        translator = load(artifact, runtime)
        found = translator.translate(texts)
        same = np.mean([a == b for a, b in zip(found, expected, strict=True)])
        assert same >= (least if runtime != "tf_saved_model" else 1.0)
        translator.batch_size = 1  # each sentence has a shortlist of its own
        assert translator.translate(texts) == found


def test_the_command_line(
    capfd, tmp_path, run_directory, shortlist_artifact, beam_artifact_directory
):
    text = tmp_path / "in.txt"
    text.write_text("".join(f"{line}\n" for line in phrase_corpus(5, split="test")[0]))
    both = ("translate", "--input", text, "--beam-size", 4, "--length-penalty", 0.6, "--shortlist")
    status, expected, _ = run_here(capfd, *both, "--model", run_directory)
    assert status == 0
    status, found, _ = run_here(capfd, *both, "--model", shortlist_artifact)
    assert (status, found) == (0, expected)
    status, _, err = run_here(
        capfd, "translate", "--input", text, "--shortlist", "--model", beam_artifact_directory
    )
    assert status == 2 and "was exported with shortlist False, not True" in err


def test_runs_without_one(tmp_path):
    model, tokens = small_translator(), tokenizer()
    with pytest.raises(InputError, match="`shortlist` needs a run that has learned one: train the"):
        export(model, tmp_path / "artifact", tokens, search={"shortlist": True})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [0, -3])
def test_counts(count):
    with pytest.raises(ValueError, match="`shortlist` must be a positive integer"):
        TranslatorConfig(shortlist=count)
