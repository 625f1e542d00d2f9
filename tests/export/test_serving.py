"""`export/serving`: its clients against servers that speak TensorFlow Serving's interfaces.

Behind them the C++ loader that TensorFlow Serving has runs the SavedModel: `export/c`.
"""

import functools
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tests.export import classified
from tests.export.c_program import EXPORT, OP_LIBRARY, WORDPIECE_LIBRARY, run
from tests.export.classified import CLASSIFIERS, line_of
from tests.export.environment import make_environment
from tests.export.servers import rest_server, rpc_server
from tests.export.test_python_consumers import TEXTS
from tests.loaded_once import loaded as loaded_model

SERVING = EXPORT / "serving"
PATIENT = ("--timeout", "300")  # the server begins a process for each request
pytestmark = pytest.mark.filterwarnings("ignore::keras_attention._validation.TruncationWarning")


def loaded(program, artifact, library):
    """A function of lines: those that a program of `export/c` writes.

    What both interfaces ask, and several tests, it is asked once.
    """

    @functools.cache
    def predict(lines):
        text = "".join(f"{line}\n" for line in lines).encode()
        status, out, error = run(program, artifact, library, stdin=text)
        assert status == 0, error
        return out.split("\n")[:-1]

    return lambda lines: predict(tuple(lines))


def translator(predict):
    """A model of a server; of samples it only says what was asked for."""

    def model(inputs):
        texts = inputs.pop("text")
        seeds = inputs.pop("seed", None)
        assert not inputs
        if seeds is None:
            found = predict(texts)
        else:
            found = [f"{text} {seed}" for text, seed in zip(texts, seeds, strict=True)]
        return {"text": found, "score": np.zeros(len(found), "float32")}

    return model


def classifier(predict, names):
    """A model of a server, whose inputs are `names`."""

    def model(inputs):
        assert sorted(inputs) == sorted(names)
        lines = map("\t".join, zip(*(inputs[name] for name in names), strict=True))
        rows = [line.split("\t") for line in predict(lines)]
        probabilities = np.array([row[1:] for row in rows], "float32")
        return {"label": [row[0] for row in rows], "probabilities": probabilities}

    return model


@pytest.fixture(scope="module")
def models(programs, request):
    """What the servers serve."""
    artifacts = {
        name: request.getfixturevalue(f"{name}artifact_directory")
        for name in ("", "classifier_", "pair_classifier_")
    }
    translate, classify = programs / "translate", programs / "classify"
    single = loaded(classify, artifacts["classifier_"], WORDPIECE_LIBRARY)
    pair = loaded(classify, artifacts["pair_classifier_"], WORDPIECE_LIBRARY)
    return {
        "translator": translator(loaded(translate, artifacts[""], OP_LIBRARY)),
        "classifier": classifier(single, ["text"]),
        "pair_classifier": classifier(pair, ["text", "text_pair"]),
        "regression": regression,
    }


def regression(inputs):
    """A model of a server that gives two numbers for each text."""
    return {"scores": np.array([[len(text), -0.5] for text in inputs["text"]], "float32")}


@pytest.fixture(scope="module")
def rest(models):
    """The address of a server of REST."""
    with rest_server(models) as address:
        yield address


@pytest.fixture(scope="module")
def rpc(models):
    """The address of a server of gRPC."""
    with rpc_server(models) as address:
        yield address


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """Of each interface a Python for its clients, their names' end, the option for the server."""
    environment = make_environment(tmp_path_factory.mktemp("grpc"), SERVING / "requirements.txt")
    return {
        "rest": ([sys.executable, "-E", "-s", "-S"], "rest.py", "--url"),
        "rpc": ([environment], "grpc.py", "--host"),
    }


def answered(client, name, address, lines, *arguments):
    """Status, lines and errors of a client, `name` being "translate" or "classify"."""
    python, end, option = client
    found = subprocess.run(
        [*python, SERVING / f"{name}_{end}", option, address, *PATIENT, *arguments],
        input="".join(f"{line}\n" for line in lines).encode(),
        capture_output=True,
        timeout=300,
    )
    return found.returncode, found.stdout.decode().split("\n")[:-1], found.stderr.decode()


@pytest.mark.parametrize("kind", ["rest", "rpc"])
def test_it_gives_keras_translations(kind, clients, request, run_directory):
    address = request.getfixturevalue(kind)
    texts = TEXTS + TEXTS[:20]  # more than one request
    expected = loaded_model(run_directory).translate(texts)
    status, found, error = answered(clients[kind], "translate", address, texts)
    assert status == 0, error
    assert found == expected
    assert len(set(expected)) > 5


@pytest.mark.parametrize("kind", ["rest", "rpc"])
def test_a_regression_gives_numbers_and_no_label(kind, clients, request, tmp_path):
    address = request.getfixturevalue(kind)
    manifest = {"kind": "classifier", "labels": ["length", "half"], "takes_pairs": False}
    manifest["problem_type"] = "regression"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    texts = [("text " * i).strip() for i in range(1, 41)]  # more than one request
    options = (tmp_path / "manifest.json", "--model", "regression")
    status, found, error = answered(clients[kind], "classify", address, texts, *options)
    assert status == 0, error
    expected = [{"scores": {"length": float(len(text)), "half": -0.5}} for text in texts]
    assert [json.loads(line) for line in found] == expected


@pytest.mark.parametrize("kind", ["rest", "rpc"])
def test_it_sends_each_line_its_seed(kind, clients, request):
    address = request.getfixturevalue(kind)
    texts = [f"text {i}" for i in range(40)]  # more than one request
    status, found, error = answered(clients[kind], "translate", address, texts, "--seed", "7")
    assert status == 0, error
    assert found == [f"{text} {7 + i}" for i, text in enumerate(texts)]


@pytest.mark.parametrize("kind", ["rest", "rpc"])
def test_errors_are_sentences(kind, clients, request):
    client, text = clients[kind], TEXTS[:1]
    address = request.getfixturevalue(kind)
    status, found, error = answered(client, "translate", address, text, "--model", "other")
    assert (status, found) == (1, [])
    assert "Servable not found" in error
    assert "Traceback" not in error
    nowhere = {"rest": "http://127.0.0.1:9", "rpc": "127.0.0.1:9"}[kind]
    status, found, error = answered(client, "translate", nowhere, text)
    assert (status, found) == (1, [])
    assert nowhere in error
    assert "Traceback" not in error


@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.parametrize("interface", ["rest", "rpc"])
def test_it_gives_keras_answers(interface, kind, clients, request):
    run_directory = request.getfixturevalue(f"{kind}_run_directory")
    artifact = request.getfixturevalue(f"{kind}_artifact_directory")
    texts = CLASSIFIERS[kind] * 2  # more than one request
    status, found, error = answered(
        clients[interface],
        "classify",
        request.getfixturevalue(interface),
        map(line_of, texts),
        artifact / "manifest.json",
        "--model",
        kind,
    )
    assert status == 0, error
    expected = classified.expected(run_directory, texts)
    classified.require_answers(found, expected, classified.labels_of(artifact))


@pytest.mark.parametrize("change", ["order", "names", "number"])
@pytest.mark.parametrize("interface", ["rest", "rpc"])
def test_labels_of_another_artifact_are_refused(
    interface, change, clients, request, tmp_path, classifier_artifact_directory
):
    manifest = json.loads((classifier_artifact_directory / "manifest.json").read_text())
    labels = manifest["labels"]
    manifest["labels"] = {
        "order": [*labels[1:], labels[0]],
        "names": [f"not {label}" for label in labels],
        "number": [*labels, "another"],
    }[change]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    client, address = clients[interface], request.getfixturevalue(interface)
    options = (tmp_path / "manifest.json", "--model", "classifier")
    status, found, error = answered(client, "classify", address, ["a gripping film"], *options)
    assert (status, found) == (1, [])
    assert error.endswith("is not of the artifact that the server runs: they differ in labels.\n")


@pytest.mark.parametrize("model", ["classifier", "regression", "translator"])
@pytest.mark.parametrize("interface", ["rest", "rpc"])
def test_a_model_of_another_kind_is_refused(interface, model, clients, request, tmp_path):
    """The manifest is a regression's of two numbers, or that of a classifier of two labels."""
    manifest = {"kind": "classifier", "labels": ["bad", "good"], "takes_pairs": False}
    if model != "regression":
        manifest["problem_type"] = "regression"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    client, address = clients[interface], request.getfixturevalue(interface)
    options = (tmp_path / "manifest.json", "--model", model)
    status, found, error = answered(client, "classify", address, ["a gripping film"], *options)
    assert (status, found) == (1, [])
    last = error.strip().split("\n")[-1]
    assert last.endswith("of the artifact that the server runs: they differ in what they give.")
    assert "Traceback" not in error


@pytest.mark.parametrize("interface", ["rest", "rpc"])
def test_wrong_input_is_a_sentence(
    interface, clients, request, pair_classifier_artifact_directory, artifact_directory
):
    client, address = clients[interface], request.getfixturevalue(interface)
    lines = [*["one\ttwo"] * 40, "no tab"]
    manifest = pair_classifier_artifact_directory / "manifest.json"
    options = (manifest, "--model", "pair_classifier")
    status, found, error = answered(client, "classify", address, lines, *options)
    assert (status, len(found)) == (1, 32)
    assert error.endswith("Line 41: expected two texts with one tab between them.\n")
    manifest = artifact_directory / "manifest.json"
    status, found, error = answered(client, "classify", address, ["text"], manifest)
    assert (status, found) == (1, [])
    assert error.endswith(f"{manifest} is of a translator, not of a classifier.\n")


@pytest.mark.parametrize("kind", ["translator", "classifier"])
def test_the_configuration_is_what_the_server_reads(kind, request):
    service = yaml.safe_load((SERVING / "compose.yaml").read_text())["services"]["serving"]
    command, volumes = [
        [value.replace("${MODEL:-translator}", kind) for value in service[name]]
        for name in ("command", "volumes")
    ]
    mounts = dict(mount.rsplit(":", 2)[:2] for mount in volumes)
    files = {}
    for option in command:
        name, value = option.split("=")
        if name.endswith("_file"):
            folder, file = value.rsplit("/", 1)
            (source,) = [source for source, target in mounts.items() if target == folder]
            files[name] = SERVING / source / file
    config = text_format.Parse(
        files["--model_config_file"].read_text(), model_server_config_pb2.ModelServerConfig()
    )
    (model,) = config.model_config_list.config
    assert model.name == kind  # the clients' default
    assert mounts["${ARTIFACT:?the path of an artifact}/saved_model"] == model.base_path
    prefix = {"translator": "", "classifier": "classifier_"}[kind]
    artifact = request.getfixturevalue(f"{prefix}artifact_directory")
    assert (artifact / "saved_model" / "1" / "saved_model.pb").is_file()
    # BatchingParameters is in no package: its fields, of the server's session_bundle_config.proto.
    lines = files["--batching_parameters_file"].read_text().splitlines()
    settings = [line for line in lines if not line.startswith("#")]
    fields = "max_batch_size|batch_timeout_micros|max_enqueued_batches|num_batch_threads"
    assert all(re.fullmatch(rf"({fields}) {{ value: \d+ }}", line) for line in settings)
    assert len(settings) == 4
