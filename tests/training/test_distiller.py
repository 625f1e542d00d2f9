import keras
import numpy as np
import pytest

from keras_attention.models import Model
from keras_attention.training import Distiller, LabelSmoothedCrossEntropy, TokenAccuracy
from tests.backend import BACKEND, to_numpy
from tests.training.distilled import (
    CLASSES,
    VOCABULARY,
    WEIGHTS,
    classifier,
    encoder,
    labelled,
    masked,
    masked_lm,
    spread,
)

on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="the exact step is TensorFlow's")


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def expected_losses(distiller, data, temperature):
    """The means of the three losses, by NumPy, from what the models answer."""
    x, y, weights = data
    logits, teacher_logits = (
        to_numpy(model(x, training=False)).astype("float64")
        for model in (distiller.student, distiller.teacher)
    )
    p, q = softmax(teacher_logits / temperature), softmax(logits / temperature)
    soft = temperature**2 * (p * np.log(p / q)).sum(axis=-1)
    hard = -np.log(np.take_along_axis(softmax(logits), y[..., None], -1))[..., 0]
    states = [
        to_numpy(model.encoder(encoder_inputs(x))["sequence_output"])
        for model in (distiller.student, distiller.teacher)
    ]
    if distiller.hidden_projection is not None:
        states[0] = states[0] @ to_numpy(distiller.hidden_projection.kernel)
    norms = [np.linalg.norm(each, axis=-1) for each in states]
    hidden = 1 - (states[0] * states[1]).sum(axis=-1) / (norms[0] * norms[1])
    rows = weights if weights.ndim == 1 else (weights > 0).any(axis=1)
    of_tokens = x["padding_mask"] * rows[:, None]
    return {
        "soft_loss": (soft * weights).sum() / weights.sum(),
        "hard_loss": (hard * weights).sum() / weights.sum(),
        "hidden_loss": (hidden * of_tokens).sum() / of_tokens.sum(),
    }


def encoder_inputs(x):
    return {name: array for name, array in x.items() if name != "mask_positions"}


def compile_classifier(distiller, rate=0.0, **options):
    """As the classifier's training, but for the optimizer."""
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    optimizer = keras.optimizers.SGD(rate)
    distiller.compile(optimizer, loss, weighted_metrics=metrics, **options)
    return distiller


def compile_masked_lm(distiller, rate=0.0, **options):
    loss = LabelSmoothedCrossEntropy(0.0, ignore_class=None)
    metrics = [TokenAccuracy(ignore_class=None)]
    optimizer = keras.optimizers.SGD(rate)
    distiller.compile(optimizer, loss, weighted_metrics=metrics, **options)
    return distiller


KINDS = {
    "classifier": (classifier, labelled, compile_classifier),
    "masked-lm": (masked_lm, masked, compile_masked_lm),
}


def fit(distiller, data, epochs=1, batch_size=5):
    x, y, weights = data
    return distiller.fit(
        x, y, sample_weight=weights, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0
    ).history


@pytest.mark.parametrize(
    "kind, width",
    [
        ("classifier", 6),
        ("masked-lm", 8),
        pytest.param("classifier", 8, marks=pytest.mark.slow),
        pytest.param("masked-lm", 6, marks=pytest.mark.slow),
    ],
)
def test_the_losses_of_a_step(kind, width):
    """With hidden states of one width, and with a projection to another."""
    make, batch, compile_it = KINDS[kind]
    student, teacher = make(width, seed=1), make(8, layers=2, seed=2)
    distiller = compile_it(Distiller(student, teacher, 3.0, WEIGHTS))
    assert (distiller.hidden_projection is None) == (width == 8)
    data = batch()
    wanted = expected_losses(distiller, data, 3.0)
    history = fit(distiller, data)
    for name, value in wanted.items():
        assert history[name][0] == pytest.approx(value, rel=2e-4, abs=1e-5)
    total = sum(w * value for w, value in zip(WEIGHTS, wanted.values(), strict=True))
    assert history["loss"][0] == pytest.approx(total, rel=2e-4)
    assert set(history) == {"loss", "accuracy", *wanted}


@pytest.mark.parametrize("weights", [(1, 0, 0), (0, 3, 0), (4, 0, 1)])
def test_a_part_without_weight_is_no_part(weights):
    student, teacher = stock_model(4, 1), stock_model(6, 2)
    distiller = Distiller(student, teacher, 2.0, weights, hidden_layers=("hidden", "hidden"))
    history = fit(compile_stock(distiller), stock_batch())
    has_projection = distiller.hidden_projection is not None
    assert has_projection == (weights[2] > 0)
    names = [n for n, w in zip(("soft", "hard", "hidden"), weights, strict=True) if w]
    assert {n for n in history if n != "loss"} == {f"{n}_loss" for n in names}
    total = sum(
        weights[("soft", "hard", "hidden").index(n)] * history[f"{n}_loss"][0] for n in names
    )
    assert history["loss"][0] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("kind", ["classifier", pytest.param("masked-lm", marks=pytest.mark.slow)])
def test_a_student_that_is_its_teacher(kind):
    make, batch, compile_it = KINDS[kind]
    student, teacher = make(seed=1), make(seed=1)
    before = [to_numpy(weight) for weight in student.weights]
    distiller = compile_it(Distiller(student, teacher, 2.0, (5, 0, 1)), rate=1.0)
    assert fit(distiller, batch())["loss"][0] == pytest.approx(0, abs=1e-5)
    for weight, array in zip(student.weights, before, strict=True):
        np.testing.assert_allclose(to_numpy(weight), array, atol=1e-4)


def fit_each(distiller, each_data):
    """Fits of two epochs that begin at the same weights: the history and the weights of each."""
    weights = [*distiller.student.weights, *distiller.hidden_projection.weights]
    before, found = [to_numpy(weight) for weight in weights], []
    for data in each_data:
        for weight, array in zip(weights, before, strict=True):
            weight.assign(array)
        history = fit(distiller, data, epochs=2)
        found.append((history, [to_numpy(weight) for weight in weights]))
    return found


def hidden_things_changed(kind, data):
    """The same data with other numbers where nothing counts."""
    x, y, weights = data
    x = {name: array.copy() for name, array in x.items()}
    is_padding = x["padding_mask"] == 0
    x["token_ids"][is_padding] = 7
    x["segment_ids"][is_padding] = 1
    y = np.where(weights > 0, y, 1).astype("int32")
    if kind == "masked-lm":
        x["mask_positions"] = np.where(weights > 0, x["mask_positions"], 4).astype("int32")
    else:  # a whole row counts nothing
        x["token_ids"][-1] = 3
    return x, y, weights


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_masks_hide_changes_nothing_to_the_bit(kind):
    make, batch, compile_it = KINDS[kind]
    data = batch()
    distiller = Distiller(make(6, seed=1), make(seed=2), 2.0, WEIGHTS)
    spread(distiller.hidden_projection, 3)
    compile_it(distiller, rate=0.1)
    found = fit_each(distiller, (data, hidden_things_changed(kind, data)))
    (history, weights), (other_history, other_weights) = found
    assert history == other_history
    for array, other in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(array, other)


def test_the_teacher_is_asked_in_inference_mode_and_left_as_it_is():
    student, teacher = classifier(seed=1), classifier(seed=2, dropout=0.5)
    before = [to_numpy(weight) for weight in teacher.variables]
    distiller = compile_classifier(Distiller(student, teacher, 2.0, (1, 1, 1)), rate=0.5)
    data = labelled()
    wanted = expected_losses(distiller, data, 2.0)
    history = fit(distiller, data, epochs=2)
    for name, value in wanted.items():
        assert history[name][0] == pytest.approx(value, rel=1e-4)
    assert history["loss"][1] < history["loss"][0]
    for variable, array in zip(teacher.variables, before, strict=True):
        np.testing.assert_array_equal(to_numpy(variable), array)
    assert teacher.trainable
    own = {id(variable) for variable in distiller.variables}
    assert own == {id(variable) for variable in student.variables}
    assert distiller.count_params() == student.count_params()


def test_the_student_is_trained_with_its_dropout():
    data = labelled()
    distiller = Distiller(classifier(seed=1, dropout=0.8), classifier(seed=2), 2.0, WEIGHTS)
    without = expected_losses(distiller, data, 2.0)  # by NumPy, as without any dropout
    history = fit(compile_classifier(distiller), data)
    for name, value in without.items():
        assert history[name][0] != pytest.approx(value, rel=2e-4)  # as they are without dropout


def test_evaluation_and_prediction_are_those_of_the_student():
    data = x, y, weights = labelled()
    distiller = compile_classifier(Distiller(classifier(6, seed=1), classifier(seed=2)), 0.1)
    alone = compile_classifier(classifier(6, seed=1))
    wanted = alone.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    for _ in range(2):
        found = distiller.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
        assert found == pytest.approx(wanted, rel=1e-6)
        assert set(found) == {"loss", "accuracy"}
        np.testing.assert_array_equal(
            distiller.predict(x, verbose=0), distiller.student.predict(x, verbose=0)
        )
        fit(distiller, data)  # whose logs are others
        alone.set_weights(distiller.student.get_weights())
        wanted = alone.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    history = distiller.fit(
        x, y, sample_weight=weights, validation_data=data, verbose=0, shuffle=False
    ).history
    names = {"loss", "accuracy", "soft_loss", "hard_loss", "hidden_loss"}
    assert set(history) == names | {"val_loss", "val_accuracy"}


@pytest.mark.parametrize(
    "problem_type",
    ["multi_label_classification", pytest.param("regression", marks=pytest.mark.slow)],
)
def test_several_labels_and_numbers_have_soft_targets_of_their_own(problem_type):
    x, _, weights = labelled()
    y = np.random.default_rng(0).integers(0, 2, (5, CLASSES)).astype("float32")
    student, teacher = (classifier(seed=i, problem_type=problem_type) for i in (1, 2))
    distiller = Distiller(student, teacher, 2.0, (1, 0, 0))
    distiller.compile("sgd", "mse")
    logits, expected = (to_numpy(model(x, training=False)) for model in (student, teacher))
    found = fit(distiller, (x, y, weights))["soft_loss"][0]
    losses = np.square(logits - expected).mean(axis=-1)
    if problem_type != "regression":
        p, q = (1 / (1 + np.exp(-each / 2)) for each in (expected, logits))
        losses = 4 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean(axis=-1)
    assert found == pytest.approx((losses * weights).sum() / weights.sum(), rel=1e-3)


# Models that are not of this package


def stock_model(width, seed, mask_zero=True, sequential=False):
    """ids (B, T) -> logits (B, T, 5)."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Embedding(9, width, mask_zero=mask_zero),
        keras.layers.Dense(width, "tanh", name="hidden"),
        keras.layers.Dense(5, name="logits"),
    ]
    if sequential:
        model = keras.Sequential([keras.Input((None,), dtype="int32"), *layers])
    else:
        ids = x = keras.Input((None,), dtype="int32")
        for layer in layers:
            x = layer(x)
        model = keras.Model(ids, x)
    spread(model, seed)
    return model


def stock_batch(padding=0):
    random = np.random.default_rng(0)
    ids = random.integers(1, 9, (4, 6)).astype("int32")
    labels = random.integers(0, 5, (4, 6)).astype("int32")
    for row in range(4):
        ids[row, 6 - row :], labels[row, 6 - row :] = 0, padding
    return ids, labels, None


def compile_stock(distiller, rate=0.0):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(keras.optimizers.SGD(rate), loss)
    return distiller


@pytest.mark.parametrize("sequential", [pytest.param(False, marks=pytest.mark.slow), True])
def test_any_model_of_keras(sequential):
    student = stock_model(4, 1, sequential=sequential)
    teacher = stock_model(6, 2)
    distiller = Distiller(student, teacher, 2.0, WEIGHTS, hidden_layers=("hidden", "hidden"))
    compile_stock(distiller, rate=0.05)
    history = fit(distiller, stock_batch(), epochs=5)
    assert all(0 < values[-1] < values[0] for values in history.values())
    logits = distiller.predict(stock_batch()[0], verbose=0)
    assert logits.shape == (4, 6, 5)


@on_tensorflow
def test_masks_of_keras_hide_padding():
    """JAX's arrays have no masks: there padding needs `sample_weight`."""
    distiller = Distiller(
        stock_model(4, 1), stock_model(6, 2), 2.0, WEIGHTS, hidden_layers=("hidden", "hidden")
    )
    spread(distiller.hidden_projection, 3)
    found = fit_each(compile_stock(distiller, rate=0.1), map(stock_batch, (0, 3)))
    found = [history for history, _ in found]
    assert found[0] == found[1]
    ids, *_ = stock_batch()
    logits, expected = (to_numpy(stock_model(*x)(ids)) for x in ((4, 1), (6, 2)))
    p, q = softmax(expected / 2), softmax(logits / 2)
    losses = 4 * (p * np.log(p / q)).sum(axis=-1)
    assert found[0]["soft_loss"][0] == pytest.approx(losses[ids > 0].mean(), rel=1e-4)


def test_a_model_without_an_encoder_needs_no_hidden_states():
    distiller = Distiller(stock_model(4, 1), stock_model(6, 2), 2.0, (1, 1, 0))
    assert fit(compile_stock(distiller), stock_batch())["soft_loss"][0] > 0


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_model_without_a_graph():
    student, teacher = Subclassed(), Subclassed()
    x, y = np.eye(4, dtype="float32"), np.array([0, 1, 2, 0])
    with pytest.raises(ValueError, match="`student` must be built"):
        Distiller(student, teacher, 2.0, (1, 1, 0))
    student(x), teacher(x)
    distiller = compile_stock(Distiller(student, teacher, 2.0, (1, 1, 0)), rate=0.5)
    history = fit(distiller, (x, y, None), epochs=3)
    assert history["loss"][-1] < history["loss"][0]
    with pytest.raises(ValueError, match="`student` must be built, and functional or sequential"):
        Distiller(student, teacher)


# Refusals


def stock():
    return stock_model(4, 1)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(temperature=0.0), "`temperature` must be a number above 0. Received: temperature=0"),
        (dict(temperature=-1), "`temperature` must be a number above 0"),
        (dict(weights=(1, 2)), "`weights` must be 3 numbers from 0 on, of soft, hard, hidden"),
        (dict(weights=(1, -1, 2)), "`weights` must be 3 numbers from 0 on"),
        (dict(weights=(0, 0, 0)), "of which one is above 0"),
        (dict(weights=(1, float("nan"), 0)), "`weights` must be 3 numbers from 0 on"),
        (dict(weights="5,2,1"), "`weights` must be 3 numbers from 0 on"),
        (dict(problem_type="ranking"), "`problem_type` must be one of"),
        (dict(hidden_layers=("one",)), "`hidden_layers` must be two names"),
        (dict(teacher=lambda: 3), "`teacher` must be a keras.Model. Received: teacher='int'"),
        (dict(teacher=lambda: classifier(classes=4)), "`teacher` must be a model of the student's"),
        (dict(teacher=encoder), "`teacher` must be a model of one output"),
        (dict(student=stock, teacher=stock), "which are those of the student is not known"),
    ],
)
def test_what_does_not_fit(options, message):
    options = dict(options)
    models = {"student": classifier, "teacher": classifier}
    models = {name: options.pop(name, make)() for name, make in models.items()}
    with pytest.raises(ValueError, match=message):
        Distiller(**models, **options)


def test_it_is_not_saved(tmp_path):
    distiller = Distiller(classifier(), classifier())
    with pytest.raises(NotImplementedError, match="save its `student`"):
        distiller.get_config()


# The exact step


@on_tensorflow
def test_the_loss_without_logits_is_that_of_logits():
    """Weights after an update: by chunks, and with a metric that needs all logits."""
    data = masked()
    found = []
    for metric in (TokenAccuracy(ignore_class=None), "sparse_categorical_accuracy"):
        distiller = Distiller(masked_lm(6, seed=1), masked_lm(seed=2), 2.0, WEIGHTS)
        spread(distiller.hidden_projection, 3)
        loss = LabelSmoothedCrossEntropy(0.1, ignore_class=None)
        distiller.compile(keras.optimizers.SGD(0.1), loss, weighted_metrics=[metric])
        assert distiller.is_projected() == (metric != "sparse_categorical_accuracy")
        history = fit(distiller, data)
        found.append((history["loss"][0], [to_numpy(weight) for weight in distiller.weights]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for array, other in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(array, other, atol=2e-6)


@on_tensorflow
@pytest.mark.parametrize(
    "kind, options",
    [
        ("classifier", dict(micro_batches=2)),
        pytest.param("classifier", dict(jit_compile=True), marks=pytest.mark.slow),
        pytest.param("masked-lm", dict(micro_batches=3), marks=pytest.mark.slow),
        pytest.param("masked-lm", dict(jit_compile=True), marks=pytest.mark.slow),
    ],
)
def test_parts_and_xla_change_no_weight(kind, options):
    make, batch, compile_it = KINDS[kind]
    found = []
    for each in ({}, options):
        distiller = Distiller(make(6, seed=1), make(seed=2), 2.0, WEIGHTS)
        spread(distiller.hidden_projection, 3)
        compile_it(distiller, rate=0.1, **{"jit_compile": False, **each})
        history = fit(distiller, batch(), epochs=2)
        found.append((history, [to_numpy(weight) for weight in distiller.weights]))
    for name in found[0][0]:
        assert found[1][0][name] == pytest.approx(found[0][0][name], rel=1e-4)
    for array, other in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(array, other, atol=5e-6)


def test_regularization_counts_once():
    def model(seed):
        keras.utils.set_random_seed(seed)
        x = keras.Input((4,))
        layer = keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.5))
        return Model(x, layer(x))

    data = np.eye(4, dtype="float32"), np.array([0, 1, 2, 0]), None
    distiller = compile_stock(Distiller(model(1), model(2), 2.0, (2, 3, 0)))
    history = fit(distiller, data)
    added = 0.5 * np.square(to_numpy(distiller.student.weights[0])).sum()
    parts = 2 * history["soft_loss"][0] + 3 * history["hard_loss"][0]
    assert history["loss"][0] == pytest.approx(parts + added, rel=1e-5)


def test_padding_takes_nothing_from_the_hard_loss_of_tokens():
    """Keras' default reduction divides by all slots, but for those that a mask leaves out."""
    x, _, _ = masked()
    del x["mask_positions"]
    y = np.random.default_rng(1).integers(0, VOCABULARY, x["token_ids"].shape)
    longer = {name: np.pad(array, ((0, 0), (0, 2))) for name, array in x.items()}
    found = []
    for inputs, targets in ((x, y), (longer, np.pad(y, ((0, 0), (0, 2))))):
        distiller = Distiller(masked_lm(seed=1), masked_lm(seed=2), 2.0, WEIGHTS)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        distiller.compile(keras.optimizers.SGD(0.0), loss)
        history = distiller.fit(inputs, targets, batch_size=5, shuffle=False, verbose=0).history
        found.append({name: values[0] for name, values in history.items()})
    assert found[1] == pytest.approx(found[0], rel=1e-5)


@on_tensorflow
@pytest.mark.slow
def test_the_soft_loss_does_not_depend_on_the_metrics():
    """With metrics of logits the step computes these, and counts the same tokens."""
    x, y, _ = masked()
    found = []
    for metrics in ([TokenAccuracy()], [keras.metrics.SparseTopKCategoricalAccuracy()]):
        distiller = Distiller(masked_lm(seed=1), masked_lm(seed=2), 2.0, WEIGHTS)
        distiller.compile(keras.optimizers.SGD(0.0), LabelSmoothedCrossEntropy(), metrics=metrics)
        history = distiller.fit(x, y, batch_size=5, shuffle=False, verbose=0).history
        found.append({name: history[name][0] for name in ("soft_loss", "hard_loss", "hidden_loss")})
    assert found[1] == pytest.approx(found[0], rel=1e-5)
