"""What stands in an artifact, and what its files answer without this package."""

import json
import os
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_attention import load
from keras_attention.artifacts import formats, saved_model
from keras_attention.artifacts.manifest import read_manifest, verify_files
from keras_attention.tasks.translation.graph_functions import BLANK, ids_function
from keras_attention.text import TranslationTokenizer, phrase_corpus
from keras_attention.token_ids import SpecialIds
from tests.tasks.generate import generate_by

SPECIAL = SpecialIds()

FORMATS = ("tf_saved_model", "tflite", "onnx")
SHAPES = [(1, 9), (1, 15), (1, 5), (4, 28), (4, 15), (2, 64), (1, 1)]


@pytest.fixture(scope="module")
def manifest(artifact_directory):
    return read_manifest(artifact_directory)


@pytest.fixture(scope="module")
def generates(run_directory, artifact_directory):
    """`ids` of Keras and of the three formats: functions of (N, S) int32 to a dict of arrays."""
    import onnxruntime

    keras_ids = ids_function(load(run_directory).model, with_alignments=True)
    session = onnxruntime.InferenceSession(
        str(artifact_directory / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    # num_threads=1: what a phone would do
    interpreter = Interpreter(str(artifact_directory / "model.tflite"), num_threads=1)
    tflite = interpreter.get_signature_runner("ids")
    of_saved_model = saved_model.signature(artifact_directory / "saved_model" / "1", "ids")
    return {
        "keras": lambda ids: {name: v.numpy() for name, v in keras_ids(tf.constant(ids)).items()},
        "tf_saved_model": lambda ids: of_saved_model(source_ids=ids),
        "tflite": lambda ids: tflite(source_ids=ids),
        "onnx": lambda ids: dict(zip(names, session.run(names, {"source_ids": ids}), strict=True)),
    }


def source_ids(batch_size, length):
    """(N, S) int32 of rows of different lengths, the last as long as S."""
    random = np.random.default_rng(batch_size * 100 + length)
    ids = np.zeros((batch_size, length), "int32")
    for row, used in zip(ids, np.linspace(max(1, length // 2), length, batch_size), strict=True):
        used = int(used) if batch_size > 1 else length
        row[: used - 1] = random.integers(4, 300, used - 1)
        row[used - 1] = SPECIAL.end
    return ids


def test_the_files_of_an_artifact(artifact_directory, manifest):
    assert sorted(path.name for path in artifact_directory.iterdir()) == [
        "README.md",
        "manifest.json",
        "model.onnx",
        "model.tflite",
        "saved_model",
        "tokenizer",
    ]
    assert (artifact_directory / "saved_model" / "1" / "saved_model.pb").is_file()
    files = {
        path.relative_to(artifact_directory).as_posix()
        for path in artifact_directory.rglob("*")
        if path.is_file()
    }
    assert files - {"manifest.json"} == set(manifest["files"])
    verify_files(artifact_directory)
    TranslationTokenizer.load(artifact_directory / "tokenizer")


def test_the_manifest(manifest):
    assert manifest["kind"] == "translator"
    assert (manifest["architecture"], manifest["preset"]) == ("transformer", "tiny")
    assert manifest["formats"] == list(FORMATS)
    assert manifest["precision"] == "float32"
    assert manifest["decoding"] == {
        "method": "greedy",
        "beam_size": 1,
        "length_penalty": 0.0,
        "coverage_penalty": 0.0,
        "n_best": 1,
        "min_length": 0,
        "max_length": None,
        "shortlist": False,
        "extra_length": 50,
        "max_source_length": 64,
        "with_alignments": True,
        "single_loop": False,
        "without_scores": False,
        "repetition_penalty": 1.0,
    }
    assert manifest["packages"]["keras_attention"]
    assert manifest["signatures"]["ids"]["outputs"]["alignment"] == ["float32", ["N", "T", "S"]]


def test_the_parity_report(manifest):
    assert set(manifest["parity"]) == set(FORMATS)
    for reports in manifest["parity"].values():
        assert [report["batch_size"] for report in reports] == [1, 32]
        for report in reports:
            assert report["sentences"] == 16
            assert report["agreement"] * 16 + report["ties"] == 16
            assert 0 <= report["largest_score_difference"] < 1e-3
            assert report["milliseconds_per_sentence"] > 0


def test_tflite_holds_built_in_operators_only(artifact_directory, manifest):
    assert {"SentencepieceTokenizeOp", "While"} <= set(manifest["ops"]["tf_saved_model"])
    ops = formats.FORMATS["tflite"].operators(artifact_directory)
    assert ops == manifest["ops"]["tflite"]
    assert not [op for op in ops if op.startswith(("custom:", "Flex"))]
    assert "WHILE" in ops  # the whole generation


def test_onnx_holds_standard_operators_only(artifact_directory, manifest):
    ops = formats.FORMATS["onnx"].operators(artifact_directory)
    assert ops == manifest["ops"]["onnx"]
    assert {op.split(":")[0] for op in ops} == {"ai.onnx"}
    assert {"ai.onnx:Loop", "ai.onnx:MatMul"} <= set(ops)  # the latter within the former


def test_tflite_runs_without_tensorflows_operators(artifact_directory):
    """ai_edge_litert links none: a model with one could not allocate its tensors."""
    Interpreter(str(artifact_directory / "model.tflite")).allocate_tensors()


@pytest.mark.parametrize("runtime", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_and_length_are_dynamic(generates, runtime, shape):
    ids = source_ids(*shape)
    expected, found = generates["keras"](ids), generates[runtime](ids)
    assert set(found) == set(expected) == {"token_ids", "score", "alignment"}
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-3)
    np.testing.assert_allclose(found["alignment"], expected["alignment"], atol=1e-4)
    batch_size, length = shape
    steps = min(length + 50, 64)
    assert found["alignment"].shape == (batch_size, steps, length)
    assert found["token_ids"].dtype == np.int32 and found["score"].dtype == np.float32


def test_alignments_are_attention(generates):
    ids = source_ids(3, 12)
    found = generates["onnx"](ids)
    emitted = found["token_ids"] != 0
    sums = found["alignment"].sum(-1)
    np.testing.assert_allclose(sums[emitted], 1, atol=1e-5)
    np.testing.assert_array_equal(sums[~emitted], 0)
    assert not found["alignment"][0, :, (ids[0] == 0)].any()  # none on padding


def test_padding_changes_no_answer(generates):
    ids = source_ids(2, 10)
    padded = np.pad(ids, ((0, 0), (0, 7)))
    for name, generate in generates.items():
        short, long = generate(ids), generate(padded)
        steps = short["token_ids"].shape[1]
        np.testing.assert_array_equal(long["token_ids"][:, :steps], short["token_ids"], name)
        np.testing.assert_allclose(long["score"], short["score"], atol=1e-3)


FRESH_PROCESS = """
import json, sys
for name in ("keras_attention", "sentencepiece"):
    sys.modules[name] = None
import tensorflow as tf
import tensorflow_text
texts = json.loads(sys.stdin.read())
run = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
outputs = run(text=tf.constant(texts))
print(json.dumps({
    "text": [text.decode() for text in outputs["text"].numpy()],
    "score": outputs["score"].numpy().tolist(),
}))
"""


def test_the_saved_model_answers_where_only_tensorflow_is(
    run_directory, artifact_directory, tmp_path
):
    texts = ["", *phrase_corpus(8, split="test")[0], " \t\u3000", "日本 👍 \x01"]
    process = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, str(artifact_directory / "saved_model" / "1")],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    found = json.loads(process.stdout)
    expected, scores = load(run_directory).translate_with_scores(texts)
    assert found["text"] == expected
    assert found["score"] == pytest.approx(scores, abs=1e-3)
    assert found["text"][0] == found["text"][-2] == "" != found["text"][1]


def test_the_saved_models_ids_as_tf_serving_loads_them(generates, artifact_directory):
    run = formats.FORMATS["tf_saved_model"].signature(artifact_directory, "ids")
    token_ids, score = generate_by(run)(source_ids(2, 8))
    expected = generates["keras"](source_ids(2, 8))
    np.testing.assert_array_equal(token_ids, expected["token_ids"])
    np.testing.assert_allclose(score, expected["score"], atol=1e-3)


def test_the_graph_calls_blank_what_python_does():
    characters = [
        chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) != "Cs" and i != 0
    ]
    is_blank = tf.strings.regex_full_match([c.encode() for c in characters], BLANK).numpy()
    differing = [c for c, b in zip(characters, is_blank, strict=True) if b == bool(c.strip())]
    assert differing == []
    assert tf.strings.regex_full_match(["", " \t ", " a "], BLANK).numpy().tolist() == [
        True,
        True,
        False,
    ]
