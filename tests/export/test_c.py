"""`export/c`, compiled and run without Python, without an environment."""

import os

import pytest

from keras_attention import load
from tests.export.c_program import OP_LIBRARY, run
from tests.export.test_python_consumers import TEXTS

pytestmark = pytest.mark.filterwarnings("ignore::keras_attention.runtimes.TruncationWarning")


def lines_of(texts):
    return "".join(f"{text}\n" for text in texts).encode()


def test_it_gives_the_saved_models_translations(program, artifact_directory):
    texts = TEXTS * 3  # more than one batch
    expected = load(artifact_directory, runtime="tf_saved_model").translate(texts)
    status, out, error = run(program, artifact_directory, OP_LIBRARY, stdin=lines_of(texts))
    assert status == 0, error
    assert out.split("\n")[:-1] == expected
    assert len(set(expected)) > 5


def test_it_gives_the_best_of_a_beam(program, beam_artifact_directory):
    expected = load(beam_artifact_directory, runtime="tf_saved_model").translate(TEXTS)
    status, out, error = run(program, beam_artifact_directory, OP_LIBRARY, stdin=lines_of(TEXTS))
    assert status == 0, error
    assert out.split("\n")[:-1] == expected


def test_it_samples_each_line_with_its_number(program, sampling_artifact_directory):
    texts = TEXTS * 2  # more than one batch
    translator = load(sampling_artifact_directory, runtime="tf_saved_model")
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


@pytest.mark.parametrize("missing", ["artifact", "library", "arguments"])
def test_what_is_missing_is_named(program, artifact_directory, tmp_path, missing):
    nowhere = os.fspath(tmp_path / "nowhere")
    arguments = {
        "artifact": [nowhere, OP_LIBRARY],
        "library": [artifact_directory, nowhere],
        "arguments": [],
    }[missing]
    status, out, error = run(program, *arguments)
    assert (status, out) == (2, "")
    assert error.strip().split("\n")[-1].startswith("translate: ")
    assert ("usage" if missing == "arguments" else nowhere) in error
