"""A family of encoders in a few lines, and what every head makes of it."""

import keras
import numpy as np
import pytest

from keras_attention import activations
from keras_attention.layers import TokenAndPositionEmbedding, TransformerEncoder
from keras_attention.models import (
    BertEncoder,
    Classifier,
    DistilBertEncoder,
    Encoder,
    LessonEncoder,
    MaskedLM,
    TokenClassifier,
)
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
    assert (encoder.has_pooler, encoder.num_segments, encoder.takes_pairs) == (False, 1, False)
    assert encoder.classifier_options() == {"pooling": "mean"}
    with pytest.raises(ValueError, match="given an encoder with a pooler"):
        Classifier(encoder, 3)
    with pytest.raises(ValueError, match="`preset` must be one of .*eight.*Received: preset='big'"):
        Small.from_preset("big", vocabulary_size=V)


# The arguments that trainings give

TINY = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8, num_segments=3)


@keras.saving.register_keras_serializable(package="tests")
class Forgetful(Small):
    """Takes a rate, does nothing with it, and says nothing of it."""

    def __init__(self, vocabulary_size, hidden_dim, dropout=0.1, **kwargs):
        super().__init__(vocabulary_size, hidden_dim, **kwargs)


@keras.saving.register_keras_serializable(package="tests")
class Forwarding(BertEncoder):
    """Hands its arguments on."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


def test_arguments_that_a_family_does_not_take_are_refused_in_one_sentence():
    takes = "vocabulary_size, hidden_dim, dtype. Received:"
    for name, value in dict(dropout=0.3, max_sequence_length=9).items():
        said = f"`{name}` must be an argument that Small takes: {takes} {name}={value}$"
        with pytest.raises(ValueError, match=said):
            Small.from_preset("eight", vocabulary_size=V, **{name: value})
    named = Small.from_preset("eight", vocabulary_size=V, name="mine", dtype="float32")
    assert named.name == "mine"


def test_a_rate_that_is_not_kept_is_refused():
    said = "`dropout` must be an argument that Forgetful keeps: .*Received: dropout=0.3"
    with pytest.raises(ValueError, match=said):
        Forgetful.from_preset("eight", vocabulary_size=V, dropout=0.3)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (BertEncoder, dict(TINY, dropout=0.1, attention_dropout=0.2)),
        (Forwarding, TINY),
        (DistilBertEncoder, {n: x for n, x in TINY.items() if n != "num_segments"}),
        (LessonEncoder, dict(hidden_dim=8, max_sequence_length=20)),  # no `attention_dropout`
    ],
)
def test_the_same_model_with_another_dropout(make, arguments):
    model = make(vocabulary_size=V, **arguments)
    other = model.with_dropout(0.3)
    assert type(other) is make and other.get_config()["dropout"] == 0.3
    assert other.get_config().get("attention_dropout") is None
    np.testing.assert_array_equal(
        to_numpy(other(INPUTS)["sequence_output"]), to_numpy(model(INPUTS)["sequence_output"])
    )
    once, again = (to_numpy(other(INPUTS, training=True)["sequence_output"]) for _ in range(2))
    assert np.abs(once - again).max() > 1e-3


@pytest.mark.parametrize("make", [Small, Forgetful])
def test_another_dropout_of_a_family_without(make):
    with pytest.raises(ValueError, match=f"`dropout` must be an argument that {make.__name__} "):
        make(V, 8).with_dropout(0.3)
