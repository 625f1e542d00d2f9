"""Fine-tuning where a text may have several labels, and of a regression."""

import json

import keras
import numpy as np
import pytest

from keras_attention import export, load
from keras_attention._validation import InputError
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.classification.training import compile_classifier
from keras_attention.tasks.evaluate import evaluate
from keras_attention.tasks.load import load_run
from keras_attention.tasks.train import train
from keras_attention.text import ClassificationBatches
from tests.cli.command import run_here
from tests.labelled_sentences import WORDS, labelled_sentences, write_table
from tests.tasks.small_classifier import SMALL

KINDS = {"several": "multi_label_classification", "numbers": "regression"}
OPINION = {label: number for number, label in enumerate(WORDS)}


def labels_of(sentences, labels, kind):
    """From the opinion of a review and the thing that it is about: easy to learn."""
    if kind == "numbers":
        return [OPINION[label] - 0.5 for label in labels]
    return [
        [name for name in ("film", "meal") if name in text] + ["bad"] * (label == "negative")
        for text, label in zip(sentences, labels, strict=True)
    ]


@pytest.fixture(scope="module", params=KINDS)
def case(request, tmp_path_factory):
    """The kind, the folder of its files, and a run that was trained on them."""
    folder = tmp_path_factory.mktemp(request.param)
    for seed, (part, count) in enumerate((("train", 320), ("valid", 60))):
        texts, labels = labelled_sentences(count, seed)
        rows = labels_of(texts, labels, request.param)
        write_table(folder / f"{part}.jsonl", text=texts, label=rows)
    train(config_of(request.param, folder), folder / "run", quiet=True)
    return request.param, folder


def config_of(kind, folder, **options):
    values = dict(
        SMALL,
        epochs=8,
        train=str(folder / "train.jsonl"),
        valid=str(folder / "valid.jsonl"),
        learning_rate=1e-2,
        problem_type=KINDS[kind],
    )
    return ClassifierConfig.for_preset(**{**values, **options})


def test_it_learns(case):
    kind, folder = case
    scores = evaluate("classifier", folder / "run", data=folder / "valid.jsonl")
    assert scores["micro_f1"] > 0.9 if kind == "several" else scores["pearson"] > 0.8
    written = json.loads((folder / "run/scores.json").read_text())
    per_label = written.pop("per_label", None)
    assert written == pytest.approx({name: scores[name] for name in written}, abs=1e-5)
    assert per_label == scores.get("per_label")
    assert not (folder / "run/confusion.png").exists()
    config = json.loads((folder / "run/config.json").read_text())
    assert config["problem_type"] == KINDS[kind]
    assert config["labels"] == (["bad", "film", "meal"] if kind == "several" else ["label"])


def test_the_best_epoch_is_that_of_the_least_loss(case):
    _, folder = case
    rows = (folder / "run/history.csv").read_text().splitlines()
    column = rows[0].split(",").index("val_loss")
    losses = [float(row.split(",")[column]) for row in rows[1:]]
    user = load_run(folder / "run")
    user.model.compile(loss=compiled_loss(folder))
    lines = [json.loads(line) for line in (folder / "valid.jsonl").read_text().splitlines()]
    texts = [line["text"] for line in lines]
    found = keras.ops.convert_to_numpy(user.model(user.tokenizer.pack(texts, max_length=32)))
    targets = targets_of(lines, user.labels)
    loss = float(keras.ops.mean(compiled_loss(folder)(targets, found)))
    assert loss == pytest.approx(min(losses), rel=1e-4)


def compiled_loss(folder):
    config = ClassifierConfig.from_dict(json.loads((folder / "run/config.json").read_text()))
    model = load_run(folder / "run").model
    compile_classifier(model, config, 10)
    return model.loss


def targets_of(lines, labels):
    if labels == ["label"]:
        return np.array([[line["label"]] for line in lines], "float32")
    return np.array([[name in line["label"] for name in labels] for line in lines], "float32")


# A regression is exported in test_problem_types.py too.
@pytest.mark.parametrize(
    "case", ["several", pytest.param("numbers", marks=pytest.mark.slow)], indirect=True
)
def test_export(case, tmp_path):
    kind, folder = case
    export(folder / "run", tmp_path / "artifact", formats=("tf_saved_model", "tflite"))
    manifest = read_manifest(tmp_path / "artifact")
    assert manifest["problem_type"] == KINDS[kind]
    assert ("pearson" if kind == "numbers" else "micro_f1") in manifest["scores"]["tflite"]
    texts = ["What a dull film!", "The meal was lovely."]
    expected = load(folder / "run").scores(texts)
    for runtime in ("tf_saved_model", "tflite"):
        found = load(tmp_path / "artifact", runtime).scores(texts)
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    "case", [pytest.param("several", marks=pytest.mark.slow), "numbers"], indirect=True
)
def test_the_command(case, tmp_path, capfd):
    """A tenth of the training texts is set aside; the options of a run stay."""
    kind, folder = case
    options = [
        *("--train", folder / "train.jsonl", "--output", tmp_path / "run"),
        *("--epochs", "1", "--max-length", "32", "--vocabulary-size", "200"),
    ]
    command = ["train", "classifier", *options, "--problem-type", KINDS[kind]]
    status, out, err = run_here(capfd, *command)
    assert status == 0, err
    figures = "micro F1 0." if kind == "several" else "pearson "
    assert "32 of the training texts are set aside" in out and f"validation: {figures}" in out
    other = "regression" if kind == "several" else "multi_label_classification"
    again = ["train", "classifier", *options, "--problem-type", other, "--resume"]
    status, _, err = run_here(capfd, *again)
    assert status == 2 and f"was begun with --problem-type '{KINDS[kind]}'" in err


def test_what_suits_one_label_a_text_alone(case, tmp_path):
    kind, folder = case
    with pytest.raises(InputError, match="`class_weights` are for texts of one label each"):
        config_of(kind, folder, class_weights="balanced")
    with pytest.raises(ValueError, match="`problem_type` must be one of"):
        config_of(kind, folder, problem_type="ranking")


def test_batches_of_numbers():
    labels = [[0.5, 1], [2, 3], [4, 5]]
    batches = ClassificationBatches([[2, 9, 3], [2, 3], [2, 8, 3]], None, labels, batch_size=2)
    seen = {}
    for x, y, weights in list(batches.dataset().take(len(batches)).as_numpy_iterator()):
        assert y.dtype == np.float32 and y.shape == (2, 2)
        for ids, row, weight in zip(x["token_ids"], y, weights, strict=True):
            if weight:
                seen[tuple(ids[ids != 0])] = row.tolist()
    assert seen == {(2, 9, 3): [0.5, 1], (2, 3): [2, 3], (2, 8, 3): [4, 5]}
    for wrong in ([[1], [2]], [[1], [2], [float("nan")]]):
        with pytest.raises(ValueError, match="`labels` must be 3 rows of numbers"):
            ClassificationBatches([[2, 3]] * 3, None, wrong, batch_size=2)
    with pytest.raises(ValueError, match="`class_weights` must be None for rows of numbers"):
        ClassificationBatches([[2, 3]] * 3, None, labels, batch_size=2, class_weights=[1, 1])
