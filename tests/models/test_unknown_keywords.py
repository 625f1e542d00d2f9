"""Keywords that no model takes: Keras drops them without a word, ours refuse them by name."""

import keras
import pytest

from keras_attention.models import (
    BertEncoder,
    Classifier,
    DistilBertEncoder,
    LessonClassifier,
    MaskedLM,
    Model,
    RNNTranslator,
    SentenceEncoder,
    TokenClassifier,
    TransformerTranslator,
)

SIZES = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12)


def encoder(**options):
    return BertEncoder(11, **SIZES, max_sequence_length=8, **options)


def plain(**options):
    x = keras.Input((2,))
    return Model(inputs=x, outputs=keras.layers.Dense(3)(x), **options)


MODELS = {
    "BertEncoder": encoder,
    "DistilBertEncoder": lambda **options: DistilBertEncoder(
        11, **SIZES, max_sequence_length=8, **options
    ),
    "Classifier": lambda **options: Classifier(encoder(), 3, **options),
    "TokenClassifier": lambda **options: TokenClassifier(encoder(), 3, **options),
    "SentenceEncoder": lambda **options: SentenceEncoder(encoder(), **options),
    "MaskedLM": lambda **options: MaskedLM(encoder(), **options),
    "LessonClassifier": lambda **options: LessonClassifier(3, 11, 8, **options),
    "TransformerTranslator": lambda **options: TransformerTranslator(11, **SIZES, **options),
    "RNNTranslator": lambda **options: RNNTranslator.from_preset(
        "small", vocabulary_size=11, units=4, embedding_dim=4, **options
    ),
    "Model": plain,
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_named(name):
    with pytest.raises(ValueError, match=f"^{name} takes no `nonsense`; .*Received: nonsense=1$"):
        MODELS[name](nonsense=1)


@pytest.mark.parametrize("name", ["Classifier", "TokenClassifier"])
def test_the_word_of_the_head_is_named(name):
    with pytest.raises(ValueError, match="takes no `dropout`; perhaps you mean classifier_dropout"):
        MODELS[name](dropout=0.0)


# Of these another encoder, classifier or head is quick.
SLOW = ("DistilBertEncoder", "TokenClassifier", "MaskedLM", "LessonClassifier")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in MODELS],
)
def test_those_of_keras_are_taken_and_loaded(name, tmp_path):
    model = MODELS[name](name="a_name", trainable=False)
    assert (model.name, model.trainable) == ("a_name", False)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert (type(again), again.name) == (type(model), "a_name")


def test_a_dtype_is_not_dropped():
    assert plain(dtype="mixed_bfloat16").dtype_policy.name == "mixed_bfloat16"
    with pytest.raises(ValueError, match="`dtype` must be left out: a head computes in the dtype"):
        Classifier(encoder(), 3, dtype="mixed_float16")
    model = Classifier(encoder(dtype="mixed_bfloat16"), 3, dtype="mixed_bfloat16")
    assert model.classifier.dtype_policy.name == "mixed_bfloat16"


class Own(Model):
    """A user's model, whose config is that of Keras and its own argument."""

    def __init__(self, units, **kwargs):
        x = keras.Input((2,))
        super().__init__(x, keras.layers.Dense(units)(x), **kwargs)
        self.units = units

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Derived(Own):
    def __init__(self, units=3, extra=None, **kwargs):
        super().__init__(units, **kwargs)


def test_a_subclass_loads_from_the_config_of_keras():
    config = Own(3, name="own").get_config()
    assert {"name", "trainable", "dtype", "units"} <= set(config)
    again = Own.from_config(config)
    assert (again.name, again.units) == ("own", 3)
    taken = "Derived takes no `other`; it takes units, extra, lora, frozen, name,"
    with pytest.raises(ValueError, match=taken):
        Derived(other=1)
