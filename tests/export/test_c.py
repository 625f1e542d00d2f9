"""`export/c`, compiled and run without Python, without an environment."""

import os
import subprocess

import numpy as np
import pytest

from tests.export.c_program import OP_LIBRARY, WORDPIECE_LIBRARY, run
from tests.export.classified import CLASSIFIERS, PAIRS, answers, line_of
from tests.export.heads import head_artifact, head_run
from tests.export.test_python_consumers import TEXTS
from tests.loaded_once import loaded
from tests.tasks.small_models import TEXTS as SMALL_TEXTS

pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


def lines_of(texts):
    return "".join(f"{text}\n" for text in texts).encode()


def test_it_gives_the_saved_models_translations(program, artifact_directory):
    texts = TEXTS * 3  # more than one batch
    expected = loaded(artifact_directory, runtime="tf_saved_model").translate(texts)
    status, out, error = run(program, artifact_directory, OP_LIBRARY, stdin=lines_of(texts))
    assert status == 0, error
    assert out.split("\n")[:-1] == expected
    assert len(set(expected)) > 5


def test_it_gives_the_best_of_a_beam(program, beam_artifact_directory):
    expected = loaded(beam_artifact_directory, runtime="tf_saved_model").translate(TEXTS)
    status, out, error = run(program, beam_artifact_directory, OP_LIBRARY, stdin=lines_of(TEXTS))
    assert status == 0, error
    assert out.split("\n")[:-1] == expected


def test_it_samples_each_line_with_its_number(program, sampling_artifact_directory):
    texts = TEXTS * 2  # more than one batch
    translator = loaded(sampling_artifact_directory, runtime="tf_saved_model")
    expected = translator.translate(texts)
    artifact = sampling_artifact_directory
    status, out, error = run(program, artifact, OP_LIBRARY, stdin=lines_of(texts))
    assert status == 0, error
    assert out.split("\n")[:-1] == expected
    assert expected[: len(TEXTS)] != expected[len(TEXTS) :]


def test_the_last_line_needs_no_newline(program, artifact_directory):
    text = TEXTS[0].encode()
    with_newline = run(program, artifact_directory, OP_LIBRARY, stdin=text + b"\n")
    assert with_newline[0] == 0
    assert run(program, artifact_directory, OP_LIBRARY, stdin=text)[:2] == with_newline[:2]
    assert with_newline[1].strip()
    assert run(program, artifact_directory, OP_LIBRARY)[:2] == (0, "")


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_it_gives_the_saved_models_labels(classify_program, request, kind):
    artifact = request.getfixturevalue(f"{kind}_artifact_directory")
    texts = CLASSIFIERS[kind] * 3  # more than one batch
    classifier = loaded(artifact, runtime="tf_saved_model")
    labels, probabilities = answers(classifier, texts)
    lines = lines_of(map(line_of, texts))
    status, out, error = run(classify_program, artifact, WORDPIECE_LIBRARY, stdin=lines)
    assert status == 0, error
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    assert [row[0] for row in rows] == labels
    found = np.array([row[1:] for row in rows], float)
    np.testing.assert_allclose(found, probabilities, atol=1e-4)
    assert len(set(labels)) == len(classifier.labels)


@pytest.mark.parametrize("head", ["several labels", "two numbers"])
def test_it_gives_what_a_head_means(classify_program, once, head):
    artifact = head_artifact(once, head)
    scores = loaded(head_run(once, head)).scores(SMALL_TEXTS)
    lines = lines_of(SMALL_TEXTS)
    status, out, error = run(classify_program, artifact, WORDPIECE_LIBRARY, stdin=lines)
    assert status == 0, error
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    if head == "several labels":
        assert [row.pop(0) for row in rows] == [f"LABEL_{i}" for i in scores.argmax(axis=1)]
    np.testing.assert_allclose(np.array(rows, float), scores, atol=1e-4)


def test_a_pair_is_two_texts(classify_program, pair_classifier_artifact_directory):
    artifact = pair_classifier_artifact_directory
    good = [line_of(pair) for pair in PAIRS]
    for bad in ("no tab", "one\ttab\ttoo many"):
        lines = lines_of([*(good * 2)[:40], bad])  # in the second batch
        status, out, error = run(classify_program, artifact, WORDPIECE_LIBRARY, stdin=lines)
        assert status == 2
        last = error.strip().split("\n")[-1]
        assert last == "classify: line 41: expected two texts with one tab between them"


@pytest.mark.parametrize("kind", ["translator", "classifier"])
def test_a_line_may_hold_any_byte(kind, program, classify_program, request):
    texts = ["three\0 hundred", "three hundred", "\0", "", "\0on monday", "good\0 bad \0film\0"]
    lines = lines_of(texts).removesuffix(b"\n")
    if kind == "translator":
        artifact = request.getfixturevalue("artifact_directory")
        expected = loaded(artifact, runtime="tf_saved_model").translate(texts)
        status, out, error = run(program, artifact, OP_LIBRARY, stdin=lines)
    else:
        artifact = request.getfixturevalue("classifier_artifact_directory")
        expected = answers(loaded(artifact, runtime="tf_saved_model"), texts)
        status, out, error = run(classify_program, artifact, WORDPIECE_LIBRARY, stdin=lines)
    assert status == 0, error
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    if kind == "translator":
        assert [row[0] for row in rows] == expected
        return
    assert [row[0] for row in rows] == expected[0]
    np.testing.assert_allclose(np.array([row[1:] for row in rows], float), expected[1], atol=1e-4)


@pytest.mark.parametrize("missing", ["artifact", "library", "arguments", "kind"])
@pytest.mark.parametrize("name", ["translate", "classify"])
def test_what_is_missing_is_named(name, missing, programs, request, tmp_path):
    fixtures = ["artifact_directory", "classifier_artifact_directory"]
    libraries = [OP_LIBRARY, WORDPIECE_LIBRARY]
    if name == "classify":
        fixtures.reverse(), libraries.reverse()
    artifact, other = map(request.getfixturevalue, fixtures)
    nowhere = os.fspath(tmp_path / "nowhere")
    arguments, said = {
        "artifact": ([nowhere, libraries[0]], nowhere),
        "library": ([artifact, nowhere], nowhere),
        "arguments": ([], "usage"),
        "kind": ([other, libraries[1]], "the SavedModel's signatures do not hold it"),
    }[missing]
    status, out, error = run(programs / name, *arguments)
    assert (status, out) == (2, "")
    last = error.strip().split("\n")[-1]
    assert last.startswith(f"{name}: ")
    assert said in last


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ("< .", "translate: standard input: Is a directory"),
        ("<&-", "translate: standard input: Bad file descriptor"),
        (">/dev/full", "translate: standard output cannot be written: No space left on device"),
    ],
)
def test_a_stream_that_fails_is_a_sentence(streams, said, program, artifact_directory):
    command = f"echo three | '{program}' '{artifact_directory}' '{OP_LIBRARY}' {streams}"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.strip().split("\n")[-1] == said
