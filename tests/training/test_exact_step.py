import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the exact step is for the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity, TokenAccuracy
from tests.training.exact_models import (
    ExactModel,
    skewed_rows,
    token_model,
    trained_weights,
    two_output_model,
)


def sgd(**options):
    return keras.optimizers.SGD(0.5, **options)


BATCHES = [skewed_rows(5, seed=1), skewed_rows(5, seed=2)]


def sparse(**options):
    """A function that makes the stock loss."""
    return lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True, **options)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    "loss, weighted",
    [
        (LabelSmoothedCrossEntropy, True),
        (sparse(), False),
        (sparse(reduction="mean_with_sample_weight"), True),
        pytest.param(LabelSmoothedCrossEntropy, False, marks=slow),
        pytest.param(sparse(), True, marks=slow),
        pytest.param(sparse(reduction="mean_with_sample_weight"), False, marks=slow),
        pytest.param(sparse(reduction="sum"), False, marks=slow),
        pytest.param(sparse(reduction="sum"), True, marks=slow),
    ],
)
def test_one_part_equals_the_stock_step(loss, weighted):
    batches = BATCHES
    if weighted:
        weight = np.array([2.0, 0.0, 1.0, 0.5, 3.0], "float32")
        batches = [(*batch, np.tile(weight[:, None], (1, 9))) for batch in BATCHES]
    options = dict(optimizer="sgd", weighted_metrics=["accuracy"])
    exact = trained_weights(token_model(), batches, loss=loss(), **options)
    stock = trained_weights(token_model(keras.Model), batches, loss=loss(), **options)
    np.testing.assert_allclose(exact[0], stock[0], atol=1e-6)
    assert exact[1] == pytest.approx(stock[1], rel=1e-5)


@pytest.mark.parametrize("micro_batches", [1, pytest.param(3, marks=slow)])
def test_weights_of_the_batch_are_as_good_as_an_ignored_class(micro_batches):
    """Padding that could be a class: weights of 0 leave it out, of the loss and of the metrics."""

    def train(batches, ignore_class):
        return trained_weights(
            token_model(),
            batches,
            loss=LabelSmoothedCrossEntropy(0.1, ignore_class=ignore_class),
            optimizer=sgd(global_clipnorm=0.05),
            weighted_metrics=[
                TokenAccuracy(ignore_class=ignore_class),
                Perplexity(ignore_class=ignore_class),
            ],
            micro_batches=micro_batches,
        )

    weighted = [(x, y, (y != 0).astype("float32")) for x, y in BATCHES]
    weights, logs = train(weighted, None)
    expected, expected_logs = train(BATCHES, 0)
    np.testing.assert_array_equal(weights, expected)
    assert logs == expected_logs
    # An ignored class that no logit belongs to is one as well.
    negative = [(x, np.where(y == 0, -100, y).astype("int32")) for x, y in BATCHES]
    weights, logs = train(negative, -100)
    np.testing.assert_allclose(weights, expected, atol=1e-7)
    assert logs == pytest.approx(expected_logs, rel=1e-6)
    assert train(BATCHES, None)[1] != expected_logs  # it does make a difference


NAMED = ["mse", "MeanSquaredError", keras.losses.mean_absolute_error]
SHAPES = [(6,), (6, 1), (6, 4)]


@pytest.mark.parametrize(
    "loss, shape",
    [
        pytest.param(loss, shape, marks=[slow] if i != j else [])
        for i, loss in enumerate(NAMED)
        for j, shape in enumerate(SHAPES)
    ],
)
def test_losses_by_name_or_function(loss, shape):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(6, 3)).astype("f"), random.normal(size=shape).astype("f")
    # Without a second axis the stock loss is one number, and cannot be weighted.
    weight = (random.uniform(size=6) if len(shape) > 1 else np.ones(6)).astype("f")

    def train(cls, micro_batches=1):
        keras.utils.set_random_seed(3)
        inputs = keras.Input((3,))
        outputs = keras.layers.Dense(shape[1] if len(shape) > 1 else 1)(inputs)
        if len(shape) == 1:
            outputs = keras.layers.Reshape(())(outputs)
        model = cls(inputs, outputs)
        return trained_weights(
            model, [(x, y, weight)], loss=loss, optimizer=sgd(), micro_batches=micro_batches
        )

    weights, logs = train(keras.Model)
    for micro_batches in (1, 4):
        exact = train(ExactModel, micro_batches)
        np.testing.assert_allclose(exact[0], weights, atol=1e-6)
        assert exact[1]["loss"] == pytest.approx(logs["loss"], rel=1e-5)


EACH, ALL = {"clipnorm": 0.03}, {"global_clipnorm": 0.05}
QUICK = [(3, ALL), (6, EACH)]  # of 5 rows, so that one of 6 parts has none


@pytest.mark.parametrize(
    "micro_batches, clip",
    [
        *QUICK,
        *(
            pytest.param(parts, clip, marks=slow)
            for parts in (2, 3, 5, 7)
            for clip in ({}, ALL, EACH)
            if (parts, clip) not in QUICK
        ),
    ],
)
def test_micro_batches_change_nothing(micro_batches, clip):
    def train(parts):
        return trained_weights(
            token_model(regularizer=keras.regularizers.L2(0.1)),
            BATCHES,
            loss=LabelSmoothedCrossEntropy(),
            metrics=[TokenAccuracy(), Perplexity()],
            optimizer=sgd(**clip),
            micro_batches=parts,
        )

    whole, split = train(1), train(micro_batches)
    np.testing.assert_allclose(split[0], whole[0], atol=1e-6, rtol=0)
    assert split[1] == pytest.approx(whole[1], rel=1e-5)


def test_a_mean_of_means_would_be_seen():
    ids, targets = BATCHES[0]
    loss = LabelSmoothedCrossEntropy()
    model = token_model()
    halves = [float(loss(targets[rows], model(ids[rows]))) for rows in (slice(2), slice(2, 5))]
    assert abs(np.mean(halves) - float(loss(targets, model(ids)))) > 2e-4


def test_regularizer_counts_once():
    options = dict(loss=LabelSmoothedCrossEntropy(), optimizer="sgd")
    regularizer = keras.regularizers.L2(0.3)
    stock = trained_weights(token_model(keras.Model, regularizer), BATCHES, **options)
    exact = trained_weights(token_model(ExactModel, regularizer), BATCHES, **options)
    without = trained_weights(token_model(), BATCHES, **options)
    np.testing.assert_allclose(exact[0], stock[0], atol=1e-6)
    assert exact[1]["loss"] == pytest.approx(stock[1]["loss"], rel=1e-5)
    assert exact[1]["loss"] > without[1]["loss"] + 0.1
    assert np.abs(exact[0] - without[0]).max() > 1e-3


def test_loss_of_an_epoch_is_the_average_over_its_tokens():
    model = token_model()
    loss = LabelSmoothedCrossEntropy(0.2)
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss=loss, metrics=[Perplexity()])
    sizes = [(1, 9), (4, 3), (2, 6)]
    batches = [skewed_rows(rows, length, seed=rows) for rows, length in sizes]

    def dataset():
        return tf.data.Dataset.from_generator(
            lambda: iter(batches),
            output_signature=(tf.TensorSpec((None, None), "int32"),) * 2,
        ).apply(tf.data.experimental.assert_cardinality(len(batches)))

    total = sum(float(loss(y, model(x))) * (y != 0).sum() for x, y in batches)
    expected = total / sum((y != 0).sum() for _, y in batches)
    history = model.fit(dataset(), shuffle=False, verbose=0, validation_data=dataset()).history
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert history["val_loss"][0] == pytest.approx(expected, rel=1e-5)
    assert history["val_perplexity"] == pytest.approx(history["perplexity"], rel=1e-5)


@pytest.mark.parametrize("micro_batches", [1, pytest.param(2, marks=slow)])
def test_xla_agrees(micro_batches):
    def train(jit_compile):
        return trained_weights(
            token_model(),
            BATCHES,
            loss=LabelSmoothedCrossEntropy(),
            metrics=[TokenAccuracy(), Perplexity()],
            optimizer=sgd(global_clipnorm=0.1),
            micro_batches=micro_batches,
            jit_compile=jit_compile,
        )

    compiled, plain = train(True), train(False)
    np.testing.assert_allclose(compiled[0], plain[0], atol=1e-6)
    assert compiled[1] == pytest.approx(plain[1], rel=1e-5)


@pytest.mark.parametrize("micro_batches", [2, *(pytest.param(n, marks=slow) for n in (1, 3))])
def test_overflow_in_half_precision_skips_the_update(micro_batches):
    model = token_model(dtype="mixed_float16")
    before = model.get_weights()
    optimizer = keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=2.0**40)
    model.compile(optimizer=optimizer, loss=LabelSmoothedCrossEntropy())
    model.micro_batches = micro_batches
    data = tf.data.Dataset.from_tensors(BATCHES[0])
    model.fit(data, shuffle=False, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert float(optimizer.dynamic_scale) == 2.0**39
    optimizer.dynamic_scale.assign(2.0**10)
    model.fit(data, shuffle=False, verbose=0)
    assert any((o != n).any() for o, n in zip(before, model.get_weights(), strict=True))
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("micro_batches", [2, *(pytest.param(n, marks=slow) for n in (1, 3, 8))])
def test_half_precision_is_near_single(micro_batches):
    options = dict(loss=LabelSmoothedCrossEntropy(), optimizer="sgd")
    model = token_model(dtype="mixed_float16")
    half, logs = trained_weights(model, BATCHES, **options, micro_batches=micro_batches)
    single, expected = trained_weights(token_model(), BATCHES, **options)
    np.testing.assert_allclose(half, single, atol=2e-3)
    assert logs["loss"] == pytest.approx(expected["loss"], rel=2e-3)
    assert float(model.optimizer.dynamic_scale) == 2.0**15  # nothing overflowed


FACTORS = {"kind": 3.0, "amount": 0.25}


@pytest.mark.parametrize(
    "micro_batches, loss_weights",
    [
        (1, None),
        (2, FACTORS),
        pytest.param(1, FACTORS, marks=slow),
        pytest.param(2, None, marks=slow),
    ],
)
def test_several_outputs(micro_batches, loss_weights):
    random = np.random.default_rng(0)
    x = random.normal(size=(6, 3)).astype("f")
    y = {"kind": random.integers(0, 4, 6), "amount": random.normal(size=(6, 1)).astype("f")}

    def train(cls, **options):
        return trained_weights(
            two_output_model(cls),
            [(x, y)],
            optimizer=sgd(),
            loss={
                "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "amount": "mse",
            },
            loss_weights=loss_weights,
            **options,
        )

    exact, stock = train(ExactModel, micro_batches=micro_batches), train(keras.Model)
    np.testing.assert_allclose(exact[0], stock[0], atol=1e-6)
    assert exact[1]["loss"] == pytest.approx(stock[1]["loss"], rel=1e-5)


def test_loss_that_does_not_fit_the_outputs():
    x, y = np.ones((2, 3), "f"), np.ones((2, 1), "f")
    model = two_output_model()
    model.compile(optimizer="sgd", loss={"amont": "mse"})
    with pytest.raises(ValueError, match=r"`loss` must name outputs .*: loss for \['amont'\]"):
        model.fit(x, {"kind": y, "amount": y}, shuffle=False, verbose=0)
    model = token_model()
    model.compile(optimizer="sgd", loss=["mse", "mae"])
    with pytest.raises(ValueError, match="`loss` must be one loss for a model with one output"):
        model.fit(*BATCHES[0], shuffle=False, verbose=0)


def test_weights_of_some_outputs_by_name():
    """Weights may be keyed by output name and miss some, and those of rows reach every token."""
    random = np.random.default_rng(0)
    x = random.normal(size=(6, 3)).astype("f")
    y = {"kind": random.integers(0, 4, 6), "amount": random.normal(size=(6, 1)).astype("f")}
    weight = random.uniform(size=6).astype("f")
    losses = {"kind": keras.losses.SparseCategoricalCrossentropy(True), "amount": "mse"}

    def train(weights):
        options = dict(optimizer=sgd(), loss=losses)
        return trained_weights(two_output_model(), [(x, y, weights)], **options)

    some, ones = train({"amount": weight}), np.ones(6, "f")
    both = train({"amount": weight, "kind": ones})
    np.testing.assert_allclose(some[0], both[0], atol=1e-7)
    assert some[1] == pytest.approx(both[1])
    assert set(some[1]) == {"loss", "kind_loss", "amount_loss"}
    assert train({"kind": ones, "amount": ones})[1]["amount_loss"] != some[1]["amount_loss"]

    def train_tokens(weight):
        loss = keras.losses.SparseCategoricalCrossentropy(True, reduction="mean_with_sample_weight")
        options = dict(loss=loss, optimizer=sgd())
        return trained_weights(token_model(), [(*BATCHES[0], weight)], **options)

    rows = np.array([2.0, 0.0, 1.0, 0.5, 3.0], "f")
    found, expected = train_tokens(rows), train_tokens(np.repeat(rows[:, None], 9, 1))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-7)


class OwnCall(keras.losses.Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return 2.0 * keras.ops.mean(keras.ops.square(y_true - y_pred))


class OwnLoss(ExactModel):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return 2.0 * keras.ops.mean(keras.ops.square(y - y_pred))


def test_losses_that_only_their_owner_can_split():
    x, y = np.ones((4, 3), "f"), np.arange(4, dtype="f")[:, None]

    def train(cls, **options):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((3,))
        model = cls(inputs, keras.layers.Dense(1)(inputs))
        return trained_weights(model, [(x, y)], optimizer=sgd(), **options)

    weights, logs = train(keras.Model, loss=OwnCall())
    for cls, loss in ((ExactModel, OwnCall()), (OwnLoss, "mse")):
        found = train(cls, loss=loss)
        np.testing.assert_allclose(found[0], weights, atol=1e-7)
        assert found[1] == pytest.approx(logs)
    with pytest.raises(ValueError, match="must implement `call` and leave `__call__` to Keras"):
        train(ExactModel, loss=OwnCall(), micro_batches=2)
    with pytest.raises(ValueError, match="`micro_batches` must be 1 for a model with a `compute_l"):
        train(OwnLoss, loss="mse", micro_batches=2)


@pytest.mark.parametrize("losses", [["mse", "mse"], None])
def test_losses_of_layers_alone(losses):
    """Without a loss of the model, or beside one: layers may add losses of any shape."""

    class Adds(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(keras.ops.square(inputs))
            return inputs

    x = np.arange(6, dtype="f").reshape(2, 3)

    def train(cls):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((3,))
        outputs = [Adds(name="adds")(keras.layers.Dense(2)(inputs))]
        if losses:
            outputs.append(keras.layers.Dense(2, name="dense")(outputs[0]))
        model = cls(inputs, outputs)
        y = None if losses is None else (x[:, :2], x[:, 1:])
        return trained_weights(model, [(x, y)], optimizer=sgd(), loss=losses)

    found, expected = train(ExactModel), train(keras.Model)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    assert found[1] == pytest.approx(expected[1], rel=1e-5)


def test_loss_without_reduction():
    model = token_model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    model.compile(optimizer="sgd", loss=loss)
    with pytest.raises(ValueError, match="`reduction` of a loss must be .* Received: reduction="):
        model.fit(*BATCHES[0], shuffle=False, verbose=0)
