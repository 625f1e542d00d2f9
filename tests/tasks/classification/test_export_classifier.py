"""A classifier's artifact: formats that agree with Keras, and what happens where one does not."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.manifest import read_manifest, verify_files
from keras_attention.artifacts.parity import ParityError
from keras_attention.artifacts.precision_loss import PrecisionError, PrecisionWarning
from keras_attention.problem_types import SINGLE_LABEL
from keras_attention.runs.run_directory import write_digests
from keras_attention.tasks.classification.classification_comparison import (
    check_classifier,
    compare_classifiers,
)
from keras_attention.tasks.classification.task import TASK
from keras_attention.tasks.describe import describe
from keras_attention.tasks.export import export
from keras_attention.tasks.load import load, load_run
from tests.labelled_sentences import LABELS, labelled_sentences, write_table
from tests.runs.small_runs import word_piece

TEXTS = ["", "  ", "What a lovely film!", "Dull.", *labelled_sentences(40, 77)[0]]
LONG = "The film was gripping, and the plot was as well. " * 30


@pytest.fixture(scope="module")
def by_keras(classifier_run_directory):
    """The classifier of the run."""
    return load(classifier_run_directory)


@pytest.fixture(scope="module")
def reference(by_keras):
    return by_keras.probabilities(TEXTS)


@pytest.fixture(scope="module", params=FORMATS)
def exported(request, classifier_artifact_directory):
    """The classifier of its artifact in one of the formats."""
    return load(classifier_artifact_directory, request.param, kind="classifier")


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_every_form_gives_what_keras_gives(exported, reference, batch_size, monkeypatch):
    monkeypatch.setattr(exported, "batch_size", batch_size)
    found = exported.probabilities(TEXTS)
    np.testing.assert_allclose(found, reference, atol=1e-5)
    assert exported.classify(TEXTS) == [LABELS[i] for i in reference.argmax(axis=1)]


def test_half_a_surrogate_pair_is_no_letter(exported, by_keras):
    texts = ["a lo\ud83dvely film", "\udc4d", "dull \ud83d\udc4d."]
    expected = by_keras.probabilities(["a lovely film", "", "dull ."])
    np.testing.assert_allclose(exported.probabilities(texts), expected, atol=1e-5)


def test_texts_that_are_too_long_are_cut_alike(exported, by_keras):
    with pytest.warns(UserWarning, match=r"1 of 1 texts are longer .* \(the first in line 1\)"):
        expected = by_keras.probabilities([LONG])
    with pytest.warns(UserWarning, match="only their beginnings are read"):
        found = exported.probabilities([LONG])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_training_texts_are_gone(classifier_run_directory, tmp_path):
    """They are read only where the validation texts are a part of them."""
    run = shutil.copytree(classifier_run_directory, tmp_path / "run")
    table = write_table(tmp_path / "valid.jsonl", text=TEXTS[2:9], label=[LABELS[0]] * 7)
    config = json.loads((run / "config.json").read_text())
    config.update(
        train=str(tmp_path / "gone.jsonl"), valid=None, preset=None, initial_weights="models/bert"
    )
    (run / "config.json").write_text(json.dumps(config))
    write_digests(run, run / "model.keras")
    with pytest.raises(InputError, match="gone.jsonl.* Give `valid` a file of labelled texts"):
        export(run, tmp_path / "artifact", formats=("onnx",))
    export(run, tmp_path / "artifact", formats=("onnx",), valid=table)
    assert read_manifest(tmp_path / "artifact")["initial_weights"] == "bert"
    said = describe(tmp_path / "artifact")
    assert said.startswith("classifier, begun with bert, float32\n")


def test_the_manifest(classifier_artifact_directory):
    manifest = read_manifest(classifier_artifact_directory)
    verify_files(classifier_artifact_directory)
    assert (manifest["kind"], manifest["labels"]) == ("classifier", LABELS)
    assert manifest["formats"] == list(FORMATS)
    assert manifest["takes_pairs"] is False
    for format_name in FORMATS:
        assert [r["batch_size"] for r in manifest["parity"][format_name]] == [1, 32]
        assert all(r["agreement"] == 1 for r in manifest["parity"][format_name])
        assert 0.5 < manifest["scores"][format_name]["accuracy"] <= 1
    assert all(name.isupper() for name in manifest["ops"]["tflite"])  # no "custom:" one
    assert all(name.startswith("ai.onnx:") for name in manifest["ops"]["onnx"])
    # Of tensorflow_text's operators the one that stock TF Serving registers.
    assert [n for n in manifest["ops"]["tf_saved_model"] if "Wordpiece" in n or "Bert" in n] == [
        "FastWordpieceTokenizeWithOffsets"
    ]


def test_the_saved_model_takes_strings_where_this_package_is_not(
    classifier_artifact_directory, reference
):
    code = f"""
import sys
sys.modules["keras_attention"] = None
import json
import tensorflow as tf, tensorflow_text
loaded = tf.saved_model.load({str(classifier_artifact_directory / "saved_model" / "1")!r})
out = loaded.signatures["serving_default"](text=tf.constant({TEXTS!r}))
labels = [label.decode() for label in out["label"].numpy()]
print(json.dumps([labels, out["probabilities"].numpy().tolist()]))
"""
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr[-2000:]
    labels, probabilities = json.loads(process.stdout.splitlines()[-1])
    assert labels == [LABELS[i] for i in reference.argmax(axis=1)]
    np.testing.assert_allclose(probabilities, reference, atol=1e-5)


def test_the_signature_of_ids(classifier_artifact_directory, reference):
    run = FORMATS["tf_saved_model"].signature(classifier_artifact_directory, "ids")
    classifier = load(classifier_artifact_directory, "tf_saved_model")
    (ids,) = classifier.encode([TEXTS[2]]).token_ids
    padding = classifier.tokenizer.padding_id
    found = run(token_ids=np.array([[*ids, padding, padding]], "int32"))["probabilities"]
    np.testing.assert_allclose(found, reference[2:3], atol=1e-5)


@pytest.fixture(scope="module")
def float16_artifact(classifier_run_directory, artifact_of):
    options = dict(precision="float16", allow_loss=50, formats=("tflite", "onnx"))
    return artifact_of(classifier_run_directory, "float16_classifier", **options)


@pytest.mark.parametrize("precision", [pytest.param("float16", marks=pytest.mark.slow), "int8"])
def test_lower_precision(precision, request):
    made = {"float16": "float16_artifact", "int8": "int8_classifier_artifact_directory"}
    artifact = request.getfixturevalue(made[precision])
    manifest = read_manifest(artifact)
    for format_name in ("tflite", "onnx"):
        report = manifest["lower_precision"][format_name]
        assert report["measure"] == "points of accuracy" and report["loss"] <= 50
        assert report["loss"] == pytest.approx(report["float32_score"] - report["score"])
        assert report["loss_bound"] == {"float16": 0.1, "int8": 0.5}[precision]
        assert report["size_ratio"] < {"float16": 0.65, "int8": 0.5}[precision]
        assert len(load(artifact, format_name).classify(TEXTS)) == len(TEXTS)


def test_a_missed_bound_leaves_nothing(classifier_run_directory, tmp_path, monkeypatch):
    """By labels that the float32 model gives, and TFLite by a trick does not."""
    run = load_run(classifier_run_directory)
    texts = labelled_sentences(30, 5)[0]
    file = write_table(tmp_path / "valid.jsonl", text=texts, label=run.classify(texts))
    make = TASK.open

    def open(*arguments):
        classifier = make(*arguments)
        right = classifier.run

        def wrong(*inputs):
            probabilities = np.array(right(*inputs))
            probabilities[: len(probabilities) // 4] = probabilities[
                : len(probabilities) // 4, ::-1
            ]
            return probabilities

        classifier.run = wrong
        return classifier

    monkeypatch.setattr(TASK, "open", open)
    options = dict(formats=("tflite",), precision="int8", valid=file)
    with pytest.raises(PrecisionError, match="int8 loses more than its bound of 0.5 points of acc"):
        export(classifier_run_directory, tmp_path / "artifact", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["valid.jsonl"]
    with pytest.warns(PrecisionWarning, match="allowed by `allow_loss` 100"):
        export(classifier_run_directory, tmp_path / "artifact", **options, allow_loss=100)


class Fixed:
    """A classifier that gives what it was told."""

    def __init__(self, rows, problem_type=SINGLE_LABEL):
        self.rows = np.array(rows, "float32")
        self.problem_type = problem_type

    def scores(self, texts, pairs=None):
        return self.rows[: len(texts)]


def test_parity_sees_other_labels_other_probabilities_and_nan():
    reference = np.array([[0.9, 0.1], [0.50001, 0.49999], [0.2, 0.8]], "float32")
    texts = ["a", "b", "c"]
    tie = [[0.9, 0.1], [0.49999, 0.50001], [0.2, 0.8]]
    report, _ = compare_classifiers(reference, Fixed(tie), texts)
    assert (report["agreement"], report["ties"]) == (pytest.approx(2 / 3), 1)
    assert len(check_classifier(reference, Fixed(tie), texts, None, "onnx")[0]) == 2
    for wrong in (
        [[0.1, 0.9], [0.50001, 0.49999], [0.2, 0.8]],
        [[0.9, 0.1], [0.50001, 0.49999], [0.21, 0.79]],
        [[0.9, 0.1], [float("nan"), 0.5], [0.2, 0.8]],
    ):
        with pytest.raises(ParityError, match="onnx does not agree with Keras: of 3 texts"):
            check_classifier(reference, Fixed(wrong), texts, None, "onnx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(valid_source="a"), "is a classifier, which `valid_source` does not concern"),
        (dict(search={"beam_size": 4}), "which `beam_size` does not concern"),
        (dict(with_alignments=True), "which `with_alignments` does not concern"),
        (dict(formats=("tflite", "pickle")), "Unknown format 'pickle'"),
        (dict(precision="int4"), "Unknown precision 'int4'"),
        (dict(valid="nowhere.csv"), "nowhere.csv"),
    ],
)
def test_options_that_do_not_fit(classifier_run_directory, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        export(classifier_run_directory, tmp_path / "artifact", **options)
    assert not list(tmp_path.iterdir())


def test_a_validation_file_with_an_unknown_label(classifier_run_directory, tmp_path):
    file = write_table(tmp_path / "valid.jsonl", text=["a"], label=["unheard of"])
    with pytest.raises(InputError, match="valid.jsonl, line 1: unknown label 'unheard of'"):
        export(classifier_run_directory, tmp_path / "artifact", valid=file)
    assert not (tmp_path / "artifact").exists()


def test_a_translator_has_no_labels(run_directory, tmp_path):
    with pytest.raises(InputError, match="is a translator, which `valid` does not concern"):
        export(run_directory, tmp_path / "artifact", valid="labelled.csv")


def test_runs_and_artifacts_of_the_other_kind(
    run_directory, artifact_directory, classifier_run_directory, classifier_artifact_directory
):
    for path in (run_directory, artifact_directory):
        with pytest.raises(InputError, match="of another kind: 'translator', not a classifier"):
            load(path, kind="classifier")
    for path in (classifier_run_directory, classifier_artifact_directory):
        with pytest.raises(InputError, match="of another kind: 'classifier', not a translator"):
            load(path, kind="translator")
        with pytest.raises(InputError, match="is a classifier, which decodes nothing: beam_size"):
            load(path, beam_size=4)


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "tokenizer/vocab.txt"])
def test_a_damaged_file_is_named(classifier_artifact_directory, tmp_path, name):
    copy = shutil.copytree(classifier_artifact_directory, tmp_path / "artifact")
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(bytes(data))
    format_name = {"model.tflite": "tflite", "model.onnx": "onnx"}.get(name, "onnx")
    with pytest.raises(InputError, match=f"{name} has been changed"):
        load(copy, format_name)


def test_a_model_that_reads_padding_is_named_and_not_the_format(tmp_path):
    """Its mean is over all slots of a row, so that a text's answer depends on its neighbours."""
    inputs = {n: keras.Input((None,), dtype="int32", name=n) for n in ("token_ids", "padding_mask")}
    x = keras.layers.Embedding(word_piece().vocabulary_size, 8)(inputs["token_ids"])
    x = keras.layers.GlobalAveragePooling1D()(x)
    keras.utils.set_random_seed(3)
    logits = keras.layers.Dense(3, kernel_initializer=keras.initializers.RandomNormal(stddev=9))(x)
    with pytest.raises(ParityError) as raised:
        export(
            keras.Model(inputs, logits),
            tmp_path / "artifact",
            word_piece(),
            labels=["a", "b", "c"],
            formats=["onnx"],
            kind="classifier",
            config={"max_sequence_length": 24},
            examples=["a", "three hundred and two", "monday monday monday"],
        )
    assert str(raised.value).startswith("The Functional reads padding: in Keras itself")
    assert "onnx" not in str(raised.value)
    assert not (tmp_path / "artifact").exists()
