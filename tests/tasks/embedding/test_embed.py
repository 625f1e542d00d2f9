"""Sentence vectors in every runtime: Python, command line, artifacts."""

import gzip
import io
import json
import re
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.artifacts.parity import ParityError
from keras_attention.artifacts.precision_loss import PrecisionWarning
from keras_attention.tasks import TextEmbedder, task_of
from keras_attention.tasks.embedding.embedding_comparison import (
    EmbeddingComparison,
    cosines,
    similarities,
    some_pairs,
)
from tests.cli.command import run_here, run_process
from tests.runs.small_runs import word_piece
from tests.tasks.small_models import LENGTH, TEXTS, exported, saved, small_encoder, small_model

RUNTIMES = ("keras", *FORMATS)
ALL = [*TEXTS, "", "  ", "a lo\ud83dvely day"]
LONG = "three hundred " * 30
UNKNOWN = re.compile(
    r"note: 1 of \d+ tokens \(\d\.\d%\) are unknown to the vocabulary; what they stand for is not "
    r"read\.\n"
)


@pytest.fixture(scope="session")
def model_of(once):
    """The run, or the artifact, of the small sentence encoder for a runtime."""
    return lambda runtime: (saved if runtime == "keras" else exported)(once, "embedding")


@pytest.fixture(scope="session")
def reference(model_of):
    """The vectors of `ALL`, from the model itself."""
    inputs = word_piece().pack([text.replace("\ud83d", "\ufffd") for text in ALL])
    return np.asarray(small_model("embedding")(inputs))


@pytest.fixture(scope="module", params=RUNTIMES)
def embedder(request, model_of):
    """What `load` gives for one of the runtimes."""
    return keras_attention.load(model_of(request.param), request.param, kind="embedding")


def test_vectors(embedder, reference, monkeypatch):
    assert isinstance(embedder, TextEmbedder) and embedder.dimension == 8
    for batch_size in (1, 3, 32):
        monkeypatch.setattr(embedder, "batch_size", batch_size)
        found = embedder.embed(ALL)
        assert (found.shape, found.dtype) == ((len(ALL), 8), np.float32)
        np.testing.assert_allclose(found, reference, atol=1e-5)
    assert embedder.embed([]).shape == (0, 8)
    assert embedder.embed(tuple(ALL[:1])).shape == (1, 8)
    with pytest.raises(
        ValueError, match="`texts` must be a list of strings. Received: texts='one'"
    ):
        embedder.embed("one")


def test_texts_that_are_too_long(embedder):
    with pytest.warns(UserWarning, match=rf"1 of 2 texts are longer .* maximum of {LENGTH} tokens"):
        found = embedder.embed(["three", LONG])
    inputs = word_piece().pack([LONG], max_length=LENGTH)
    np.testing.assert_allclose(found[1:], small_model("embedding")(inputs), atol=1e-5)


# Command line


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_command(runtime, model_of, reference, tmp_path, capfd):
    lines = ["three", "", *TEXTS]
    (tmp_path / "in.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    command = ("embed", "--model", model_of(runtime), "--runtime", runtime)
    command += ("--input", tmp_path / "in.gz", "--output")
    for name in ("out.npy", "out.jsonl"):
        status, out, err = run_here(capfd, *command, tmp_path / name)
        assert (status, out) == (0, "") and UNKNOWN.fullmatch(err), err
    found = np.load(tmp_path / "out.npy", allow_pickle=False)
    assert (found.shape, found.dtype) == ((len(lines), 8), np.float32)
    np.testing.assert_allclose(found[2:], reference[: len(TEXTS)], atol=1e-5)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    np.testing.assert_array_equal(np.array(rows, "float32"), found)  # every digit
    status, _, err = run_here(capfd, *command, tmp_path / "out.npy")
    assert status == 2 and "already exists. Give another path, or --force" in err
    assert run_here(capfd, *command, tmp_path / "out.npy", "--force")[0] == 0


def test_standard_input_and_output(model_of, reference):
    command = ("embed", "--model", model_of("onnx"), "--runtime", "onnx")
    process = run_process(*command, "--output", "-", input="\n".join([*TEXTS, ""]).encode())
    assert process.returncode == 0 and UNKNOWN.fullmatch(process.stderr.decode())
    rows = [json.loads(line) for line in process.stdout.decode().splitlines()]
    np.testing.assert_allclose(rows, reference[: len(TEXTS)], atol=1e-5)


def test_no_text(model_of, tmp_path, capfd):
    """As with the other commands: an empty file is a mistake, and nothing to read is no line."""
    (tmp_path / "in").write_text("")
    command = ("embed", "--model", model_of("onnx"), "--runtime", "onnx")
    status, out, error = run_here(capfd, *command, "--input", tmp_path / "in")
    assert (status, out) == (2, "")
    assert error.endswith("the file is empty; expected one text a line.\n")
    process = run_process(*command, "--output", tmp_path / "out.npy", input=b"")
    assert process.returncode == 0, process.stderr
    assert np.load(tmp_path / "out.npy").shape == (0, 8)


def test_what_the_command_refuses(once, model_of, tmp_path, capfd):
    (tmp_path / "in").write_text("three\n")
    command = ("embed", "--input", tmp_path / "in", "--model")
    for arguments, sentence in (
        ((model_of("keras"), "--output", tmp_path / "out.csv"), "--output must end in .npy or"),
        ((saved(once, "encoder"),), "is a run of another kind: 'encoder', not an embedding."),
        ((tmp_path,), "neither a run directory"),
        ((model_of("onnx"), "--output", tmp_path / "none" / "out.npy"), "there is no directory"),
    ):
        status, out, error = run_here(capfd, *command, *arguments)
        assert (status, out) == (2, "") and error.count("\n") == 1
        assert sentence in error
    for name, kind in (("translate", "translator"), ("classify", "classifier")):
        arguments = (name, "--input", tmp_path / "in", "--model", model_of("onnx"))
        status, out, error = run_here(capfd, *arguments)
        assert (status, out) == (2, "") and f"'embedding', not a {kind}." in error


def test_inspect(model_of, capfd):
    status, out, error = run_here(capfd, "inspect", model_of("keras"))
    assert status == 0, error
    assert out.startswith("run, embedding\nmodel: SentenceEncoder, ")
    status, out, error = run_here(capfd, "inspect", model_of("onnx"))
    assert status == 0, error
    assert "\ngives each text a vector of length 1 of 8 numbers\n" in out
    assert f"\nreads texts of at most {LENGTH} tokens\n" in out


# Artifacts


def test_the_manifest(model_of):
    manifest = read_manifest(model_of("onnx"))
    vectors = {"sentence_embedding": ["float32", ["N", 8]]}
    assert manifest["signatures"]["serving_default"] == {
        "formats": ["tf_saved_model"],
        "inputs": {"text": ["string", ["N"]]},
        "outputs": vectors,
    }
    assert manifest["signatures"]["ids"] == {
        "formats": list(FORMATS),
        "inputs": {"token_ids": ["int32", ["N", "T"]]},
        "outputs": vectors,
    }
    assert (manifest["dimension"], manifest["normalized"]) == (8, True)
    for name in FORMATS:
        for report in manifest["parity"][name]:
            assert report["largest_difference"] < 1e-5 and report["cosine"] > 0.999999
            assert report["agreement"] == 1
        assert manifest["scores"][name]["spearman"] > 0.99
    card = (model_of("onnx") / "README.md").read_text()
    assert "keras-attention embed --model . --runtime onnx" in card
    assert "gives each text a vector of length 1 of 8 numbers" in card


def test_the_saved_model_takes_strings_where_this_package_is_not(model_of, reference):
    code = f"""
import sys
sys.modules["keras_attention"] = None
import json
import tensorflow as tf, tensorflow_text
loaded = tf.saved_model.load({str(model_of("onnx") / "saved_model" / "1")!r})
out = loaded.signatures["serving_default"](text=tf.constant({TEXTS!r}))
print(json.dumps(out["sentence_embedding"].numpy().tolist()))
"""
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr[-2000:]
    found = json.loads(process.stdout.splitlines()[-1])
    np.testing.assert_allclose(found, reference[: len(TEXTS)], atol=1e-5)


@pytest.mark.parametrize("precision", [pytest.param("float16", marks=pytest.mark.slow), "int8"])
def test_lower_precision(precision, once, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        keras_attention.export(
            saved(once, "embedding"),
            tmp_path / "artifact",
            formats=("tflite", "onnx"),
            precision=precision,
            allow_loss=100,
        )
    manifest = read_manifest(tmp_path / "artifact")
    for name in ("tflite", "onnx"):
        lower = manifest["lower_precision"][name]
        assert lower["measure"] == "points of rank correlation"
        assert lower["loss_bound"] == {"float16": 0.1, "int8": 1.0}[precision]
        assert lower["loss"] == pytest.approx(100 - 100 * manifest["scores"][name]["spearman"])
        assert lower["loss"] < {"float16": 1, "int8": 30}[precision]
        assert manifest["parity"][name][0]["cosine"] > 0.9


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(dict(pooling="cls"), marks=pytest.mark.slow),
        dict(pooling="max", normalize=False),
    ],
)
def test_other_poolings_export(options, tmp_path):
    from keras_attention.models import SentenceEncoder

    keras.utils.set_random_seed(3)
    model = SentenceEncoder(small_encoder(), dense=[{"units": 5, "activation": "gelu"}], **options)
    artifact = tmp_path / "artifact"
    keras_attention.export(model, artifact, tokenizer=word_piece(), examples=TEXTS)
    assert read_manifest(artifact)["normalized"] == model.normalize
    expected = np.asarray(model(word_piece().pack(TEXTS)))
    for runtime in FORMATS:
        found = keras_attention.load(artifact, runtime).embed(TEXTS)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_of_the_users_own(tmp_path):
    inputs = {"token_ids": keras.Input((None,), dtype="int32", name="token_ids")}
    table = keras.layers.Embedding(word_piece().vocabulary_size, 3)
    model = keras.Model(inputs, keras.ops.mean(table(inputs["token_ids"]), axis=1))
    told = dict(kind="embedding", max_sequence_length=LENGTH)
    keras_attention.save_run(model, word_piece(), tmp_path / "run", **told)
    embedder = keras_attention.load(tmp_path / "run")
    embedder.batch_size = 1  # its mean is of the padding too
    keras_attention.export(
        tmp_path / "run", tmp_path / "artifact", formats=("onnx",), examples=["a"]
    )
    found = keras_attention.load(tmp_path / "artifact")
    found.batch_size = 1
    np.testing.assert_allclose(found.embed(TEXTS), embedder.embed(TEXTS), atol=1e-6)
    assert read_manifest(tmp_path / "artifact")["normalized"] is False
    with pytest.raises(InputError, match=r"expected a sentence encoder, whose output is vectors"):
        of_tokens = keras.Model(inputs, table(inputs["token_ids"]))
        keras_attention.save_run(of_tokens, word_piece(), tmp_path / "tokens", **told)
    with pytest.raises(InputError, match="expected an embedding, .* Received: a BertEncoder"):
        keras_attention.save_run(small_encoder(), word_piece(), tmp_path / "x", kind="embedding")


def test_texts_to_compare_on(once, tmp_path):
    task, config = task_of("embedding"), {}
    texts, said = task.examples(config, "float32", print)
    assert len(texts) == 100 and said == "phrases of the built-in corpus"
    (tmp_path / "texts.txt").write_text("one\n\ntwo\none\n")
    assert task.examples(config, "float32", print, valid=str(tmp_path / "texts.txt")) == (
        ["one", "two"],
        "the texts of texts.txt",
    )
    (tmp_path / "pairs.tsv").write_text("text\tother\none\tthree\ntwo\tone\n")
    texts, _ = task.examples(config, "float32", print, valid=str(tmp_path / "pairs.tsv"))
    assert texts == ["one", "three", "two"]


class Fixed:
    """Gives vectors that are written down."""

    def __init__(self, vectors):
        self.vectors = np.array(vectors, "float32")
        self.batch_size = 32

    def embed(self, texts):
        return self.vectors[: len(texts)]


VECTORS = [[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8]]


def test_comparison():
    comparison = EmbeddingComparison(Fixed(VECTORS), ["a", "b", "c", "d"])
    same = Fixed(VECTORS)
    (report, _) = comparison.check(same, "onnx", lower=False)
    assert (report["agreement"], report["largest_difference"]) == (1, 0)
    assert report["cosine"] == pytest.approx(1)
    assert comparison.scores(same) == comparison.scores() == {"spearman": pytest.approx(1)}
    near = np.array(VECTORS) + [[0, 0], [0, 0], [0, 0], [2e-4, 0]]
    with pytest.raises(
        ParityError, match="onnx does not agree with Keras.* differ by up to 0.0002"
    ):
        comparison.check(Fixed(near), "onnx", lower=False)
    comparison.check(Fixed(near), "onnx", lower=True)
    for wrong in (np.negative(VECTORS), np.array(VECTORS) * np.nan):
        for lower in (False, True):
            with pytest.raises(ParityError, match="tflite does not agree"):
                comparison.check(Fixed(wrong), "tflite", lower)
    # The second text is now nearer to the third than to the first.
    moved = Fixed([[1, 0], [0.7, 0.714], [0, 1], [-0.6, 0.8]])
    report, _ = comparison.check(moved, "onnx", lower=True)
    assert report["agreement"] == 0.75
    assert comparison.points(comparison.scores(moved)) < 100
    with pytest.raises(InputError, match="no text to compare"):
        EmbeddingComparison(same, [])
    alone = EmbeddingComparison(same, ["a"])
    assert alone.check(same, "onnx", lower=False)[0]["agreement"] == 1
    assert alone.scores(same) is None


def test_pairs_of_texts():
    first, second = some_pairs(4)
    assert list(zip(first, second, strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    first, second = some_pairs(100, most=50)
    assert len(first) == 50 and (first < second).all()
    assert len(set(zip(first, second, strict=True))) == 50
    np.testing.assert_allclose(similarities(np.array([[2.0, 0], [3, 4], [0, 0]]))[1], [0.6, 1, 0])
    found = cosines(np.array([[1.0, 0], [0, 0], [1, 1]]), np.array([[2.0, 0], [0, 0], [0, 0]]))
    np.testing.assert_allclose(found, [1, 1, 0])


def test_the_array_is_read_without_pickles():
    from keras_attention.cli.embed import array_file

    data = array_file(np.zeros((2, 3), "float32"))
    assert np.load(io.BytesIO(data), allow_pickle=False).shape == (2, 3)
