"""`classify`, `evaluate classifier`, `inspect` and `plot attention` of classifiers."""

import gzip
import json

import numpy as np
import pytest

from keras_attention import save_run
from keras_attention.checkpoints import save_hugging_face
from keras_attention.models import LessonClassifier
from tests.cli.command import run_here, run_process
from tests.labelled_sentences import LABELS, labelled_sentences, write_table
from tests.loaded_once import loaded
from tests.tasks.small_models import save_small_run

TEXTS, EXPECTED = labelled_sentences(20, 31)
RUNTIMES = ("keras", "tf_saved_model", "tflite", "onnx")
pytestmark = pytest.mark.usefixtures("loads_once")


@pytest.fixture(scope="module")
def probabilities(classifier_run_directory):
    return loaded(classifier_run_directory, "keras", kind="classifier").probabilities(TEXTS)


@pytest.fixture
def model_of(classifier_run_directory, classifier_artifact_directory):
    return lambda runtime: (
        classifier_run_directory if runtime == "keras" else classifier_artifact_directory
    )


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_classify(capfd, tmp_path, probabilities, model_of, runtime):
    (tmp_path / "in.gz").write_bytes(gzip.compress("\n".join(TEXTS).encode()))
    options = ("--runtime", runtime, "--input", tmp_path / "in.gz", "--output", tmp_path / "out")
    status, out, err = run_here(capfd, "classify", "--model", model_of(runtime), *options)
    assert (status, out) == (0, ""), err
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [row["label"] for row in rows] == [LABELS[i] for i in probabilities.argmax(axis=1)]
    assert all(list(row["scores"]) == LABELS for row in rows)
    found = [list(row["scores"].values()) for row in rows]
    np.testing.assert_allclose(found, probabilities, atol=1e-4)
    status, _, err = run_here(capfd, "classify", "--model", model_of(runtime), *options)
    assert status == 2 and "already exists. Give another path, or --force" in err


def test_classify_from_standard_input_to_standard_output(model_of, probabilities):
    command = ("classify", "--model", model_of("onnx"), "--runtime", "onnx")
    process = run_process(*command, input="\n".join([*TEXTS[:3], ""]).encode())
    assert process.returncode == 0, process.stderr
    rows = [json.loads(line) for line in process.stdout.decode().splitlines()]
    assert [row["label"] for row in rows] == [LABELS[i] for i in probabilities[:3].argmax(axis=1)]
    assert process.stderr == b""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_evaluate(capfd, tmp_path, probabilities, model_of, runtime):
    data = write_table(tmp_path / "data.jsonl", review=TEXTS, stars=EXPECTED)
    columns = ("--text-column", "review", "--label-column", "stars")
    picture = tmp_path / "confusion.png"
    status, out, err = run_here(
        capfd,
        *("evaluate", "classifier", "--model", model_of(runtime), "--runtime", runtime),
        *("--data", data, *columns, "--confusion", picture),
    )
    assert status == 0, err
    report = json.loads(out)
    right = [LABELS[i] for i in probabilities.argmax(axis=1)]
    assert report["accuracy"] == np.mean([a == b for a, b in zip(right, EXPECTED, strict=True)])
    assert 0 < report["macro_f1"] <= 1 and report["texts"] == 20
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_evaluate_refuses_what_it_cannot_count(capfd, tmp_path, model_of):
    command = ("evaluate", "classifier", "--model", model_of("keras"), "--data")
    data = write_table(tmp_path / "data.jsonl", text=TEXTS[:2], label=[LABELS[0], "unheard of"])
    status, out, err = run_here(capfd, *command, data)
    assert (status, out) == (2, "")
    assert f"{data}, line 2: unknown label 'unheard of'; the known ones are" in err
    status, out, err = run_here(capfd, *command, data, "--label-column", "stars")
    assert (status, out) == (2, "")
    assert "'stars'" in err and "text" in err and "label" in err  # those present


def test_evaluate_refuses_pairs_of_which_it_knows_nothing(
    capfd, tmp_path, model_of, pair_classifier_run_directory
):
    data = write_table(tmp_path / "data.jsonl", text=TEXTS, other=TEXTS, label=EXPECTED)
    command = ("evaluate", "classifier", "--data", data, "--model")
    status, _, err = run_here(capfd, *command, model_of("keras"), "--pair-column", "other")
    assert status == 2
    assert err.endswith("classifies single texts, which --pair-column does not concern.\n")
    status, _, err = run_here(capfd, *command, pair_classifier_run_directory)
    assert status == 2
    assert err.endswith("name the column of the second texts by --pair-column.\n")
    with pytest.raises(ValueError, match="`pairs` must be None.* Received: pairs='20 texts'"):
        loaded(model_of("keras"), "keras", kind="classifier").probabilities(TEXTS, TEXTS)


def test_inspect(capfd, model_of):
    status, out, err = run_here(capfd, "inspect", model_of("onnx"))
    assert status == 0, err
    assert out.startswith("classifier, bert tiny, float32\n")
    assert f"labels: {', '.join(LABELS)}\n" in out
    assert "the same as Keras on 100.0% of" in out


def test_the_other_kind_is_refused(capfd, tmp_path, model_of, run_directory):
    (tmp_path / "in").write_text("one\n")
    for command, model in (("classify", run_directory), ("translate", model_of("onnx"))):
        status, out, err = run_here(capfd, command, "--model", model, "--input", tmp_path / "in")
        assert (status, out) == (2, "")
        assert "of another kind" in err


def test_plot_attention_of_an_encoder(capfd, tmp_path, model_of):
    command = ("plot", "attention", "--model", model_of("keras"), "--text", TEXTS[0])
    for name, options in (("one", ("--layer", 1, "--head", 0)), ("grid", ("--grid",))):
        path = tmp_path / f"{name}.png"
        status, _, err = run_here(capfd, *command, *options, "--output", path)
        assert status == 0, err
        assert path.read_bytes().startswith(b"\x89PNG")
    for options, message in (
        (("--layer", 9), "There is no layer 9; the model has layers 0 to 1."),
        (
            ("--kind", "cross"),
            "it has no cross attention; it has only encoder.",
        ),
        (("--grid", "--head", 0), "--head: of no meaning for a grid."),
        (("--grid", "--text", "two"), "--grid draws one text; --text is given several times."),
    ):
        status, _, err = run_here(capfd, *command, *options, "--output", tmp_path / "no.png")
        assert status == 2 and message in err
    assert not (tmp_path / "no.png").exists()


def test_plot_attention_of_other_encoders(capfd, tmp_path, model_of):
    """Published weights, a masked LM and the lesson's classifier."""
    save_small_run("masked-lm", tmp_path / "masked-lm")
    run = loaded(model_of("keras"), "keras", kind="classifier")
    size = run.tokenizer.vocabulary_size
    lesson = LessonClassifier(3, vocabulary_size=size, max_sequence_length=48, labels=LABELS)
    save_run(lesson, run.tokenizer, tmp_path / "lesson")
    save_hugging_face(run.model.encoder, run.tokenizer, tmp_path / "published")
    for name in ("published", "masked-lm", "lesson"):
        command = ("plot", "attention", "--model", tmp_path / name, "--text", TEXTS[0])
        status, _, err = run_here(capfd, *command, "--output", tmp_path / f"{name}.png")
        assert status == 0, err
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    # The same weights, the same picture.
    command = ("plot", "attention", "--model", model_of("keras"), "--text", TEXTS[0])
    run_here(capfd, *command, "--output", tmp_path / "own.png")
    assert (tmp_path / "own.png").read_bytes() == (tmp_path / "published.png").read_bytes()
