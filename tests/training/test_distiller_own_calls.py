"""Students and teachers whose class has a `call` of its own: it is what `Distiller` trains."""

import keras
import numpy as np
import pytest

from keras_attention.models import Classifier, MaskedLM
from keras_attention.training import Distiller
from keras_attention.training.distilled_model import DistilledModel
from tests.backend import to_numpy
from tests.training.distilled import CLASSES, classifier, encoder, labelled, spread, texts


class Doubled(Classifier):
    """A classifier that answers twice what its graph says."""

    def call(self, inputs, training=None, mask=None):
        return 2.0 * super().call(inputs, training=training, mask=mask)


class Blind(Classifier):
    """One that never runs its encoder."""

    def call(self, inputs, training=None, mask=None):
        return keras.ops.zeros((keras.ops.shape(inputs["token_ids"])[0], CLASSES))


def made(kind, seed):
    keras.utils.set_random_seed(seed)
    model = kind(encoder(seed=seed), CLASSES, classifier_dropout=0.0)
    spread(model.classifier, seed)
    return model


def losses(student, teacher, weights):
    """The parts of the loss of one step that changes nothing."""
    distiller = Distiller(student, teacher, temperature=2.0, weights=weights)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(keras.optimizers.SGD(0.0), loss)
    x, y, _ = labelled()
    return distiller.fit(x, y, batch_size=len(y), verbose=0, shuffle=False).history


@pytest.mark.parametrize("who", ["student", pytest.param("teacher", marks=pytest.mark.slow)])
def test_a_call_of_its_own_counts_with_hidden_states_as_without(who):
    models = {"student": made(Classifier, 1), "teacher": made(Classifier, 2)}
    plain = losses(**models, weights=(1, 1, 1))
    models[who] = made(Doubled, 1 if who == "student" else 2)
    without, found = losses(**models, weights=(1, 1, 0)), losses(**models, weights=(1, 1, 1))
    for part in ("soft_loss", "hard_loss"):
        np.testing.assert_allclose(found[part], without[part], rtol=1e-5)
    assert abs(found["soft_loss"][0] - plain["soft_loss"][0]) > 1e-2
    np.testing.assert_allclose(found["hidden_loss"], plain["hidden_loss"], rtol=1e-5)


def test_it_is_trained_by_the_hidden_states_of_its_call():
    student, teacher = made(Doubled, 1), made(Classifier, 2)
    distiller = Distiller(student, teacher, weights=(1e-3, 0, 1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(keras.optimizers.Adam(0.01), loss)
    x, y, _ = labelled()
    history = distiller.fit(x, y, epochs=12, verbose=0).history["hidden_loss"]
    assert history[-1] < 0.6 * history[0]


def test_a_call_without_the_encoder_is_refused():
    with pytest.raises(ValueError, match="`call` of a Blind must call the layer 'block_0'"):
        losses(made(Blind, 1), classifier(seed=2), (1, 1, 1))


def test_a_functional_subclass_of_keras():
    class Halved(keras.Model):
        def call(self, inputs, training=None, mask=None):
            return 0.5 * super().call(inputs, training=training, mask=mask)

    def model(kind, seed):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((3,))
        hidden = keras.layers.Dense(4, name="hidden", activation="tanh")(inputs)
        return kind(inputs, keras.layers.Dense(2)(hidden))

    teacher = model(keras.Model, 1)
    found = []
    for kind in (keras.Model, Halved):
        distiller = Distiller(
            model(kind, 2), teacher, weights=(1, 1, 1), hidden_layers=("hidden", "hidden")
        )
        distiller.compile(
            keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
        found.append(distiller.fit(x, np.arange(6) % 2, verbose=0).history)
    np.testing.assert_allclose(found[0]["hidden_loss"], found[1]["hidden_loss"], rtol=1e-5)
    assert abs(found[0]["hard_loss"][0] - found[1]["hard_loss"][0]) > 1e-3


def test_masked_lms_are_their_graph():
    """Their `call` only fills in an input that is left out."""
    model = MaskedLM(encoder())
    outputs, hidden = DistilledModel(model, "student").outputs(texts(), training=False)
    np.testing.assert_allclose(to_numpy(outputs), to_numpy(model(texts())), atol=1e-6)
    assert hidden.shape == (5, 7, 8)
