"""A family of encoders in a few lines, and what every head makes of it."""

import keras
import numpy as np
import pytest

from keras_attention import activations
from keras_attention.layers import TokenAndPositionEmbedding, TransformerEncoder
from keras_attention.models import Classifier, Encoder, MaskedLM, TokenClassifier
from keras_attention.models.encoder import encoder_of
from keras_attention.models.encoder_families import ENCODER_FAMILIES
from tests.backend import to_numpy
from tests.models.bert_models import INPUTS, MASK, B, T, V, with_other_padding


@keras.saving.register_keras_serializable(package="tests")
class Small(Encoder):
    """One block over token embeddings: no segments and no pooler."""

    presets = {"eight": dict(hidden_dim=8), "twelve": dict(hidden_dim=12)}
    activation = staticmethod(activations.get("relu"))
    layer_norm_epsilon = 1e-5
    max_sequence_length = 20

    def __init__(self, vocabulary_size, hidden_dim, dtype=None, **kwargs):
        self.embedding = TokenAndPositionEmbedding(
            vocabulary_size, 20, hidden_dim, dtype=dtype, name="embedding"
        )
        self.block = TransformerEncoder(16, 2, dtype=dtype, name="block")
        inputs = self.new_inputs()
        outputs = {"sequence_output": self.encode(inputs)}
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim

    def encode(self, inputs):
        mask = keras.ops.not_equal(inputs["padding_mask"], 0)
        return self.block(self.embedding(inputs["token_ids"]), padding_mask=mask)

    def initializer(self):
        return keras.initializers.Orthogonal()

    def get_config(self):
        return {
            "name": self.name,
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
        }


@pytest.fixture
def family(monkeypatch):
    monkeypatch.setitem(ENCODER_FAMILIES, "small", Small)


HEADS = {
    Classifier: dict(num_classes=3, pooling="mean"),
    TokenClassifier: dict(num_classes=3),
    MaskedLM: {},
}


@pytest.mark.parametrize("head", HEADS)
def test_every_head_fits(head, family, tmp_path):
    keras.utils.set_random_seed(2)
    model = head.from_preset("twelve", family="small", vocabulary_size=V, **HEADS[head])
    assert encoder_of(model) is model.encoder
    assert encoder_of(model.encoder) is model.encoder
    assert (type(model.encoder), model.encoder.hidden_dim) == (Small, 12)
    expected = to_numpy(model(INPUTS))
    assert expected.shape == {Classifier: (B, 3), TokenClassifier: (B, T, 3)}.get(head, (B, T, V))
    padded = to_numpy(model(with_other_padding(INPUTS)))
    if head is not Classifier:
        padded, expected_rows = padded[:, :T][MASK], expected[MASK]
    else:
        expected_rows = expected
    np.testing.assert_allclose(padded, expected_rows, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(loaded(INPUTS)), expected, atol=1e-6)


def test_a_head_has_the_initializer_of_the_family():
    keras.utils.set_random_seed(2)
    model = TokenClassifier(Small(V, 8), 8)
    kernel = model.classifier.get_weights()[0]
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(8), atol=1e-5)


def test_what_a_family_lacks_is_refused():
    encoder = Small.from_preset("eight", vocabulary_size=V)
    assert (encoder.has_pooler, encoder.num_segments) == (False, 1)
    with pytest.raises(ValueError, match="given an encoder with a pooler"):
        Classifier(encoder, 3)
    with pytest.raises(ValueError, match="`preset` must be one of .*eight.*Received: preset='big'"):
        Small.from_preset("big", vocabulary_size=V)
