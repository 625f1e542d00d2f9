"""Sentence vectors in `export/`: Python, C, and the clients of TensorFlow Serving."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest

from keras_attention import load
from tests.export.c_program import EXPORT, WORDPIECE_LIBRARY, run
from tests.export.environment import make_environment
from tests.export.servers import rest_server, rpc_server
from tests.tasks.small_models import TEXTS, exported, saved

SERVING = EXPORT / "serving"
LONG = "three hundred " * 30
LINES = [*TEXTS, "", " ", LONG, "Straße, naïve 👍"] * 5  # more than one batch
pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


@pytest.fixture(scope="session")
def artifact(once):
    return exported(once, "embedding")


@pytest.fixture(scope="session")
def vectors(once):
    return load(saved(once, "embedding")).embed(LINES)


def test_programs_in_python(consumer, artifact, vectors):
    found = [json.loads(line) for line in consumer("embed.py", artifact, LINES)]
    np.testing.assert_allclose(found, vectors, atol=1e-4)
    assert consumer("embed.py", artifact, []) == []


def test_the_nearest_of_a_list(consumer, artifact, vectors, tmp_path):
    others = tmp_path / "others.txt"
    others.write_text("".join(f"{text}\n" for text in TEXTS[1:]))
    command = [consumer.python, EXPORT / consumer.name / "embed.py", artifact, "--among", others]

    def answers(text):
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, cwd=consumer.directory, timeout=300
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    status, out, error = answers("\n".join(TEXTS))
    assert status == 0, error
    found = [json.loads(line) for line in out.splitlines()]
    similarities = vectors[: len(TEXTS)] @ vectors[1 : len(TEXTS)].T
    assert [row["text"] for row in found] == [TEXTS[1 + i] for i in similarities.argmax(axis=1)]
    np.testing.assert_allclose(
        [row["similarity"] for row in found], similarities.max(axis=1), atol=1e-4
    )
    others.write_text("")
    status, out, error = answers("a")
    assert (status, out) == (1, "") and error.endswith(f"{others} holds no line.\n")


def test_another_kind_is_refused(consumer, classifier_artifact_directory):
    status, found, error = consumer.run("embed.py", classifier_artifact_directory, ["text"])
    assert (status, found) == (1, [])
    assert error == f"{classifier_artifact_directory} is a classifier, not an embedding.\n"


@functools.cache
def _in_c(programs, artifact, texts):
    lines = "".join(f"{text}\n" for text in texts).encode()
    status, out, error = run(programs / "embed", artifact, WORDPIECE_LIBRARY, stdin=lines)
    assert status == 0, error
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    return np.array(rows, "float32").reshape(len(texts), -1)


def in_c(programs, artifact, texts):
    """What the program writes; asked the same again, what it wrote."""
    return _in_c(programs, artifact, tuple(texts))


def test_the_program_in_c(programs, artifact, vectors, classifier_artifact_directory):
    np.testing.assert_allclose(in_c(programs, artifact, LINES), vectors, atol=1e-5)
    other = classifier_artifact_directory
    for arguments, said in (
        ((), "usage"),
        ((other, WORDPIECE_LIBRARY), "the SavedModel's signatures do not hold it"),
    ):
        status, out, error = run(programs / "embed", *arguments)
        assert (status, out) == (2, "")
        last = error.strip().split("\n")[-1]
        assert last.startswith("embed: ") and said in last


@pytest.mark.parametrize("interface", ["rest", "grpc"])
def test_clients_of_the_server(interface, programs, artifact, vectors, tmp_path):
    models = {
        "embedding": lambda x: {"sentence_embedding": in_c(programs, artifact, x["text"])},
        "other": lambda x: {"label": ["good"] * len(x["text"])},
    }
    if interface == "rest":
        python, server, option = [sys.executable, "-E", "-s", "-S"], rest_server, "--url"
    else:
        python = [make_environment(tmp_path / "grpc", SERVING / "requirements.txt")]
        server, option = rpc_server, "--host"
    lines = "".join(f"{line}\n" for line in LINES).encode()
    with server(models) as address:
        command = [*python, SERVING / f"embed_{interface}.py", option, address]
        command += ["--timeout", "300"]  # the server begins a process for each request
        done = subprocess.run(command, input=lines, capture_output=True, timeout=300)
        other = subprocess.run([*command, "--model", "other"], input=lines, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    found = [json.loads(line) for line in done.stdout.decode().splitlines()]
    np.testing.assert_allclose(found, vectors, atol=1e-5)
    assert (other.returncode, other.stdout) == (1, b"")
    said = other.stderr.decode().strip().split("\n")[-1]
    assert said == "The model other gives something else than vectors."
