import csv
import json

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.checkpoints import save_hugging_face
from keras_attention.checkpoints.bert import Bert
from keras_attention.models import Classifier
from keras_attention.runs.run_directory import read_model
from keras_attention.tasks.load import load
from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig
from keras_attention.tasks.masked_lm.pretraining_texts import load_texts
from keras_attention.tasks.masked_lm.training import most_frequent_rate
from keras_attention.tasks.save_run import save_run
from keras_attention.tasks.train import train
from keras_attention.text import WordPieceTokenizer
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.labelled_sentences import LABELS
from tests.tasks.kill import kill_in_first_epoch
from tests.tasks.small_classifier import (
    one_layer,
    small_classifier,
    small_masked_lm,
    write_data,
)


@pytest.fixture(scope="module", autouse=True)
def small_preset():
    with one_layer():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train(small_masked_lm(data), run, quiet=True)
    return run


def history(run):
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_what_a_run_directory_holds(whole, data):
    found = {path.name for path in whole.iterdir()}
    of_a_run = {"model.keras", "digests.json", "data.json", "tokenizer", "config.json"}
    assert found == of_a_run | {"history.csv", "snapshots", "logs"}
    assert [row["epoch"] for row in history(whole)] == ["0", "1"]
    values = json.loads((whole / "config.json").read_text())
    assert MaskedLMConfig.from_dict(values) == small_masked_lm(data)


def test_it_learns_more_than_the_most_frequent_token(data, tmp_path, capsys):
    config = small_masked_lm(data, epochs=12, learning_rate=3e-3)
    train(config, tmp_path / "run")
    said = capsys.readouterr().out
    rate = float(said.split("guessing the most frequent token is right for ")[1].split("%")[0])
    rows = history(tmp_path / "run")
    assert float(rows[-1]["val_accuracy"]) > 2 * rate / 100
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])


def test_the_rate_of_the_most_frequent_token():
    class Batches:
        def epochs(self, epochs):
            assert epochs == 1
            yield None, np.array([[3, 3, 8], [3, 5, 0]]), np.array([[1.0, 1, 1], [1, 1, 0]])
            yield None, np.array([[8, 8, 0]]), np.array([[1.0, 0, 0]])

    assert most_frequent_rate(Batches()) == 3 / 6


# The streamed translator's and the other translator's are killed every time.
@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(data, whole, tmp_path, capsys):
    run = tmp_path / "run"
    kill_in_first_epoch(run, "tests.tasks.small_classifier", "masked-lm", data, run)
    newest = read_snapshot(snapshot_paths(run / "snapshots")[-1])[1]
    model = train(small_masked_lm(data), run, resume=True).model
    assert f"resumed at step {newest['step']}\n" in capsys.readouterr().out
    expected = read_model(whole)
    for left, right in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert history(run)[1]["val_loss"] == history(whole)[1]["val_loss"]


def test_the_weights_are_those_of_the_last_epoch(data, tmp_path):
    config = small_masked_lm(data, epochs=2, learning_rate=1.0, warmup_share=1.0)
    train(config, tmp_path / "run", quiet=True)
    losses = [float(row["val_loss"]) for row in history(tmp_path / "run")]
    assert losses[-1] > losses[0]  # its rate grows until it breaks what was learned
    arrays, _ = read_snapshot(snapshot_paths(tmp_path / "run" / "snapshots")[-1])
    for i, variable in enumerate(read_model(tmp_path / "run").variables):
        if "seed_generator" not in variable.path:
            np.testing.assert_array_equal(variable, arrays[f"model/{i:04d}"])


def test_a_classifier_begins_with_it(data, whole, tmp_path):
    config = small_classifier(data, initial_weights=str(whole), learning_rate=1e-12, epochs=1)
    classifier = train(config, tmp_path / "run", quiet=True)
    pretrained = read_model(whole).encoder
    blocks = zip(classifier.model.encoder.blocks, pretrained.blocks, strict=True)
    for ours, theirs in blocks:
        for left, right in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(left, right, atol=1e-6)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("run", marks=pytest.mark.slow),
        # That of a published DistilBERT goes on every time: test_distilbert.py.
        pytest.param("HuggingFace", marks=pytest.mark.slow),
        "run with another dropout",
    ],
)
def test_pretraining_goes_on_from_it_head_included(data, whole, tmp_path, source):
    begin, options = whole, {}
    if source == "HuggingFace":
        begin = tmp_path / "weights"
        tokenizer = WordPieceTokenizer.load(whole / "tokenizer")
        save_hugging_face(read_model(whole), tokenizer, begin)
    elif source == "run with another dropout":
        options["dropout"] = 0.3
    config = small_masked_lm(
        data, initial_weights=str(begin), learning_rate=1e-12, epochs=1, **options
    )
    train(config, tmp_path / "run", quiet=True)
    before, after = read_model(whole), read_model(tmp_path / "run")
    assert after.encoder.dropout == options.get("dropout", before.encoder.dropout)
    # HuggingFace's masked language models have no pooler, and nothing here learns one.
    parts, others = Bert().parts(before), Bert().parts(after)
    names = [name for name in parts if "pooler" not in name]
    assert any(name.startswith("cls.predictions") for name in names)
    for name in names:
        np.testing.assert_allclose(parts[name].value(), others[name].value(), atol=1e-6)


def test_more_tokens_than_positions(data, whole, tmp_path):
    config = small_masked_lm(data, initial_weights=str(whole), max_sequence_length=33)
    with pytest.raises(
        InputError, match="`max_sequence_length` 33 is more than the 32 positions of"
    ):
        train(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_an_encoder_that_was_frozen_is_pretrained(data, whole, tmp_path):
    encoder = read_model(whole).encoder
    encoder.trainable = False
    frozen = Classifier(encoder, len(LABELS), labels=LABELS)
    save_run(frozen, WordPieceTokenizer.load(whole / "tokenizer"), tmp_path / "classifier")
    assert not read_model(tmp_path / "classifier").encoder.trainable
    config = small_masked_lm(data, initial_weights=str(tmp_path / "classifier"), epochs=1)
    train(config, tmp_path / "run", quiet=True)
    before, after = (
        read_model(path).encoder.blocks[0].get_weights() for path in (whole, tmp_path / "run")
    )
    assert max(np.abs(a - b).max() for a, b in zip(before, after, strict=True)) > 1e-4


def test_it_is_neither_a_translator_nor_a_classifier(whole):
    with pytest.raises(InputError, match="is a run of another kind: 'masked-lm', not a translator"):
        load(whole, kind="translator")


def test_the_validation_texts_are_split_off(data, capsys):
    config = small_masked_lm(data)
    config.valid = None
    train, valid = load_texts(config)
    assert (len(train), len(valid)) == (157, 3)
    assert load_texts(config) == (train, valid)


def test_one_text_cannot_be_split(data, tmp_path):
    (tmp_path / "one.txt").write_text("one\n")
    config = small_masked_lm(data, train=str(tmp_path / "one.txt"))
    config.valid = None
    with pytest.raises(InputError, match="one.txt: one text; give two or more, or a validation"):
        train(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
