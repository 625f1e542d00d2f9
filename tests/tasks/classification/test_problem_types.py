"""Several labels at once, and regressions: the same scores in every runtime and program."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_attention import export, load, save_run
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import RUNTIMES
from keras_attention.artifacts.manifest import read_manifest, signed
from keras_attention.artifacts.parity import ParityError
from keras_attention.checkpoints import load_hugging_face
from keras_attention.tasks.classification.classification_comparison import (
    check_classifier,
    compare_classifiers,
)
from keras_attention.tasks.describe import describe
from keras_attention.tasks.evaluate import evaluate
from keras_attention.tasks.import_checkpoint import import_checkpoint
from tests.cli.command import run_here
from tests.labelled_sentences import write_table
from tests.runs.small_runs import word_piece
from tests.tasks.classification.test_export_classifier import Fixed
from tests.tasks.small_heads import HEADS, meaning, write_checkpoint
from tests.tasks.small_models import LENGTH, TEXTS

PROGRAMS = Path(__file__).parents[3] / "export"
KINDS = ("several labels", "regression")


class Case:
    """A checkpoint, its run, its artifact, and the scores that they must give."""

    def __init__(self, folder, head):
        self.head = head
        _, _, self.kind = HEADS[head]
        checkpoint = write_checkpoint(folder / "checkpoint", head)
        self.run, self.artifact = folder / "run", folder / "artifact"
        import_checkpoint(checkpoint, self.run)
        export(self.run, self.artifact)
        model = load_hugging_face(checkpoint)
        logits = keras.ops.convert_to_numpy(model(word_piece().pack(TEXTS)))
        self.scores = meaning(logits, self.kind)
        self.labels = model.labels

    def load(self, runtime):
        return load(self.run if runtime == "keras" else self.artifact, runtime)

    def require_lines(self, lines):
        """Lines of JSON must hold the scores, and a label where there is one."""
        rows = [json.loads(line) for line in lines]
        assert all(list(row["scores"]) == self.labels for row in rows)
        found = [list(row["scores"].values()) for row in rows]
        np.testing.assert_allclose(found, self.scores, atol=1e-4)
        labels = [self.labels[i] for i in self.scores.argmax(axis=1)]
        expected = [None] * len(rows) if self.kind == "regression" else labels
        assert [row.get("label") for row in rows] == expected
        assert all(("label" in row) == (self.kind != "regression") for row in rows)


@pytest.fixture(scope="module", params=KINDS)
def case(request, tmp_path_factory):
    return Case(tmp_path_factory.mktemp("head"), request.param)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_gives_what_the_head_means(case, runtime):
    user = case.load(runtime)
    np.testing.assert_allclose(user.scores(TEXTS), case.scores, atol=1e-5)
    if case.kind == "regression":
        for method in (user.probabilities, user.classify):
            with pytest.raises(InputError, match="a regression: it gives numbers .* Call `scores`"):
                method(TEXTS)
        return
    np.testing.assert_array_equal(user.probabilities(TEXTS), user.scores(TEXTS))
    assert np.abs(case.scores.sum(axis=1) - 1).max() > 0.1  # no softmax
    assert user.classify(TEXTS) == [user.labels[i] for i in case.scores.argmax(axis=1)]


def test_no_bound_on_a_loss_that_nothing_measures(case, tmp_path):
    for bound in (0, 0.0, 5):
        with pytest.raises(InputError, match="`allow_loss` is of BLEU, accuracy or rank"):
            export(case.run, tmp_path / "artifact", precision="int8", allow_loss=bound)
    assert not list(tmp_path.iterdir())


def test_the_manifest_says_it(case):
    manifest = read_manifest(case.artifact)
    name = "scores" if case.kind == "regression" else "probabilities"
    assert manifest["problem_type"].startswith(case.kind)
    shape = ["float32", ["N", len(case.labels)]]
    assert manifest["signatures"]["ids"]["outputs"] == {name: shape}
    label = {} if case.kind == "regression" else {"label": ["string", ["N"]]}
    assert manifest["signatures"]["serving_default"]["outputs"] == {**label, name: shape}
    assert "scores" not in manifest
    said = describe(case.artifact)
    assert ("no probabilities" in said) == (case.kind == "regression")
    assert ("any number of labels may hold" in said) == (case.kind != "regression")
    run = json.loads((case.run / "config.json").read_text())
    assert run["problem_type"] == manifest["problem_type"]


@pytest.mark.parametrize("runtime", ["keras", "tflite"])
def test_the_command(case, capfd, runtime):
    texts = "".join(f"{text}\n" for text in TEXTS)
    path = case.run.parent / "texts"
    path.write_text(texts)
    options = ("--runtime", runtime, "--input", path)
    model = case.run if runtime == "keras" else case.artifact
    status, out, err = run_here(capfd, "classify", "--model", model, *options)
    assert status == 0, err
    case.require_lines(out.splitlines())


@pytest.mark.parametrize("name", ["onnxruntime", "litert"])
def test_programs_without_this_package(case, name):
    program = subprocess.run(
        [sys.executable, PROGRAMS / name / "classify.py", case.artifact],
        input="".join(f"{text}\n" for text in TEXTS).encode(),
        capture_output=True,
        timeout=300,
    )
    assert program.returncode == 0, program.stderr[-2000:]
    case.require_lines(program.stdout.decode().splitlines())


def labels_of(case):
    """Labels for the texts, of which the model tells some and not others, and what they are."""
    random = np.random.default_rng(5)
    if case.kind == "regression":
        numbers = case.scores + random.normal(0, 0.3, case.scores.shape)
        rows = [row[0] if len(row) == 1 else row for row in numbers.tolist()]
        return rows, numbers
    holds = (case.scores >= 0.5) ^ (random.random(case.scores.shape) < 0.2)
    rows = [[label for label, one in zip(case.labels, row, strict=True) if one] for row in holds]
    return rows, holds


def expected_scores(case, targets):
    """By Keras' metrics."""
    if case.kind == "regression":
        squared = keras.metrics.MeanSquaredError()(targets, case.scores)
        correlation = keras.metrics.PearsonCorrelation(axis=0)
        correlation.update_state(np.float32(targets), np.float32(case.scores))
        return {
            "mse": float(squared),
            "mae": float(keras.metrics.MeanAbsoluteError()(targets, case.scores)),
            "pearson": float(correlation.result()),
        }
    micro = keras.metrics.F1Score(average="micro", threshold=0.49999)
    micro.update_state(targets.astype("float32"), (case.scores >= 0.5).astype("float32"))
    right = targets == (case.scores >= 0.5)
    return {
        "micro_f1": float(micro.result()),
        "exact_match": right.all(axis=1).mean(),
        "hamming_loss": 1 - right.mean(),
    }


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_evaluation(case, runtime, tmp_path):
    rows, targets = labels_of(case)
    table = write_table(tmp_path / "data.jsonl", review=TEXTS, said=rows)
    path = case.run if runtime == "keras" else case.artifact
    columns = dict(text_column="review", label_column="said")
    scores = evaluate("classifier", path, runtime, data=table, **columns)
    expected = expected_scores(case, targets)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert scores["texts"] == len(TEXTS) and scores["seconds"] > 0
    if case.kind == "regression":
        assert len(case.labels) == 1 and "per_label" not in scores
    else:
        support = {name: each["support"] for name, each in scores["per_label"].items()}
        assert support == dict(zip(case.labels, targets.sum(axis=0), strict=True))
    with pytest.raises(InputError, match="`confusion` is a picture of one label a text"):
        picture = tmp_path / "picture.png"
        evaluate("classifier", path, runtime, data=table, confusion=picture, **columns)
    assert not (tmp_path / "picture.png").exists()


def test_the_command_that_evaluates(case, tmp_path, capfd):
    rows, _ = labels_of(case)
    cells = ["|".join(row) if isinstance(row, list) else str(row) for row in rows]
    table = tmp_path / "data.tsv"
    lines = [f"{text}\t{cell}\n" for text, cell in zip(TEXTS, cells, strict=True)]
    table.write_text("text\tlabel\n" + "".join(lines), encoding="utf-8")
    status, out, err = run_here(
        capfd, "evaluate", "classifier", "--model", case.artifact, "--data", table
    )
    assert status == 0, err
    jsonl = write_table(tmp_path / "data.jsonl", text=TEXTS, label=rows)
    expected = evaluate("classifier", case.artifact, data=jsonl)
    found = json.loads(out)
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}


def test_labels_of_another_kind(case, tmp_path):
    wrong = "LABEL_9" if case.kind != "regression" else "LABEL_0"
    table = write_table(tmp_path / "data.jsonl", text=TEXTS, label=[wrong] * len(TEXTS))
    message = "unknown label 'LABEL_9'" if case.kind != "regression" else "of a regression is 'LAB"
    with pytest.raises(InputError, match=f"data.jsonl, line 1: .*{message}"):
        evaluate("classifier", case.artifact, "onnx", data=table)
    with pytest.raises(InputError, match=f"data.jsonl, line 1: .*{message}"):
        export(case.run, tmp_path / "artifact", valid=table)
    assert not (tmp_path / "artifact").exists()


@pytest.mark.parametrize(
    "case", ["several labels", pytest.param("regression", marks=pytest.mark.slow)], indirect=True
)
def test_export_on_labelled_texts(case, tmp_path):
    rows, targets = labels_of(case)
    table = write_table(tmp_path / "data.jsonl", text=TEXTS, label=rows)
    export(case.run, tmp_path / "artifact", valid=table, formats=("onnx",), precision="int8")
    manifest = read_manifest(tmp_path / "artifact")
    assert manifest["parity"]["onnx"][0]["sentences"] == len(TEXTS)
    expected = evaluate("classifier", tmp_path / "artifact", data=table)
    scores = manifest["scores"]["onnx"]
    assert scores == pytest.approx({name: expected[name] for name in scores})
    assert "micro_f1" in scores or "pearson" in scores
    assert f"{scores.get('micro_f1', scores.get('mse')):.2f}" in describe(tmp_path / "artifact")


# The export on labelled texts is of the same precision.
@pytest.mark.parametrize(
    "case", [pytest.param("several labels", marks=pytest.mark.slow), "regression"], indirect=True
)
def test_lower_precision(case, tmp_path):
    export(case.run, tmp_path / "artifact", formats=("onnx",), precision="int8")
    found = load(tmp_path / "artifact", "onnx").scores(TEXTS)
    np.testing.assert_allclose(found, case.scores, atol=0.2)
    assert read_manifest(tmp_path / "artifact")["parity"]["onnx"][0]["agreement"] >= 0.5


def test_a_keras_model_of_ones_own(tmp_path):
    """With one logit it gets a sigmoid; with several what `problem_type` says."""
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(80, 4)(ids))
    told = dict(kind="classifier", max_sequence_length=LENGTH)
    one = keras.Model({"token_ids": ids}, keras.layers.Dense(1)(x))
    found = load(save_run(one, word_piece(), tmp_path / "one", ["good"], **told)).scores(TEXTS)
    assert ((0 < found) & (found < 1)).all() and len(np.unique(found)) == len(TEXTS)
    several = keras.Model({"token_ids": ids}, keras.layers.Dense(2)(x))
    labels = ["good", "funny"]
    told["problem_type"] = "multi_label_classification"
    run = save_run(several, word_piece(), tmp_path / "several", labels, **told)
    rows = word_piece().pack(TEXTS)["token_ids"]
    for text, row in zip(TEXTS, rows, strict=True):
        logits = keras.ops.convert_to_numpy(several({"token_ids": row[row != 0][None]}))
        np.testing.assert_allclose(
            load(run).scores([text]), meaning(logits, "multi_label"), atol=1e-5
        )
    told["problem_type"] = "sigmoid"
    with pytest.raises(ValueError, match="`problem_type` must be None or one of"):
        save_run(several, word_piece(), tmp_path / "wrong", labels, **told)
    with pytest.raises(ValueError, match="`problem_type` must be what the model says, regression"):
        model = load_hugging_face(write_checkpoint(tmp_path / "hf", "regression"))
        save_run(model, word_piece(), tmp_path / "wrong", problem_type="multi_label_classification")
    assert not (tmp_path / "wrong").exists()


REFERENCE = np.array([[0.9, 0.6], [0.9, 0.4], [0.49999, 0.1]], "float32")


@pytest.mark.parametrize(
    ("changed", "agreement", "ties"),
    [
        ({}, 1, 0),
        ({(0, 1): 0.49999}, 2 / 3, 0),  # the label is the same, and the second no longer holds
        ({(2, 0): 0.50001}, 2 / 3, 1),  # within the tolerance it held before
        ({(0, 1): 0.95}, 2 / 3, 0),
    ],
)
def test_labels_that_hold_are_compared(changed, agreement, ties):
    found = REFERENCE.copy()
    for place, value in changed.items():
        found[place] = value
    candidate = Fixed(found, "multi_label_classification")
    report, _ = compare_classifiers(REFERENCE, candidate, ["a", "b", "c"])
    assert (report["agreement"], report["ties"]) == (pytest.approx(agreement), ties)


def test_numbers_are_compared():
    reference = np.array([[1000.0], [-3.0], [0.5]], "float32")

    def check(*found, lower=False):
        candidate = Fixed([[number] for number in found], "regression")
        check_classifier(reference, candidate, ["a", "b", "c"], None, "onnx", lower)

    check(1000.05, -3.0001, 0.50005)
    for wrong in ((1001, -3, 0.5), (1000, 3, 0.5), (1000, -3, 0.51), (1000, float("nan"), 0.5)):
        with pytest.raises(ParityError, match="onnx does not agree with Keras: of 3 texts"):
            check(*wrong)
    check(990, -2, 0.4, lower=True)
    for wrong in ((0, 1000, 1000), (1000, float("inf"), 0.5)):
        with pytest.raises(ParityError):
            check(*wrong, lower=True)


def test_a_manifest_that_says_what_nothing_does(case, tmp_path):
    copy = shutil.copytree(case.artifact, tmp_path / "artifact")
    manifest = json.loads((copy / "manifest.json").read_text())
    for said, message in (("sigmoid", "`problem_type` must be"), (3, "`problem_type` must be")):
        (copy / "manifest.json").write_text(json.dumps(signed({**manifest, "problem_type": said})))
        with pytest.raises(InputError, match=message):
            load(copy, "onnx")
    other = "regression" if case.kind != "regression" else "multi_label_classification"
    (copy / "manifest.json").write_text(json.dumps(signed({**manifest, "problem_type": other})))
    with pytest.raises(InputError, match="the signature `ids` gives"):
        load(copy, "onnx")
