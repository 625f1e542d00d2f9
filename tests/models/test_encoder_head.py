"""Heads on an encoder."""

import functools

import keras
import numpy as np
import pytest

from keras_attention.models import (
    BertEncoder,
    Classifier,
    LessonEncoder,
    MaskedLM,
    TokenClassifier,
)
from keras_attention.training import LabelSmoothedCrossEntropy
from tests.backend import BACKEND, to_numpy
from tests.models.bert_models import (
    INPUTS,
    LAYERS,
    MASK,
    POSITIONS,
    B,
    D,
    P,
    T,
    V,
    make_encoder,
    row_alone,
    with_other_padding,
)

C = 5
WITH_POSITIONS = {**INPUTS, "mask_positions": POSITIONS}

# name -> (constructor, arguments beside the encoder, inputs)
TASKS = {
    "masked_lm": (MaskedLM, {}, WITH_POSITIONS),
    "next_sentence": (MaskedLM, dict(next_sentence=True), WITH_POSITIONS),
    "pooled": (Classifier, dict(num_classes=C, classifier_dropout=0.3), INPUTS),
    "mean": (Classifier, dict(num_classes=C, pooling="mean", classifier_dim=7), INPUTS),
    "cls": (
        Classifier,
        dict(num_classes=C, pooling="cls", classifier_dim=7, pooled_dropout=0.0),
        INPUTS,
    ),
    "gelu": (
        Classifier,
        dict(num_classes=C, pooling="cls", classifier_dim=6, classifier_activation="gelu_new"),
        INPUTS,
    ),
    "tokens": (TokenClassifier, dict(num_classes=C, classifier_dropout=0.3), INPUTS),
}


def make(task, **options):
    """A new model, and inputs for it."""
    constructor, arguments, inputs = TASKS[task]
    return constructor(make_encoder(**options), **arguments), inputs


@functools.cache
def made(task):
    """The same, made once: for tests that leave its weights as they are."""
    return make(task)


def outputs_of(task, model, inputs):
    """Outputs whose every row means something, by name."""
    outputs = to_numpy(model(inputs))
    if task == "tokens":
        return {"logits": outputs[:, :T][MASK]}
    return outputs if isinstance(outputs, dict) else {"logits": outputs}


def assert_same(found, expected, atol=1e-5):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=atol, rtol=0)


def tasks(*slow):
    """Every task; these are slow, as another one of `Classifier` is quick."""
    return pytest.mark.parametrize(
        "task",
        [pytest.param(task, marks=pytest.mark.slow if task in slow else ()) for task in TASKS],
    )


@tasks("cls")
def test_padding_changes_nothing(task):
    model, inputs = made(task)
    expected = outputs_of(task, model, inputs)
    assert_same(outputs_of(task, model, with_other_padding(inputs)), expected)
    if task in ("pooled", "mean", "cls", "gelu"):
        for row in range(B):
            alone = to_numpy(model(row_alone(inputs, row)))
            np.testing.assert_allclose(alone[0], expected["logits"][row], atol=1e-5)


@tasks("mean", "gelu")
def test_a_keras_file_holds_it_all(task, tmp_path):
    model, inputs = make(task, activation="gelu_new")
    expected = outputs_of(task, model, inputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert_same(outputs_of(task, loaded, inputs), expected, atol=1e-6)
    assert type(loaded).from_config(loaded.get_config()).get_config() == model.get_config()
    # The encoder comes back whole, a pooler that this model does not read included.
    assert_same(to_numpy(loaded.encoder(INPUTS)), to_numpy(model.encoder(INPUTS)), atol=1e-6)


def reads_pooler(model):
    return any(weight is model.encoder.pooler.kernel for weight in model.weights)


def test_a_pooler_is_a_part_only_of_what_reads_it():
    assert {task: reads_pooler(made(task)[0]) for task in TASKS} == {
        "masked_lm": False,
        "next_sentence": True,
        "pooled": True,
        "mean": False,
        "cls": False,
        "gelu": False,
        "tokens": False,
    }


def test_parameters():
    encoder = make_encoder().count_params()
    pooler = D * D + D
    head = D * D + D + 2 * D + V
    expected = {
        "masked_lm": encoder - pooler + head,
        "next_sentence": encoder + head + 2 * D + 2,
        "pooled": encoder + C * D + C,
        "mean": encoder - pooler + 7 * D + 7 + C * 7 + C,
        "cls": encoder - pooler + 7 * D + 7 + C * 7 + C,
        "gelu": encoder - pooler + 6 * D + 6 + C * 6 + C,
        "tokens": encoder - pooler + C * D + C,
    }
    assert {task: made(task)[0].count_params() for task in TASKS} == expected


def test_shapes_and_scores():
    shapes = {task: keras.tree.map_structure(np.shape, make_outputs(task)) for task in TASKS}
    assert shapes == {
        "masked_lm": (B, P, V),
        "next_sentence": {"logits": (B, P, V), "next_sentence": (B, 2)},
        "pooled": (B, C),
        "mean": (B, C),
        "cls": (B, C),
        "gelu": (B, C),
        "tokens": (B, T, C),
    }
    model, inputs = made("pooled")
    assert len(model.attention_scores(inputs)) == LAYERS


def make_outputs(task):
    model, inputs = made(task)
    return to_numpy(model(inputs))


def test_heads_in_numpy():
    model, inputs = made("pooled")
    kernel, bias = model.classifier.get_weights()
    encoded = to_numpy(model.encoder(INPUTS))
    expected = encoded["pooled_output"] @ kernel + bias
    np.testing.assert_allclose(to_numpy(model(inputs)), expected, atol=1e-6)

    sequence = to_numpy(model.encoder(INPUTS))["sequence_output"]
    mean = (sequence * MASK[..., None]).sum(1) / MASK.sum(1, keepdims=True)
    for task, pooled in (("mean", mean), ("cls", sequence[:, 0])):
        model, inputs = made(task)
        (dense, dense_bias), (kernel, bias) = (
            layer.get_weights() for layer in (model.dense, model.classifier)
        )
        expected = np.maximum(pooled @ dense + dense_bias, 0) @ kernel + bias
        np.testing.assert_allclose(to_numpy(model(inputs)), expected, atol=1e-6)

    model, inputs = made("gelu")
    first = to_numpy(model.encoder(INPUTS))["sequence_output"][:, 0]
    (dense, dense_bias), (kernel, bias) = model.dense.get_weights(), model.classifier.get_weights()
    hidden = to_numpy(keras.activations.gelu(first @ dense + dense_bias, approximate=True))
    np.testing.assert_allclose(to_numpy(model(inputs)), hidden @ kernel + bias, atol=1e-6)

    model, inputs = made("tokens")
    kernel, bias = model.classifier.get_weights()
    sequence = to_numpy(model.encoder(INPUTS))["sequence_output"]
    np.testing.assert_allclose(to_numpy(model(inputs)), sequence @ kernel + bias, atol=1e-6)

    model, inputs = made("next_sentence")
    kernel, bias = model.next_sentence_classifier.get_weights()
    expected = to_numpy(model.encoder(INPUTS))["pooled_output"] @ kernel + bias
    np.testing.assert_allclose(to_numpy(model(inputs))["next_sentence"], expected, atol=1e-6)


@pytest.mark.parametrize("pooled_dropout", [None, 0.0])
def test_where_a_classifier_drops(pooled_dropout):
    """Before both of its layers, unless another rate is given for the first."""
    options = dict(pooling="cls", classifier_dim=50, classifier_dropout=0.9)
    model = Classifier(make_encoder(dropout=0.0), C, **options, pooled_dropout=pooled_dropout)
    config = model.get_config()
    assert config["pooled_dropout"] == pooled_dropout
    assert type(model).from_config(config).get_config() == config
    inner = keras.Model(model.input, [model.dense.output, model.output])
    first, logits = to_numpy(inner(INPUTS, training=True))
    expected, expected_logits = to_numpy(inner(INPUTS))
    drops = np.abs(first - expected).max() > 1e-5
    assert drops == (pooled_dropout is None)
    assert np.abs(logits - expected_logits).max() > 1e-5


def test_a_classifier_from_before_there_was_a_rate_of_its_own():
    model, _ = made("mean")
    config = {name: x for name, x in model.get_config().items() if name != "pooled_dropout"}
    again = Classifier.from_config(config)
    assert again.pooled_dropout is None
    assert again.dropout.rate == again.dense_dropout.rate == again.classifier_dropout == 0.1


@pytest.mark.parametrize("task", ["masked_lm", "next_sentence"])
def test_every_position_is_predicted_without_mask_positions(task):
    model, inputs = made(task)
    everywhere = outputs_of(task, model, INPUTS)
    assert everywhere["logits"].shape == (B, T, V)
    no_positions = {**INPUTS, "mask_positions": None}
    assert_same(outputs_of(task, model, no_positions), everywhere, atol=0)
    predict = functools.partial(model.predict, verbose=0)
    assert_same(outputs_of(task, predict, INPUTS), everywhere, atol=1e-6)
    picked = np.take_along_axis(everywhere["logits"], POSITIONS[..., None], axis=1)
    expected = {**everywhere, "logits": picked}
    assert_same(outputs_of(task, model, inputs), expected, atol=1e-6)


def test_a_masked_lm_is_a_part_of_other_models():
    model, _ = made("masked_lm")
    symbolic = model.encoder.new_inputs()
    outer = keras.Model(symbolic, keras.layers.Softmax()(model(symbolic)))
    expected = to_numpy(keras.ops.softmax(model(INPUTS)))
    np.testing.assert_allclose(to_numpy(outer(INPUTS)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("task", "jit"),
    [
        ("masked_lm", True),
        ("next_sentence", False),
        pytest.param("masked_lm", False, marks=pytest.mark.slow),
        pytest.param("next_sentence", True, marks=pytest.mark.slow),
    ],
)
def test_training_without_mask_positions(task, jit):
    model, _ = make(task, num_layers=1, dropout=0.0)
    y, weights = INPUTS["token_ids"], MASK.astype("float32")
    losses = LOSSES["sparse"]
    if task == "next_sentence":
        follows = np.array([1, 0, 1], "int32")
        y, weights = ({"logits": a, "next_sentence": b} for a, b in ((y, follows), (weights, None)))
        weights["next_sentence"] = np.ones(B, "float32")
        losses = {"logits": losses, "next_sentence": losses}
    model.compile(keras.optimizers.Adam(0.02), losses, jit_compile=jit or BACKEND == "jax")
    history = model.fit(INPUTS, y, sample_weight=weights, epochs=30, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("masked_lm", ["logits"]),
        ("next_sentence", ["logits", "next_sentence"]),
        ("pooled", ["logits"]),
        ("tokens", ["logits"]),
    ],
)
def test_names_of_outputs(task, names):
    assert made(task)[0].output_names == names


def lesson_encoder():
    keras.utils.set_random_seed(4)
    return LessonEncoder(V, max_sequence_length=20, num_heads=2, hidden_dim=D, intermediate_dim=12)


@pytest.mark.parametrize(
    "task", ["masked_lm", "mean", pytest.param("cls", marks=pytest.mark.slow), "tokens"]
)
def test_heads_fit_other_encoders(task, tmp_path):
    constructor, arguments, inputs = TASKS[task]
    model = constructor(lesson_encoder(), **arguments)
    expected = outputs_of(task, model, inputs)
    assert_same(outputs_of(task, model, with_other_padding(inputs)), expected)
    assert [scores.shape for scores in model.attention_scores(inputs)] == [(B, 2, T, T)]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.encoder) is LessonEncoder
    assert_same(outputs_of(task, loaded, inputs), expected, atol=1e-6)


@pytest.mark.parametrize("task", ["pooled", "mean", "tokens"])
def test_labels_are_kept(task, tmp_path):
    model, inputs = made(task)
    assert model.labels is None
    names = ["a", "b", "c", "d", "e"]
    constructor, arguments, _ = TASKS[task]
    model = constructor(make_encoder(), **arguments, labels=names)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").labels == names
    for faulty in (["a"], ["a", "a", "b", "c", "d"]):
        with pytest.raises(ValueError, match="`labels` must be as many different names as there"):
            constructor(make_encoder(), **arguments, labels=faulty)


@pytest.mark.parametrize("task", ["pooled", "mean", "tokens"])
def test_probabilities_from_ids_alone(task):
    model, _ = made(task)
    ids = np.where(MASK, np.maximum(INPUTS["token_ids"], 1), 0).astype("int32")
    segments = INPUTS["segment_ids"] * MASK
    inputs = {"token_ids": ids, "segment_ids": segments, "padding_mask": MASK.astype("int32")}
    expected = np.exp(to_numpy(model(inputs)))
    expected /= expected.sum(-1, keepdims=True)
    found = to_numpy(model.probabilities(ids, 0, segments))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    without = to_numpy(model({**inputs, "segment_ids": 0 * segments}))
    found = to_numpy(model.probabilities(ids, 0))
    np.testing.assert_allclose(np.log(found), without - log_sum(without), atol=1e-5)


def log_sum(logits):
    """log sum exp over the last axis, kept."""
    return np.log(np.exp(logits).sum(-1, keepdims=True))


def cross_entropies(logits, targets):
    """-log softmax(logits)[target]."""
    shifted = logits - logits.max(-1, keepdims=True)
    normalised = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return -np.take_along_axis(normalised, targets[..., None], -1)[..., 0]


WEIGHTS = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]], "float32")
TARGETS = np.random.default_rng(6).integers(1, V, (B, P)).astype("int32")
LOSSES = {
    "sparse": keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    ),
    "smoothed": LabelSmoothedCrossEntropy(0.0),
}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the exact step is TensorFlow's")
@pytest.mark.parametrize(
    ("loss", "jit"),
    [
        pytest.param("sparse", False, marks=pytest.mark.slow),
        ("smoothed", False),
        ("sparse", True),
    ],
)
def test_the_loss_of_masked_tokens_counts_no_empty_slot(loss, jit):
    """sum(w * ce) / sum(w), whatever the split into micro-batches."""
    weights = []
    for parts in (3,) if jit else (1, 3):
        model, inputs = make("masked_lm", num_layers=1, dropout=0.0)
        losses = cross_entropies(to_numpy(model(inputs)), TARGETS)
        expected = (losses * WEIGHTS).sum() / WEIGHTS.sum()
        model.compile(keras.optimizers.SGD(0.1), LOSSES[loss], micro_batches=parts, jit_compile=jit)
        history = model.fit(inputs, TARGETS, sample_weight=WEIGHTS, verbose=0).history
        np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)
        weights.append(model.get_weights())
    for one, three in zip(weights[0], weights[-1], strict=True):
        np.testing.assert_allclose(three, one, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the exact step is TensorFlow's")
def test_both_pretraining_losses():
    model, inputs = make("next_sentence", num_layers=1, dropout=0.0)
    outputs = to_numpy(model(inputs))
    follows = np.array([1, 0, 1], "int32")
    losses = cross_entropies(outputs["logits"], TARGETS)
    expected = (losses * WEIGHTS).sum() / WEIGHTS.sum()
    expected += cross_entropies(outputs["next_sentence"], follows).mean()
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", {"logits": LOSSES["sparse"], "next_sentence": sparse}, jit_compile=False)
    history = model.fit(
        inputs,
        {"logits": TARGETS, "next_sentence": follows},
        sample_weight={"logits": WEIGHTS, "next_sentence": np.ones(B, "float32")},
        verbose=0,
    ).history
    np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("task", "policy"),
    [
        ("cls", "float32"),
        ("tokens", "float32"),
        ("pooled", "mixed_float16"),
        pytest.param("pooled", "float32", marks=pytest.mark.slow),
        pytest.param("mean", "float32", marks=pytest.mark.slow),
        pytest.param("mean", "mixed_bfloat16", marks=pytest.mark.slow),
    ],
)
def test_classifiers_train(task, policy):
    """They learn three texts by heart, each weight having its part (or Keras would warn)."""
    model, inputs = make(task, dtype=policy, num_layers=1, dropout=0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.AdamW(2e-2)
    model.compile(optimizer, loss, weighted_metrics=["accuracy"], jit_compile=BACKEND == "jax")
    y = np.array([4, 0, 2], "int32")
    weights = np.array([1.0, 2.0, 1.0], "float32")
    if task == "tokens":
        y, weights = np.repeat(y[:, None], T, 1), MASK.astype("float32")
    often = keras.tree.map_structure(lambda x: np.concatenate([x] * 80), (inputs, y, weights))
    model.fit(*often[:2], sample_weight=often[2], batch_size=B, shuffle=False, verbose=0)
    found = to_numpy(model(inputs)).argmax(-1)
    np.testing.assert_array_equal(found[weights > 0], y[weights > 0])


def test_a_frozen_encoder_stays():
    model, inputs = make("pooled", trainable=False)
    before = model.encoder.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=BACKEND == "jax")
    model.fit(inputs, np.array([4, 0, 2]), verbose=0)
    assert len(model.trainable_weights) == 2
    for a, b in zip(model.encoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert Classifier.from_config(model.get_config()).encoder.trainable is False


def test_presets():
    small = dict(vocabulary_size=20, max_sequence_length=9)
    model = Classifier.from_preset("tiny", num_classes=3, pooling="mean", **small)
    assert (model.encoder.hidden_dim, model.pooling, model.num_classes) == (128, "mean", 3)
    model = TokenClassifier.from_preset("tiny", num_classes=4, dropout=0.3, **small)
    assert (model.encoder.dropout, model.classifier_dropout, model.num_classes) == (0.3, 0.1, 4)
    assert MaskedLM.from_preset("tiny", next_sentence=True, **small).next_sentence
    with pytest.raises(ValueError, match="`family` must be one of .*bert.*Received: family='elmo'"):
        MaskedLM.from_preset("tiny", family="elmo", **small)


@keras.saving.register_keras_serializable(package="tests")
class Scaled(Classifier):
    """A subclass with an argument of its own."""

    head_config = (*Classifier.head_config, "scale")

    def __init__(self, encoder, num_classes, scale=1.0, **kwargs):
        super().__init__(encoder, num_classes, **kwargs)
        self.scale = scale

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training) * self.scale


def test_a_subclass_with_an_argument_of_its_own(tmp_path):
    model = Scaled(make_encoder(), C, scale=3.0)
    expected = 3 * to_numpy(Classifier.from_config(config_without_scale(model))(INPUTS))
    assert expected.shape == (B, C)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is Scaled
    assert loaded.scale == 3.0
    np.testing.assert_allclose(to_numpy(loaded(INPUTS)), to_numpy(model(INPUTS)), atol=1e-6)


def config_without_scale(model):
    return {name: value for name, value in model.get_config().items() if name != "scale"}


def test_what_is_out_of_range_is_refused():
    encoder = BertEncoder.from_config(make_encoder(has_pooler=False).get_config())
    for faulty in (
        lambda: MaskedLM(encoder, next_sentence=True),
        lambda: Classifier(encoder, C),
    ):
        with pytest.raises(ValueError, match="given an encoder with a pooler. Received: .*=False"):
            faulty()
    with pytest.raises(ValueError, match="`num_classes` must be a positive integer"):
        TokenClassifier(encoder, 0)
    with pytest.raises(ValueError, match="`pooling` must be one of.*Received: pooling='max'"):
        Classifier(encoder, C, pooling="max")
    with pytest.raises(ValueError, match="`pooled_dropout` must be None where there is no `class"):
        Classifier(encoder, C, pooling="cls", pooled_dropout=0.1)
    with pytest.raises(ValueError, match="`pooled_dropout` must be a number in"):
        Classifier(encoder, C, pooling="cls", classifier_dim=3, pooled_dropout=1.0)
    with pytest.raises(ValueError, match="`classifier_dropout` must be a number in"):
        Classifier(encoder, C, pooling="mean", classifier_dropout=-0.1)


@pytest.mark.parametrize(
    "make_head",
    [
        MaskedLM,
        lambda encoder: Classifier(encoder, C),
        lambda encoder: TokenClassifier(encoder, C),
    ],
)
def test_a_head_is_put_on_an_encoder_alone(make_head):
    """What `load_hugging_face(DIR)` gives has a head already."""
    with_head = MaskedLM(make_encoder())
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    for faulty, received in ((with_head, "MaskedLM: its `encoder` is one"), ("bert", "str")):
        with pytest.raises(ValueError) as error:
            make_head(faulty)
        assert str(error.value) == (
            "`encoder` must be an `Encoder`, such as a `BertEncoder`, or what "
            f'`load_hugging_face(DIR, task="encoder")` gives. Received: {received}'
        )
    with pytest.raises(ValueError, match="`encoder` must be an `Encoder`.*Received: Sequential"):
        make_head(dense)
    assert make_head(with_head.encoder).encoder is with_head.encoder


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("make_list", [list, tuple])
def test_a_list_of_inputs_is_refused(task, make_list):
    """Keras would take them in the order of the names: the mask for the ids."""
    model, _ = made(task)
    for reader in (model, model.encoder):
        names = ", ".join(reader.input)
        with pytest.raises(ValueError, match=f"`inputs` must be a dict of {names}. Received: a "):
            reader(make_list(INPUTS.values()))


def test_a_masked_lm_is_made_anew_from_its_config():
    """As its docstring says in the place of `clone_model`, of whose inputs none is optional."""
    model, inputs = made("masked_lm")
    again = MaskedLM.from_config(model.get_config())
    again.set_weights(model.get_weights())
    for given in (INPUTS, WITH_POSITIONS):
        np.testing.assert_array_equal(to_numpy(again(given)), to_numpy(model(given)))
    clone = keras.models.clone_model(model)
    assert clone(WITH_POSITIONS).shape == model(WITH_POSITIONS).shape
