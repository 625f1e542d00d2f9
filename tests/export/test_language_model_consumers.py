"""Language models in `export/`: Python, C, the clients of TensorFlow Serving, and LiteRT-LM."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest

from tests.export.c_program import EXPORT, OP_LIBRARY, run
from tests.export.environment import make_environment
from tests.export.python_consumer import PythonConsumer, make_consumer
from tests.export.servers import rest_server, rpc_server
from tests.loaded_once import loaded
from tests.tasks.language_model.exported import (
    CONTEXT,
    PROMPTS,
    bundle_artifact,
    greedy_artifact,
    sampling_artifact,
)

SERVING = EXPORT / "serving"
COUNT = 16  # as many as the caches have room for
LINES = [*PROMPTS, "0123456789" * 10]
OPTIONS = ("--json", "--max-new-tokens", str(COUNT))
pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


@pytest.fixture(scope="session")
def artifact(once):
    return greedy_artifact(once)


@pytest.fixture(scope="module")
def expected(artifact):
    return loaded(artifact, "tf_saved_model").generate(LINES, COUNT)


def texts(lines):
    return [json.loads(line)["text"] for line in lines]


def test_programs_in_python(consumer, artifact, expected):
    assert texts(consumer("generate.py", artifact, LINES, *OPTIONS)) == expected
    assert consumer("generate.py", artifact, []) == []


def test_a_prompt_over_the_context_loses_its_beginning(consumer, artifact):
    long = "0123456789" * 30
    status, found, error = consumer.run("generate.py", artifact, [long], *OPTIONS)
    assert status == 0 and texts(found) == loaded(artifact, "onnx").generate([long], COUNT)
    said = [line for line in error.splitlines() if not line.startswith("INFO: ")]  # LiteRT's own
    assert said == [
        f"300 tokens are more than the model's context of {CONTEXT}; the first "
        f"{300 - (CONTEXT + 1 - COUNT)} are cut."
    ]


def test_what_is_shown_is_the_text(consumer, artifact, expected):
    """Without --json the parts come as they are; a byte may be the end of a line."""
    found = consumer("generate.py", artifact, LINES[:2], "--max-new-tokens", str(COUNT))
    assert "\n".join(found) == "\n".join(expected[:2])


def test_samples(consumer, once):
    """In one piece: the graph draws."""
    artifact = sampling_artifact(once)
    found = texts(consumer("generate.py", artifact, LINES, *OPTIONS))
    assert found == loaded(artifact, "onnx").generate(LINES, COUNT)


FAULTS = [("", "the prompt is empty."), (b"caf\xe9", "it is not UTF-8 text.")]


def test_a_prompt_without_an_answer(consumer, artifact, expected):
    """The others are answered: a program that reads the lines knows which is which."""
    lines = [FAULTS[0][0], LINES[0], FAULTS[1][0], LINES[1]]
    status, found, error = consumer.run("generate.py", artifact, lines, *OPTIONS)
    assert status == 1
    assert texts(found) == [None, expected[0], None, expected[1]]
    said = [line for line in error.splitlines() if line.startswith("Line ")]
    assert said == [f"Line {n}: {fault}" for n, (_, fault) in zip((1, 3), FAULTS, strict=True)]
    assert "Traceback" not in error
    shown = ("--max-new-tokens", str(COUNT))
    status, found, _ = consumer.run("generate.py", artifact, ["", LINES[0]], *shown)
    assert status == 1 and "\n".join(found) == "\n" + expected[0]


def test_a_reader_that_has_gone(consumer, artifact):
    code = f"python {EXPORT / consumer.name / 'generate.py'} {artifact} | head -c 1"
    code = f"set -o pipefail; {code.replace('python', str(consumer.python), 1)}"
    given = "".join(f"{line}\n" for line in LINES).encode()
    done = subprocess.run(["bash", "-c", code], input=given, capture_output=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr.endswith(b"Standard output cannot be written: Broken pipe.\n")
    assert b"Traceback" not in done.stderr


def test_another_kind_is_refused(consumer, classifier_artifact_directory):
    status, found, error = consumer.run("generate.py", classifier_artifact_directory, ["text"])
    assert (status, found) == (1, [])
    assert error == f"{classifier_artifact_directory} is a classifier, not a language-model.\n"


def in_c(programs, artifact, lines, count=COUNT):
    """What the program writes; asked the same again, what it wrote."""
    return list(_in_c(programs, artifact, tuple(lines), count))


@functools.cache
def _in_c(programs, artifact, lines, count):
    text = "".join(f"{line}\n" for line in lines).encode()
    status, out, error = run(programs / "generate", artifact, OP_LIBRARY, str(count), stdin=text)
    assert status == 0, error
    return [json.loads(line) for line in out.split("\n")[:-1]]


def test_the_program_in_c(programs, artifact, expected, once):
    assert in_c(programs, artifact, LINES * 6) == expected * 6  # more than one batch
    samples = sampling_artifact(once)
    assert in_c(programs, samples, LINES) == loaded(samples, "onnx").generate(LINES, COUNT)
    for arguments in ((), (artifact, OP_LIBRARY, "none"), (artifact, OP_LIBRARY, "0")):
        status, out, error = run(programs / "generate", *arguments)
        assert (status, out) == (2, "")
        assert error.strip().split("\n")[-1].startswith("generate: usage")


@pytest.mark.parametrize("interface", ["rest", "grpc"])
def test_clients_of_the_server(interface, programs, artifact, expected, tmp_path):
    def model(inputs):
        (count,) = set(inputs["max_new_tokens"])
        found = in_c(programs, artifact, inputs["text"], count)
        if "seed" in inputs:
            found = [f"{text} {seed}" for text, seed in zip(found, inputs["seed"], strict=True)]
        return {"text": found, "score": np.zeros(len(found), "float32")}

    if interface == "rest":
        python, server, option = [sys.executable, "-E", "-s", "-S"], rest_server, "--url"
    else:
        python = [make_environment(tmp_path / "grpc", SERVING / "requirements.txt")]
        server, option = rpc_server, "--host"
    text = "".join(f"{line}\n" for line in LINES * 6).encode()
    with server({"language-model": model}) as address:
        command = [*python, SERVING / f"generate_{interface}.py", option, address]
        command += ["--max-new-tokens", str(COUNT)]
        command += ["--timeout", "300"]  # the server begins a process for each request
        done = subprocess.run(command, input=text, capture_output=True, timeout=300)
        seeded = [*command, "--seed", "7"]
        drawn = subprocess.run(seeded, input=text, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    assert texts(done.stdout.decode().splitlines()) == expected * 6
    assert texts(drawn.stdout.decode().splitlines()) == [
        f"{text} {7 + i}" for i, text in enumerate(expected * 6)
    ]


def test_litert_lm(once):
    """LiteRT-LM's own runtime, in an environment that holds it alone."""
    artifact = bundle_artifact(once)
    directory = once("litertlm", lambda folder: make_consumer("litertlm", folder))
    consumer = PythonConsumer("litertlm", directory)
    expected = loaded(artifact, "tflite").generate(PROMPTS, COUNT)
    assert texts(consumer("generate.py", artifact, PROMPTS, *OPTIONS)) == expected
    lines = ["", PROMPTS[0], FAULTS[1][0]]
    status, found, error = consumer.run("generate.py", artifact, lines, *OPTIONS)
    assert (status, texts(found)) == (1, [None, expected[0], None])
    said = [line for line in error.splitlines() if line.startswith("Line ")]
    assert said == ["Line 1: the prompt is empty.", "Line 3: it is not UTF-8 text."]
