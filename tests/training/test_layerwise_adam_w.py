import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.models import Model, TransformerTranslator
from keras_attention.training import LayerwiseAdamW, WarmupLinearSchedule, layer_rate_scales
from keras_attention.training.layerwise_adam_w import decays
from tests.backend import to_numpy

PATHS = [
    "embeddings/embeddings",
    "encoder_0/kernel",
    "encoder_0/bias",
    "norm_0/gamma",
    "norm_0/beta",
    "head/kernel",
]


def layer_variables():
    """Variables of the paths above, with random values."""
    layers = [
        (keras.layers.Embedding(5, 4, name="embeddings"), (None,)),
        (keras.layers.Dense(3, name="encoder_0"), (None, 4)),
        (keras.layers.LayerNormalization(name="norm_0"), (None, 3)),
        (keras.layers.Dense(2, use_bias=False, name="head"), (None, 3)),
    ]
    random = np.random.default_rng(0)
    for layer, shape in layers:
        layer.build(shape)
        for weight in layer.weights:
            weight.assign(random.normal(size=weight.shape))
    variables = [weight for layer, _ in layers for weight in layer.weights]
    assert [variable.path for variable in variables] == PATHS
    return variables


def random_gradients(variables, steps, scale=1.0):
    random = np.random.default_rng(1)
    return [
        [(random.normal(size=v.shape) * scale).astype("float32") for v in variables]
        for _ in range(steps)
    ]


def by_the_formulas(weights, gradients, rates, scales, decayed, decay, clip):
    """Loshchilov & Hutter 2019, algorithm 2, in float64, each weight with its own rate."""
    weights = [w.astype("float64") for w in weights]
    m, v = ([np.zeros_like(w) for w in weights] for _ in range(2))
    for t, (grads, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        grads = [g.astype("float64") for g in grads]
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        if clip is not None and norm > clip:
            grads = [g * clip / norm for g in grads]
        for i, g in enumerate(grads):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g**2
            # Kingma & Ba 2015, just before section 2.1: epsilon beside the uncorrected root.
            step = np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m[i] / (np.sqrt(v[i]) + 1e-6)
            eta = rate * scales[i]
            weights[i] = weights[i] - eta * decay * weights[i] * decayed[i] - eta * step
    return weights


@pytest.mark.parametrize("clip", [1.0, None])
def test_updates_follow_the_formulas(clip):
    variables = layer_variables()
    before = to_numpy([v.value for v in variables])
    schedule = WarmupLinearSchedule(0.05, warmup_steps=3, total_steps=9)
    optimizer = LayerwiseAdamW(
        schedule,
        weight_decay=0.3,
        global_clipnorm=clip,
        rate_scales={"embeddings": 0.25, "encoder_0": 0.5, "encoder_0/bias": 2.0, "norm_0": 0.0},
    )
    gradients = random_gradients(variables, steps=6)
    for grads in gradients:
        optimizer.apply([ops.convert_to_tensor(g) for g in grads], variables)
    expected = by_the_formulas(
        before,
        gradients,
        rates=[0.05 / 3, 0.1 / 3, 0.05, 0.05 * 6 / 7, 0.05 * 5 / 7, 0.05 * 4 / 7],
        scales=[0.25, 0.5, 2.0, 0.0, 0.0, 1.0],
        decayed=[1, 1, 0, 0, 0, 1],
        decay=0.3,
        clip=clip,
    )
    for variable, value, old in zip(variables, expected, before, strict=True):
        np.testing.assert_allclose(to_numpy(variable.value), value, atol=1e-5)
        assert np.abs(value - old).max() > 1e-3 or "norm_0" in variable.path


def test_without_scales_it_is_the_stock_optimizer_with_exclusions():
    ours, stock = layer_variables(), layer_variables()
    options = dict(weight_decay=0.2, epsilon=1e-6, global_clipnorm=1.0)
    optimizers = LayerwiseAdamW(0.1, **options), keras.optimizers.AdamW(0.1, **options)
    optimizers[1].exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    for grads in random_gradients(ours, steps=4):
        for optimizer, variables in zip(optimizers, (ours, stock), strict=True):
            optimizer.apply([ops.convert_to_tensor(g) for g in grads], variables)
    for one, other in zip(ours, stock, strict=True):
        np.testing.assert_allclose(to_numpy(one.value), to_numpy(other.value), atol=1e-6)


def test_the_defaults_are_those_of_bert():
    config = LayerwiseAdamW().get_config()
    assert {name: config[name] for name in ("weight_decay", "epsilon", "global_clipnorm")} == {
        "weight_decay": 0.01,
        "epsilon": 1e-6,
        "global_clipnorm": 1.0,
    }
    assert (config["beta_1"], config["beta_2"], config["rate_scales"]) == (0.9, 0.999, {})


def test_of_our_own_layers_matrices_decay_and_nothing_else_does():
    model = TransformerTranslator(
        19, num_layers=1, hidden_dim=6, num_heads=2, intermediate_dim=8, attention_bias=True
    )
    variables = model.trainable_variables
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    optimizer = LayerwiseAdamW(0.1, weight_decay=0.5)
    optimizer.apply([ops.zeros(v.shape) for v in variables], variables)
    for variable in variables:
        # Every bias and norm is a vector, and every other weight is not.
        expected = 1 - 0.1 * 0.5 if len(variable.shape) > 1 else 1.0
        np.testing.assert_allclose(to_numpy(variable.value), expected, rtol=1e-6)
        assert decays(variable.path) == (len(variable.shape) > 1)
    assert len({len(variable.shape) for variable in variables}) == 2


def test_a_layers_name_does_not_keep_its_kernel_from_decay():
    # As a pattern, "beta" would fit all of this layer.
    assert decays("alphabeta/kernel") and decays("unbiased/bias_free/kernel")
    assert not decays("alphabeta/query_key_value_bias")


def test_rates_fall_from_the_top_to_the_embeddings():
    layers = [["token_embeddings", "embeddings_norm"], "encoder_0", "encoder_1", "encoder_2"]
    assert layer_rate_scales(layers, 0.9) == pytest.approx(
        {
            "token_embeddings": 0.9**3,
            "embeddings_norm": 0.9**3,
            "encoder_0": 0.9**2,
            "encoder_1": 0.9,
            "encoder_2": 1.0,
        }
    )
    assert set(layer_rate_scales(layers, 1).values()) == {1}
    for decay in (0, 1.1):
        with pytest.raises(ValueError, match=f"`decay` must be a number above 0.*decay={decay}"):
            layer_rate_scales(layers, decay)


def test_names_are_whole_parts_of_a_path():
    optimizer = LayerwiseAdamW(rate_scales={"encoder_1": 0.5, "b": 0.1, "encoder_1/b": 0.3})
    scales = [
        optimizer.rate_scales.get(optimizer._name_of(path), 1.0)
        for path in ("encoder_10/kernel", "m/encoder_1/kernel", "x/b", "encoder_1/b/kernel")
    ]
    assert scales == [1.0, 0.5, 0.1, 0.3]


SCALES = {"embeddings": 0.25, "encoder_0": 0.5, "norm_0": 0.0}


def small_model(optimizer, jit_compile=False, dtype=None, cls=Model):
    keras.utils.set_random_seed(4)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 4, name="embeddings", dtype=dtype)(ids)
    x = keras.layers.Dense(5, "tanh", name="encoder_0", dtype=dtype)(x)
    x = keras.layers.LayerNormalization(name="norm_0", dtype=dtype)(x)
    model = cls(ids, keras.layers.Dense(3, name="head", dtype=dtype)(ops.mean(x, axis=1)))
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    return model


def fit(model, steps=1, seed=0):
    """What some updates change, by path."""
    random = np.random.default_rng(seed)
    before = {v.path: to_numpy(v.value) for v in model.trainable_variables}
    x, y = random.integers(0, 11, (6 * steps, 7)), random.integers(0, 3, 6 * steps)
    model.fit(x, y, batch_size=6, shuffle=False, verbose=0)
    return {v.path: to_numpy(v.value) - before[v.path] for v in model.trainable_variables}


def bare(optimizer):
    return optimizer


scaled = keras.optimizers.LossScaleOptimizer


@pytest.mark.parametrize(
    "wrap, jit_compile",
    [
        (bare, False),
        (scaled, True),
        pytest.param(bare, True, marks=pytest.mark.slow),
        pytest.param(scaled, False, marks=pytest.mark.slow),
    ],
)
def test_in_fit_every_layer_moves_by_its_rate(jit_compile, wrap):
    options = dict(learning_rate=0.1, weight_decay=0.4)
    plain = fit(small_model(LayerwiseAdamW(**options), jit_compile))
    found = fit(small_model(wrap(LayerwiseAdamW(**options, rate_scales=SCALES)), jit_compile))
    assert len(plain) == 7
    for path, change in plain.items():
        scale = SCALES.get(path.split("/")[0], 1.0)
        np.testing.assert_allclose(found[path], scale * change, atol=2e-6)
        assert np.abs(change).max() > 1e-3


def test_half_precision_with_loss_scaling():
    optimizer = LayerwiseAdamW(0.1, rate_scales=SCALES)
    model = small_model(keras.optimizers.LossScaleOptimizer(optimizer), dtype="mixed_float16")
    changes = fit(model, steps=3)
    assert not changes["norm_0/gamma"].any()
    assert all(np.isfinite(change).all() for change in changes.values())
    assert np.abs(changes["head/kernel"]).max() > 0.05


@pytest.mark.parametrize("wrap", [scaled, pytest.param(bare, marks=pytest.mark.slow)])
def test_a_saved_model_trains_on_as_before(tmp_path, wrap):
    schedule = WarmupLinearSchedule(0.1, warmup_steps=2, total_steps=10)
    optimizer = wrap(LayerwiseAdamW(schedule, weight_decay=0.4, rate_scales=SCALES))
    model = small_model(optimizer, cls=keras.Model)
    fit(model, steps=3)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    optimizer = getattr(again.optimizer, "inner_optimizer", again.optimizer)
    assert type(optimizer) is LayerwiseAdamW
    assert optimizer.get_config()["rate_scales"] == SCALES
    changes, expected = fit(again, steps=3, seed=1), fit(model, steps=3, seed=1)
    for path, change in expected.items():
        np.testing.assert_allclose(changes[path], change, atol=1e-6)
        assert change.any() == (not path.startswith("norm_0"))


def test_a_frozen_layer_needs_no_scale_but_some_name_must_fit():
    model = small_model(LayerwiseAdamW(0.1, rate_scales=SCALES))
    model.get_layer("embeddings").trainable = False
    assert set(fit(model)) == {*PATHS[1:], "head/bias"}
    with pytest.raises(ValueError, match=r"`rate_scales` must be keyed by layers of the model. R"):
        LayerwiseAdamW(rate_scales={"encoder_1": 0.5}).build(layer_variables())
    with pytest.raises(ValueError, match=r"`rate_scales` must be a dict of numbers from 0 on"):
        LayerwiseAdamW(rate_scales={"encoder_0": -0.5})
