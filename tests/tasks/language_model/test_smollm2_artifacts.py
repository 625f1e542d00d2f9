"""Real weights exported: every format of SmolLM2 as Keras, and as its own file in its runtime."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from keras_attention import export, load
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.checkpoints import load_hugging_face, load_tokenizer
from keras_attention.tasks.import_checkpoint import import_checkpoint
from keras_attention.tasks.language_model.keras_generator import keras_generator
from keras_attention.tasks.language_model.parity import compare
from keras_attention.token_ids import pad
from tests.smollm2 import needs_smollm2, write_smollm2

PROMPTS = ["The capital of France is", "Once", "def mean(numbers):\n    return", "In 1984, é 👍"]
COUNT = 12
LOWER = {"float16": 0.01, "int8": 0.1}  # nats a token
DOCS = Path(__file__).parents[3] / "docs"
pytestmark = needs_smollm2


def run_alone(name, artifact):
    """The signature `ids` of a format's file, by the runtime's own package: a function."""
    if name == "tf_saved_model":
        import tensorflow as tf

        module = tf.saved_model.load(str(artifact / "saved_model" / "1"))  # owns the weights
        return lambda **inputs: module.signatures["ids"](**inputs)["token_ids"].numpy()
    if name == "tflite":
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(artifact / "model.tflite")).get_signature_runner("ids")
        return lambda **inputs: runner(**inputs)["token_ids"]
    from onnxruntime import InferenceSession

    session = InferenceSession(artifact / "model.onnx", providers=["CPUExecutionProvider"])
    return lambda **inputs: session.run(["token_ids"], inputs)[0]


def require_own_file(name, artifact):
    """A format writes what its file gives in the runtime alone; returns its continuations."""
    user = load(artifact, name)
    found = user.continuations(PROMPTS, COUNT)
    rows = user.prompt_ids(PROMPTS)
    token_ids = run_alone(name, artifact)(
        prompt_ids=pad(rows),
        lengths=np.array([len(row) for row in rows], "int32"),
        max_new_tokens=np.full(len(rows), COUNT, "int32"),
    )
    for (best,), row in zip(found, token_ids.tolist(), strict=True):
        assert row[: len(best.token_ids)] == best.token_ids
        assert len(best.token_ids) == COUNT or best.finish == "end"
    return found


def require_agreement(user, found):
    """A format's tokens are those of Keras, but where two logits tie."""
    report = compare(user, PROMPTS, user.continuations(PROMPTS, COUNT), found, COUNT)
    assert report["differences"] == []
    assert report["agreement"] + report["ties"] / len(PROMPTS) == pytest.approx(1)


@pytest.fixture(scope="module")
def two_layers(once):
    """The first two layers of the model, and its tokenizer."""
    directory = once("smollm2_2", lambda path: write_smollm2(path, 2))
    return load_hugging_face(directory), load_tokenizer(directory)


# A format has 28 million numbers in each of its signatures on the way: minutes for ONNX.
@pytest.mark.parametrize(
    "name",
    [name if name == "tflite" else pytest.param(name, marks=pytest.mark.slow) for name in FORMATS],
)
def test_two_layers_of_the_real_weights(name, two_layers, tmp_path):
    model, tokenizer = two_layers
    artifact = tmp_path / "artifact"
    export(model, artifact, tokenizer, examples=PROMPTS, formats=[name])
    require_agreement(keras_generator(model, tokenizer), require_own_file(name, artifact))
    assert {row["sentences"] for row in read_manifest(artifact)["parity"][name]} == {len(PROMPTS)}


@pytest.fixture(scope="module")
def run(once):
    """The whole model, imported."""
    directory = once("smollm2", write_smollm2)
    return once("smollm2_run", lambda folder: import_checkpoint(directory, folder / "run")) / "run"


@pytest.fixture(scope="module")
def prose(tmp_path_factory):
    """English text that the model has not seen: what this project says of itself."""
    path = tmp_path_factory.mktemp("prose") / "valid.txt"
    parts = [(DOCS / name).read_text() for name in ("glossary.md", "python.md", "classifiers.md")]
    path.write_text("\n\n".join(parts))
    return path


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("precision", ["float32", *LOWER])
def test_the_whole_model(precision, run, prose, tmp_path):
    """In float32 every format writes Keras' tokens; a lower precision costs at most its bound.

    `pytest -s` shows what it costs, and the share of equal tokens.
    """
    formats = list(FORMATS) if precision == "float32" else ["tflite", "onnx"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(run, tmp_path / "artifact", formats=formats, precision=precision, valid=str(prose))
    manifest, user = read_manifest(tmp_path / "artifact"), load(run)
    assert manifest["scores"]["onnx"]["tokens"] > 10_000
    for name in formats:
        found = require_own_file(name, tmp_path / "artifact")
        shares = [row["equal_tokens"] for row in manifest["parity"][name]]
        said = f"{name} {precision}: {min(shares):.1%} of greedy tokens are Keras'"
        if precision == "float32":
            require_agreement(user, found)
        else:
            report = manifest["lower_precision"][name]
            assert report["measure"] == "nats a token"
            assert abs(report["loss"]) <= report["loss_bound"] == LOWER[precision]
            said += f", it costs {report['loss']:.5f} nats a token"
        print(said)
        assert found[0][0].text.startswith(" Paris")
        assert "".join(load(tmp_path / "artifact", name).stream(PROMPTS[0], 4)).startswith(" Paris")
