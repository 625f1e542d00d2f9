"""The base class: what a saved model remembers of how it was compiled."""

import keras
import numpy as np
import pytest

from keras_attention.models import (
    BertEncoder,
    Classifier,
    Model,
    RNNTranslator,
    TransformerTranslator,
)
from keras_attention.training import LabelSmoothedCrossEntropy, TokenAccuracy, WarmupLinearSchedule
from tests.backend import BACKEND


def test_a_loaded_model_trains_on_as_it_was_compiled(tmp_path):
    keras.utils.set_random_seed(3)
    model = TransformerTranslator(
        vocabulary_size=11,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        dropout=0.0,
    )
    ids = np.random.default_rng(0).integers(4, 11, (6, 5))
    inputs = {"encoder_token_ids": ids, "decoder_token_ids": ids}
    model.compile(
        keras.optimizers.Adam(WarmupLinearSchedule(1e-2, 2, 9), global_clipnorm=1.0),
        LabelSmoothedCrossEntropy(0.1),
        metrics=[TokenAccuracy()],
        micro_batches=2,
        jit_compile=BACKEND == "jax",
    )
    model.fit(inputs, ids, batch_size=6, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.micro_batches == 2
    assert isinstance(loaded.loss, LabelSmoothedCrossEntropy)
    assert int(loaded.optimizer.iterations) == 2
    found = [m.fit(inputs, ids, batch_size=6, verbose=0).history for m in (loaded, model)]
    assert found[0] == found[1]
    assert "accuracy" in found[0]
    for left, right in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-7)


@pytest.mark.parametrize("name", ["model", "classifier"])
def test_a_compiled_model_is_cloned(name):
    if name == "model":
        inputs = keras.Input((3,))
        model = Model(inputs, keras.layers.Dense(1)(inputs))
    else:
        sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8)
        model = Classifier(BertEncoder(vocabulary_size=30, **sizes), 2)
    model.compile("sgd", "mse")
    clone = keras.models.clone_model(model)
    assert clone.compiled and clone.count_params() == model.count_params()
    assert model.get_compile_config() == clone.get_compile_config()
    model.compile("sgd", "mse", micro_batches=2, jit_gradients=True)
    config = model.get_compile_config()
    assert (config["micro_batches"], config["jit_gradients"]) == (2, True)
    assert (model.micro_batches, model.jit_gradients) == (2, True)
    again = keras.models.clone_model(model)
    assert again.compiled and type(again.optimizer) is type(model.optimizer)
    if name == "model":
        assert (again.micro_batches, again.jit_gradients) == (2, True)
    else:  # a plain model of Keras, whose step has neither
        assert not isinstance(again, Model)
        again.fit({n: np.ones((4, 5)) for n in again.input}, np.ones((4, 2)), verbose=0)
    model.compile_from_config(clone.get_compile_config())
    assert (model.micro_batches, model.jit_gradients) == (1, False)


def test_an_uncompiled_model_stays_so(tmp_path):
    model = TransformerTranslator(
        vocabulary_size=11, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not loaded.compiled and loaded.micro_batches == 1


SIZES = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12)
HALF = {
    "translator": lambda: TransformerTranslator(11, **SIZES, dtype="mixed_float16"),
    "recurrent": lambda: RNNTranslator.from_preset(
        "small", vocabulary_size=11, dtype="mixed_float16"
    ),
    "classifier": lambda: Classifier(
        BertEncoder(11, **SIZES, max_sequence_length=8, dtype="mixed_float16"), 2
    ),
    "nested": lambda: Model(
        (x := keras.Input((3,))),
        keras.Sequential([keras.layers.Dense(2, dtype="mixed_float16"), keras.layers.ReLU()])(x),
    ),
}


@pytest.mark.parametrize("name", sorted(HALF))
def test_models_in_half_precision_scale_their_loss(name, tmp_path):
    """A gradient that half precision cannot hold is scaled: asked of `dtype=`, not of a policy."""
    model = HALF[name]()
    model.compile("adam", "mse")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(loaded.optimizer.inner_optimizer, keras.optimizers.Adam)
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), "mse")
    assert isinstance(model.optimizer.inner_optimizer, keras.optimizers.SGD)  # once around it
    model.compile("adam", "mse", auto_scale_loss=False)
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.variables[-1].assign(model.optimizer.variables[-1] + 1)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")  # with the optimizer's state
    assert isinstance(again.optimizer, keras.optimizers.Adam)
    last = (keras.ops.convert_to_numpy(m.optimizer.variables[-1]) for m in (model, again))
    np.testing.assert_array_equal(*last)


def test_other_precisions_do_not_scale_their_loss():
    model = TransformerTranslator(11, **SIZES, dtype="mixed_bfloat16")
    model.compile("adam", "mse")
    assert isinstance(model.optimizer, keras.optimizers.Adam)


def test_a_gradient_that_half_precision_cannot_hold():
    """1e-9 is nought in float16: without the scale the weight would stay."""
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(1, use_bias=False, dtype="mixed_float16")
    model = Model(inputs, dense(inputs))
    for scaled in (False, True):
        dense.set_weights([np.zeros((1, 1), "float32")])
        model.compile(
            keras.optimizers.SGD(1e9),
            lambda y, x: 1e-9 * keras.ops.cast(x, "float32"),
            auto_scale_loss=scaled,
            jit_compile=BACKEND == "jax",
        )
        model.train_on_batch(np.ones((1, 1), "f"), np.ones((1, 1), "f"))
        np.testing.assert_allclose(dense.get_weights()[0], -1.0 * scaled, rtol=1e-2)


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 4, 1), (3, 4, 1), (1, 1, 1), (3,), (1, 3, 4), ()])
@pytest.mark.parametrize("name", ["token_ids", "segment_ids", "padding_mask"])
def test_inputs_of_another_rank_are_refused(name, shape, encoder):
    """Keras would squeeze a last axis of 1, and the graph broadcast the rest."""
    inputs = {n: np.ones((3, 4), "int32") for n in ("token_ids", "segment_ids", "padding_mask")}
    said = f"`{name}` must be of shape .B, T.. Received: {name}.shape="
    wrong = {**inputs, name: np.ones(shape, "int32")}
    symbolic = {n: keras.KerasTensor(x.shape, "int32") for n, x in wrong.items()}
    ways = [lambda: encoder(wrong), lambda: encoder(symbolic)]
    if len({len(x) for x in wrong.values() if x.shape}) == 1 and shape:  # what `predict` slices
        ways.append(lambda: encoder.predict(wrong, verbose=0))
    for way in ways:
        with pytest.raises(ValueError, match=said):
            way()


# A new one each on JAX, where a failed `predict` of Keras leaves no weights.
@pytest.fixture(scope="module" if BACKEND == "tensorflow" else "function")
def encoder():
    return BertEncoder(
        9, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12, max_sequence_length=6
    )
