import csv
import json
import shutil

import keras
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.checkpoints import save_hugging_face
from keras_attention.models import BertEncoder, Classifier
from keras_attention.runs.run_directory import read_config, write_digests
from keras_attention.tasks import train as module
from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.classification.labelled_examples import load_examples
from keras_attention.tasks.load import load, load_run
from keras_attention.tasks.save_run import save_run
from keras_attention.tasks.train import train
from keras_attention.text import WordPieceTokenizer, read_labelled, read_texts
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.labelled_sentences import LABELS, PAIR_LABELS, labelled_sentences, write_table
from tests.tasks.kill import kill_in_first_epoch
from tests.tasks.small_classifier import one_layer, small_classifier, write_data


def names(directory):
    return {path.name for path in directory.iterdir()}


@pytest.fixture(scope="module", autouse=True)
def small_preset():
    with one_layer():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run of the lesson's preset that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train(small_classifier(data), run, quiet=True)
    return run


@pytest.fixture(scope="module")
def bert(data, tmp_path_factory):
    """A run of BERT, to begin with."""
    tokenizer = WordPieceTokenizer.train(read_texts(data / "train.jsonl", "text"), 200, True)
    sizes = dict(vocabulary_size=tokenizer.vocabulary_size, max_sequence_length=32)
    keras.utils.set_random_seed(3)
    model = Classifier(BertEncoder.from_preset("tiny", **sizes), len(LABELS), labels=LABELS)
    return save_run(model, tokenizer, tmp_path_factory.mktemp("bert") / "run")


def test_what_a_run_directory_holds(whole, data):
    assert names(whole) == {
        "model.keras",
        "digests.json",
        "data.json",
        "tokenizer",
        "config.json",
        "history.csv",
        "scores.json",
        "confusion.png",
        "snapshots",
        "logs",
    }
    with open(whole / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= rows[0].keys()
    values = json.loads((whole / "config.json").read_text())
    assert values["labels"] == LABELS
    expected = small_classifier(data)
    expected.labels, expected.pooling = LABELS, "mean"  # where the config left them open
    assert ClassifierConfig.from_dict(values) == expected


def test_it_learns_and_says_how_well(whole, data):
    valid = read_labelled(data / "valid.jsonl")
    classifier = load(whole)
    found = classifier.classify(valid.texts)
    accuracy = np.mean([a == b for a, b in zip(found, valid.labels, strict=True)])
    assert accuracy > 0.6  # of three labels
    scores = json.loads((whole / "scores.json").read_text())
    assert scores["accuracy"] == pytest.approx(accuracy)
    assert np.sum(scores["confusion"]) == len(valid)
    assert (whole / "confusion.png").read_bytes().startswith(b"\x89PNG")
    probabilities = classifier.probabilities(valid.texts)
    assert probabilities.shape == (24, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_the_best_epoch_is_what_is_left(data, tmp_path):
    """The rate grows until it does harm, and the last epoch is not the best."""
    options = dict(learning_rate=0.1, warmup_share=1.0, clip_norm=None)
    config = small_classifier(data, epochs=4, **options)
    train(config, tmp_path / "run", quiet=True)
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        accuracies = [float(row["val_accuracy"]) for row in csv.DictReader(file)]
    best = max(accuracies)
    assert accuracies[-1] < best
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["accuracy"] == pytest.approx(best, abs=1e-6)


def test_early_stopping(data, tmp_path, capsys):
    """A rate of nearly 0 makes no epoch better than the first."""
    config = small_classifier(data, epochs=9, learning_rate=1e-12, patience=2)
    train(config, tmp_path / "run", quiet=True)
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 3
    # Killed just before the end, it ends at once.
    (tmp_path / "run" / "model.keras").unlink()
    expected = (tmp_path / "run" / "scores.json").read_bytes()
    train(config, tmp_path / "run", resume=True)
    assert "Epoch" not in capsys.readouterr().out
    assert (tmp_path / "run" / "scores.json").read_bytes() == expected


# The streamed translator's and the other translator's are killed every time.
@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(data, whole, tmp_path, capsys):
    run = tmp_path / "run"
    kill_in_first_epoch(run, "tests.tasks.small_classifier", "classifier", data, run)
    newest = read_snapshot(snapshot_paths(run / "snapshots")[-1])[1]
    classifier = train(small_classifier(data), run, resume=True)
    assert f"resumed at step {newest['step']}\n" in capsys.readouterr().out
    expected = load_run(whole).model
    for model in (classifier.model, load_run(run).model):
        for left, right in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(left, right)
    assert (run / "scores.json").read_bytes() == (whole / "scores.json").read_bytes()
    assert names(run) == names(whole)
    train(small_classifier(data), run, resume=True)
    assert f"{run} is finished: nothing to do." in capsys.readouterr().out


def test_pairs(data, tmp_path):
    config = small_classifier(
        data,
        train=str(data / "train.pairs.jsonl"),
        valid=str(data / "valid.pairs.jsonl"),
        pair_column="other",
        preset="tiny",
        learning_rate=1e-3,
        epochs=1,
    )
    classifier = train(config, tmp_path / "run", quiet=True)
    assert classifier.labels == PAIR_LABELS and classifier.takes_pairs
    loaded = load(tmp_path / "run", kind="classifier")
    texts, others = ["A lovely film.", "A dull café!"], ["A cold room.", "A warm museum."]
    there = loaded.probabilities(texts, others)
    np.testing.assert_allclose(there, classifier.probabilities(texts, others), atol=1e-6)
    # Which one is first matters: segments and order are read.
    assert np.abs(there - loaded.probabilities(others, texts)).max() > 1e-5
    with pytest.raises(ValueError, match="`pairs` must be given, for this classifies pairs"):
        loaded.classify(texts)


@pytest.mark.parametrize("freeze", [True, False])
def test_initial_weights_of_a_run(data, bert, tmp_path, freeze):
    config = small_classifier(
        data,
        initial_weights=str(bert),
        freeze_encoder=freeze,
        pooling="mean",
        layer_decay=None if freeze else 0.9,
        epochs=1,
    )
    classifier = train(config, tmp_path / "run", quiet=True)
    before = load_run(bert).model.encoder.get_weights()
    after = classifier.model.encoder.get_weights()
    moved = [np.abs(a - b).max() for a, b in zip(before, after, strict=True)]
    assert (max(moved) == 0) == freeze
    loaded = load(tmp_path / "run")
    assert loaded.tokenizer.vocabulary == load_run(bert).tokenizer.vocabulary
    text = ["What a charming museum!"]
    np.testing.assert_allclose(
        loaded.probabilities(text), classifier.probabilities(text), atol=1e-6
    )


def test_weights_without_a_pooler_are_read_by_their_mean(data, whole, tmp_path, monkeypatch):
    assert not load_run(whole).model.encoder.has_pooler
    config = small_classifier(data, initial_weights=str(whole), epochs=1)
    train(config, tmp_path / "run", quiet=True)
    assert read_config(tmp_path / "run")["pooling"] == "mean"
    # A training that goes on has the same model before its first update.
    monkeypatch.setattr(module, "fit", lambda *arguments, **options: None)
    again = small_classifier(data, initial_weights=str(whole), epochs=2)
    classifier = train(again, tmp_path / "run", resume=True, quiet=True)
    assert classifier.model.pooling == "mean"


def skewed_texts(path):
    """A table with few texts of the first label."""
    texts, labels = labelled_sentences(90, 7)
    kept = [i for i, label in enumerate(labels) if label != LABELS[0] or i % 5 == 0]
    return write_table(path, text=[texts[i] for i in kept], label=[labels[i] for i in kept])


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_balanced_classes_count_alike_in_the_batches_of_a_training(
    weights, data, tmp_path, monkeypatch
):
    found = []
    fit = lambda run, model, batches, *others, **options: found.append(batches)  # noqa: E731
    monkeypatch.setattr(module, "fit", fit)
    file = skewed_texts(tmp_path / "skewed.jsonl")
    config = small_classifier(data, train=file, class_weights=weights, max_sequence_length=48)
    train(config, tmp_path / "run", quiet=True)
    (batches,) = found
    sums = np.zeros(3)
    for _, targets, counted in batches.dataset().take(len(batches)).as_numpy_iterator():
        np.add.at(sums, targets, counted)
    assert (sums.max() < 1.001 * sums.min()) == (weights == "balanced")


@pytest.mark.slow
def test_balanced_class_weights_change_what_is_learned(data, tmp_path):
    texts = labelled_sentences(90, 7)[0]
    file = skewed_texts(tmp_path / "skewed.jsonl")
    found = []
    for weights in ("none", "balanced"):
        config = small_classifier(data, train=file, class_weights=weights, max_sequence_length=48)
        classifier = train(config, tmp_path / weights, quiet=True)
        found.append(classifier.probabilities(texts)[:, 0].mean())
    assert found[1] > found[0]


def test_the_validation_texts_are_split_off(data, capsys):
    config = small_classifier(data)
    config.valid = None
    train, valid = load_examples(config)
    assert (len(train), len(valid)) == (144, 16)
    whole = read_labelled(data / "train.jsonl")
    assert sorted([*train.texts, *valid.texts]) == sorted(whole.texts)
    assert "16 of the training texts are set aside to validate on." in capsys.readouterr().out


def test_texts_that_are_too_long_are_counted_and_said_once(data, tmp_path, capsys):
    config = small_classifier(data, max_sequence_length=8, epochs=1)
    train(config, tmp_path / "run")
    out = capsys.readouterr().out
    assert out.count("texts are longer than 8 tokens; only their beginnings are read.") == 1
    with pytest.warns(UserWarning, match=r"1 of 2 texts are longer .* 8 tokens \(the first in"):
        load(tmp_path / "run").classify(["short", "one two three four five six seven eight"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(train="nowhere.csv"), "nowhere.csv"),
        (dict(text_column="review"), "review.*text"),
        (dict(label_column="stars"), "stars"),
        (dict(pair_column="second"), "second"),
        (dict(initial_weights="nowhere"), "nowhere: neither a run nor a HuggingFace directory"),
    ],
)
def test_bad_input_writes_nothing(data, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        train(small_classifier(data, **options), tmp_path / "run", quiet=True)
    assert names(tmp_path) == set()


def test_labels_that_cannot_be_learned(data, tmp_path):
    one = write_table(tmp_path / "one.jsonl", text=["a", "b"], label=["x", "x"])
    with pytest.raises(InputError, match="one.jsonl: all 2 labels are 'x'; a classifier needs two"):
        train(small_classifier(data, train=one), tmp_path / "run", quiet=True)
    other = write_table(tmp_path / "other.jsonl", text=["a"], label=["unheard"])
    with pytest.raises(InputError, match="other.jsonl, line 1: unknown label 'unheard'; the known"):
        train(small_classifier(data, valid=other), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_initial_weights_that_cannot_be_used(whole, bert, data, tmp_path):
    config = small_classifier(data, initial_weights=str(whole), pooling="pooled")
    with pytest.raises(ValueError, match="`pooling` must be given an encoder with a pooler"):
        train(config, tmp_path / "run", quiet=True)
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(200, 4)(token_ids))
    save_run(
        keras.Model(token_ids, keras.layers.Dense(len(LABELS))(x)),
        WordPieceTokenizer.load(bert / "tokenizer"),
        tmp_path / "own",
        labels=LABELS,
        kind="classifier",
        max_sequence_length=32,
    )
    config = small_classifier(data, initial_weights=str(tmp_path / "own"))
    with pytest.raises(InputError, match="its model has no encoder to begin with"):
        train(config, tmp_path / "run", quiet=True)
    config = small_classifier(data, initial_weights=str(bert), max_sequence_length=33)
    with pytest.raises(
        InputError, match="`max_sequence_length` 33 is more than the 32 positions of"
    ):
        train(config, tmp_path / "run", quiet=True)
    one_segment = BertEncoder.from_preset(
        "tiny", vocabulary_size=300, max_sequence_length=32, num_segments=1
    )
    tokenizer = WordPieceTokenizer.load(bert / "tokenizer")
    save_hugging_face(one_segment, tokenizer, tmp_path / "one_segment")
    config = small_classifier(
        data,
        train=str(data / "train.pairs.jsonl"),
        valid=str(data / "valid.pairs.jsonl"),
        pair_column="other",
        initial_weights=str(tmp_path / "one_segment"),
    )
    with pytest.raises(InputError, match="`pair_column` needs an encoder of two segments or more"):
        train(config, tmp_path / "run", quiet=True)
    damaged = shutil.copytree(bert, tmp_path / "damaged")
    with open(damaged / "tokenizer" / "vocab.txt", "a") as file:
        file.write("one\ntoo\nmany\n")
    (damaged / "tokenizer" / "tokenizer.json").unlink()
    config = small_classifier(data, initial_weights=str(damaged))
    with pytest.raises(InputError, match="is not as its digests.json says: tokenizer"):
        train(config, tmp_path / "run", quiet=True)
    write_digests(damaged, damaged / "model.keras")
    with pytest.raises(InputError, match="tokens and the embedding .* they do not belong together"):
        train(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
