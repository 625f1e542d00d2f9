"""Evaluation and gradients are those of stock Keras, whatever the losses, outputs, weights, masks.

They do not change either with padding, or with how rows are spread over batches and micro-batches.
"""

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from keras import layers, losses, ops

if keras.backend.backend() != "tensorflow":
    pytest.skip("the exact step is for the TensorFlow backend", allow_module_level=True)

from keras_attention.models import Model
from keras_attention.training import LabelSmoothedCrossEntropy, TokenLoss

SIZE = 5
REDUCTIONS = ["sum", "sum_over_batch_size", "mean", "mean_with_sample_weight"]


def sparse(ignore_class, reduction):
    return losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=ignore_class, reduction=reduction
    )


def sparse_function(y_true, y_pred):
    return losses.sparse_categorical_crossentropy(y_true, y_pred, True, ignore_class=-1)


def values_alone(y_true, y_pred):
    """The values (B, D) themselves: Keras has no mean over the last axis to take."""
    return ops.square(y_true - y_pred)


def one_number(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred))


ignored = st.sampled_from([None, 0, -1, -100])
of_tokens = st.one_of(  # targets (B, T), logits (B, T, V)
    st.builds(sparse, ignored, st.sampled_from(REDUCTIONS)),
    st.builds(LabelSmoothedCrossEntropy, st.sampled_from([0.0, 0.1]), ignored),
    st.just(sparse_function),
)
of_vectors = st.one_of(  # (B, 3)
    st.sampled_from(["mse", losses.mean_absolute_error, values_alone, one_number]),
    st.builds(losses.Huber, reduction=st.sampled_from(REDUCTIONS)),
    st.builds(losses.CosineSimilarity, reduction=st.sampled_from(REDUCTIONS)),
)
of_rows = st.builds(  # (B, 1)
    losses.BinaryCrossentropy, st.just(True), reduction=st.sampled_from(REDUCTIONS)
)
STRUCTURES = {  # outputs, by the structure of their names
    "tokens": (("tokens",), lambda each: each[0]),
    "vector": (("vector",), lambda each: each[0]),
    "list": (("tokens", "row"), list),
    "dict": (("tokens", "vector"), lambda each: dict(zip(("a", "b"), each, strict=True))),
    "nested": (
        ("vector", "tokens", "row"),
        lambda each: {"a": each[0], "rest": [each[1], each[2]]},
    ),
}


@st.composite
def cases(draw):
    structure = draw(st.sampled_from(sorted(STRUCTURES)))
    names, _ = STRUCTURES[structure]
    strategies = {"tokens": of_tokens, "vector": of_vectors, "row": of_rows}
    chosen = [draw(strategies[name]) for name in names]
    weighted = draw(st.sampled_from([None, "rows", "tokens"]))
    if one_number in chosen:
        weighted = None  # Keras multiplies the one number by every weight
    return dict(
        structure=structure,
        chosen=chosen,
        weighted=weighted,
        mask=draw(st.booleans()),
        loss_weights=draw(st.sampled_from([None, [0.5, 3.0, 2.0]])),
        regularizer=draw(st.sampled_from([None, "kernel", "activity", "added"])),
        rows=draw(st.integers(2, 6)),
        micro_batches=draw(st.sampled_from([2, 3, 8])),
        length=draw(st.integers(2, 5)),
        seed=draw(st.integers(0, 10**6)),
    )


class Adds(layers.Layer):
    """A loss of a layer, which is a mean over rows."""

    def call(self, inputs):
        self.add_loss(ops.mean(ops.square(inputs)))
        return inputs


def make_model(cls, case):
    keras.utils.set_random_seed(3)
    names, pack = STRUCTURES[case["structure"]]
    ids = keras.Input((None,), dtype="int32", name="ids")
    options = {}
    if case["regularizer"] in ("kernel", "activity"):
        options = {f"{case['regularizer']}_regularizer": keras.regularizers.L2(0.1)}
    x = layers.Embedding(SIZE, 4, mask_zero=case["mask"])(ids)
    x = layers.Dense(4, "tanh", **({} if case["regularizer"] == "activity" else options))(x)
    pooled = layers.GlobalAveragePooling1D()(x)
    if case["regularizer"] == "activity":  # of rows, which Keras divides by their number
        pooled = layers.Dense(4, **options)(pooled)
    if case["regularizer"] == "added":
        pooled = Adds()(pooled)
    heads = {
        "tokens": lambda: layers.Dense(SIZE, name="tokens")(x),
        "vector": lambda: layers.Dense(3, name="vector")(pooled),
        "row": lambda: layers.Dense(1, name="row")(pooled),
    }
    return cls(ids, pack([heads[name]() for name in names]))


def ignored_class(loss):
    if loss is sparse_function:
        return -1
    return loss.get_config().get("ignore_class")


def make_data(case, padding=0):
    """Inputs, targets and weights, with so many columns of padding."""
    random = np.random.default_rng(case["seed"])
    rows, length = case["rows"], case["length"]
    ids = random.integers(1, SIZE, (rows, length)).astype("int32")
    is_padding = np.arange(length) >= random.integers(1, length + 1, rows)[:, None]
    ids[is_padding] = 0
    names, pack = STRUCTURES[case["structure"]]
    targets, weights = [], []
    for name, loss in zip(names, case["chosen"], strict=True):
        weight = random.choice([0.0, 0.5, 1.0, 3.0], rows).astype("float32")
        if name == "tokens":
            marked = ignored_class(loss)
            y = random.integers(0, SIZE, (rows, length)).astype("int32")
            y[is_padding | (random.random(y.shape) < 0.2)] = marked if marked is not None else 1
            y = np.pad(y, ((0, 0), (0, padding)), constant_values=y.dtype.type(marked or 0))
            each = random.choice([0.0, 0.5, 1.0, 3.0], (rows, length)).astype("float32")
            # Keras has no weights of rows for values of tokens: it aligns the last axes.
            weight = each if case["weighted"] == "tokens" else np.repeat(weight[:, None], length, 1)
            weight = np.pad(weight, ((0, 0), (0, padding)))
        elif name == "vector":
            y = random.normal(size=(rows, 3)).astype("float32")
            if loss is values_alone:
                weight = np.repeat(weight[:, None], 3, 1)
        else:
            y = random.integers(0, 2, (rows, 1)).astype("float32")
        targets.append(y)
        weights.append(weight)
    ids = np.pad(ids, ((0, 0), (0, padding)))
    return ids, pack(targets), None if case["weighted"] is None else pack(weights)


def run(cls, case, data, micro_batches=None, batch_size=None):
    """The logs of an evaluation, those of an update, and the weights after it."""
    _, pack = STRUCTURES[case["structure"]]
    model = make_model(cls, case)
    factors = case["loss_weights"]
    if factors and len(case["chosen"]) > 1:
        factors = pack(factors[: len(case["chosen"])])
    elif factors:
        factors = 0.5
    model.compile(
        keras.optimizers.SGD(1.0),
        loss=pack(case["chosen"]),
        loss_weights=factors,
        run_eagerly=True,  # no example takes the time of a trace
        **({} if micro_batches is None else {"micro_batches": micro_batches}),
    )
    x, y, sample_weight = data
    evaluated = model.evaluate(
        x, y, sample_weight=sample_weight, batch_size=batch_size or len(x), verbose=0, return_dict=1
    )
    logs = model.train_on_batch(x, y, sample_weight, return_dict=True)
    return evaluated, logs, np.concatenate([np.ravel(w) for w in model.get_weights()])


def adds_up(loss):
    return getattr(loss, "reduction", None) == "sum"


FEW_ROWS = dict(  # more parts than rows
    structure="vector",
    chosen=[one_number],
    weighted=None,
    mask=False,
    loss_weights=None,
    regularizer=None,
    rows=2,
    micro_batches=5,
    length=3,
    seed=0,
)


@settings(max_examples=4, deadline=None)
@given(cases())
@example(FEW_ROWS)
@example({**FEW_ROWS, "chosen": ["mse"], "regularizer": "added"})
def test_evaluation_and_gradients_are_those_of_keras_however_rows_are_spread(case):
    data = make_data(case)
    stock, whole = run(keras.Model, case, data), run(Model, case, data)
    for expected, found in zip(stock[:2], whole[:2], strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(whole[2], stock[2], atol=1e-5, rtol=1e-4)
    parts = run(Model, case, data, case["micro_batches"], batch_size=2)
    np.testing.assert_allclose(parts[2], whole[2], atol=1e-5, rtol=1e-4)
    assert parts[1] == pytest.approx(whole[1], rel=1e-4, abs=1e-5)
    if not any(map(adds_up, case["chosen"])):  # which depend on the batches, in Keras too
        assert parts[0] == pytest.approx(whole[0], rel=1e-4, abs=1e-5)
    if case["mask"]:
        padded = run(Model, case, make_data(case, padding=3))
        assert padded[0] == pytest.approx(whole[0], rel=1e-4, abs=1e-5)
        np.testing.assert_allclose(padded[2], whole[2], atol=1e-5, rtol=1e-4)


NAMES = sorted(
    name
    for name, value in vars(losses).items()
    if isinstance(value, type) and issubclass(value, losses.Loss) and value is not losses.Loss
)
JOINS_NO_PARTS = ["Circle", "Dice", "Tversky"]  # they take rows together
OF_IDS = ["CategoricalGeneralizedCrossEntropy", "SparseCategoricalCrossentropy"]


def train_every_loss(cls, reduction, weighted, rows, **options):
    """The logs of an evaluation and of an update, and the weights: an output for each loss."""
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(0)
    x, ids = random.normal(size=(rows, 3)).astype("float32"), random.integers(0, 4, rows)
    names = [name for name in NAMES if name not in JOINS_NO_PARTS]
    inputs, outputs, targets = keras.Input((3,)), {}, {}
    for name in names:
        outputs[name] = layers.Dense(4, "softmax", name=name)(inputs)
        targets[name] = ids if name in OF_IDS else np.eye(4, dtype="float32")[ids]
    outputs["CTC"] = layers.Reshape((5, 4), name="CTC")(layers.Dense(20)(inputs))
    targets["CTC"] = random.integers(1, 4, (rows, 2))
    model = cls(inputs, outputs)
    model.compile(
        keras.optimizers.SGD(0.5),
        loss={name: getattr(losses, name)(reduction=reduction) for name in names},
        run_eagerly=True,
        **options,
    )
    weight = random.choice([0.5, 1.0, 3.0], rows).astype("float32")
    data = x, targets, dict.fromkeys(names, weight) if weighted else None
    size = 2 if options else rows
    evaluated = model.evaluate(*data[:2], size, 0, sample_weight=data[2], return_dict=True)
    logs = model.train_on_batch(*data, return_dict=True)
    return evaluated, logs, np.concatenate([np.ravel(w) for w in model.get_weights()])


MEAN, WEIGHTED = ("sum_over_batch_size", False), ("mean_with_sample_weight", True)


@pytest.mark.parametrize(
    "reduction, weighted, rows, micro_batches",
    [
        (*WEIGHTED, 4, 3),
        (*MEAN, 2, 3),  # one part has no rows
        *(
            pytest.param(*kind, 5, parts, marks=pytest.mark.slow)
            for kind in (MEAN, WEIGHTED)
            for parts in (None, 3, 7)
        ),
    ],
)
def test_every_loss_of_keras(reduction, weighted, rows, micro_batches):
    assert set(JOINS_NO_PARTS + OF_IDS) < set(NAMES) and len(NAMES) > 20
    options = {"micro_batches": micro_batches} if micro_batches else {}
    expected = train_every_loss(keras.Model, reduction, weighted, rows)
    assert np.isfinite(expected[2]).all()
    found = train_every_loss(Model, reduction, weighted, rows, **options)
    assert found[0] == pytest.approx(expected[0], rel=1e-4, abs=1e-5)
    assert found[1] == pytest.approx(expected[1], rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(found[2], expected[2], atol=1e-5, rtol=1e-4)


class Contrastive(losses.Loss):
    """A value for each row, which depends on all rows: each is told from the others."""

    def call(self, y_true, y_pred):
        likeness = ops.matmul(y_pred, ops.transpose(y_pred))
        return ops.logsumexp(likeness, axis=-1) - ops.diagonal(likeness)


class CenteredTokens(TokenLoss):
    def call(self, y_true, y_pred):
        return ops.square(y_true - y_pred + ops.mean(y_pred))


def train_once(loss, cls=Model, labels=False, weight=None, **options):
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(0)
    x = random.normal(size=(6, 3)).astype("float32")
    y = random.integers(0, 2, 6) if labels else random.random((6, 4)).astype("float32")
    inputs = keras.Input((3,))
    model = cls(inputs, layers.Dense(4, "sigmoid")(inputs))
    model.compile(keras.optimizers.SGD(0.5), loss, run_eagerly=True, **options)
    logs = model.train_on_batch(x, y, weight, return_dict=True)
    return logs["loss"], np.concatenate([np.ravel(w) for w in model.get_weights()])


@pytest.mark.parametrize(
    "loss, options",
    [
        (losses.Dice(), {}),
        ("dice", {}),
        (losses.Dice(axis=(0, 1)), {}),
        (losses.Tversky(), {}),
        (losses.Circle(), {"labels": True}),
        (losses.circle, {"labels": True}),
        (Contrastive(), {}),
        (CenteredTokens(), {}),
        (lambda y_true, y_pred: ops.sum(ops.square(y_true - y_pred)), {}),
        (lambda y_true, y_pred: ops.max(ops.abs(y_true - y_pred), axis=0), {}),
        (one_number, {"weight": np.array([1, 2, 3, 4, 5, 6], "float32")}),
        (lambda _, y_pred: ops.mean(y_pred) / (y_pred.shape[0] != 4), {}),  # cannot be tried
    ],
)
def test_losses_that_take_rows_together_need_whole_batches(loss, options):
    found, expected = train_once(loss, **options), train_once(loss, keras.Model, **options)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-6)
    with pytest.raises(ValueError, match=r"must have a value for each row .* Received: loss="):
        train_once(loss, micro_batches=2, **options)


@pytest.mark.parametrize(
    "loss",
    [
        one_number,
        losses.Dice(axis=1),
        losses.MeanSquaredError(dtype="float16"),
        lambda y_true, y_pred: ops.mean(ops.square(y_pred + 0.0 * ops.reshape(y_true, (-1, 4))), 1),
        lambda y_true, y_pred: ops.mean(ops.log(y_true - y_pred - 2.0), 1) * 0.0,  # not a number
    ],
)
def test_losses_of_rows_are_joined(loss):
    whole, parts = train_once(loss), train_once(loss, micro_batches=4)
    assert parts[0] == pytest.approx(whole[0], rel=1e-3, nan_ok=True)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-3, atol=1e-5)


def test_losses_of_layers_must_be_one_number_to_be_joined():
    class AddsValues(layers.Layer):
        def call(self, inputs):
            self.add_loss(ops.square(inputs))
            return inputs

    inputs = keras.Input((3,))
    model = Model(inputs, AddsValues()(layers.Dense(3)(inputs)))
    model.compile("sgd", "mse", micro_batches=2)
    with pytest.raises(ValueError, match=r"`add_loss` must be given one number .*Received: shapes"):
        model.train_on_batch(np.ones((4, 3)), np.ones((4, 3)))


def kept_model(cls):
    """A model whose layers and metrics keep a mean over rows, and a gradient that has one."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,))
    x = layers.BatchNormalization(momentum=0.5)(layers.Dense(4)(inputs))
    model = cls(inputs, layers.Dense(3)(x))
    return model, dict(optimizer=keras.optimizers.SGD(0.1), loss="mse", metrics=[one_number])


@pytest.mark.parametrize("loss", ["mse", one_number])
def test_a_part_without_rows_leaves_nothing_behind(loss):
    random = np.random.default_rng(0)
    batches = [random.normal(size=(2, 1, 3)).astype("float32") for _ in range(2)]

    def train(**options):
        model, compiled = kept_model(Model)
        model.compile(**{**compiled, "loss": loss}, **options)
        for batch in batches:
            logs = model.train_on_batch(*batch, return_dict=True)
        return logs, np.concatenate([np.ravel(w) for w in model.get_weights()])

    (logs, weights), (expected_logs, expected) = train(micro_batches=2), train()
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    assert logs == pytest.approx(expected_logs, rel=1e-5)
