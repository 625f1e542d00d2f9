"""What `model.fit` trained becomes a run, which gives the answers of the model in memory."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention._validation import InputError, with_article
from keras_attention.artifacts.manifest import read_manifest
from keras_attention.models import Classifier
from keras_attention.runs import run_directory
from keras_attention.tasks import TASKS, task_of
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks.small_models import (
    KINDS,
    LENGTH,
    MAKERS,
    TEXTS,
    answers,
    assert_same_answers,
    config_of,
    exported,
    functional_classifier,
    save_small_run,
    saved,
    small_encoder,
    small_model,
    tokenizer_of,
)


@pytest.fixture(params=MAKERS)
def name(request):
    return request.param


@pytest.fixture
def saved_run(name, once):
    """The run of the model `name`. Not to be changed."""
    return saved(once, name)


def test_there_is_one_model_of_every_kind():
    assert set(KINDS.values()) == set(TASKS)


def test_it_loads_and_answers_as_the_model_in_memory(name, saved_run):
    loaded = keras_attention.load(saved_run)
    task = task_of(KINDS[name])
    config = config_of(saved_run)
    assert config["kind"] == task.kind
    assert getattr(loaded, "labels", None) == config.get("labels")
    in_memory = task.wrap(small_model(name), tokenizer_of(name), config)
    expected = answers(in_memory, name)
    assert_same_answers(answers(loaded, name), expected, tolerance=1e-6)
    assert len({np.asarray(answer).tobytes() for answer in expected}) > 1  # they do differ
    for found, weights in zip(
        loaded.model.get_weights(), small_model(name).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, weights)


# Recurrent translators export in test_rnn_export.py too, stock models in test_export.py.
EXPORTED_ELSEWHERE = ("rnn translator", "functional classifier")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in EXPORTED_ELSEWHERE else ())
        for name in MAKERS
    ],
)
def test_it_exports(name, saved_run, once):
    artifact = exported(once, name)
    manifest = read_manifest(artifact)
    assert manifest["kind"] == KINDS[name]
    assert manifest["formats"] == ["tf_saved_model", "tflite", "onnx"]
    expected = answers(keras_attention.load(saved_run), name)
    for runtime in manifest["formats"]:
        loaded = keras_attention.load(artifact, runtime)
        assert_same_answers(answers(loaded, name), expected, tolerance=1e-4)
        assert getattr(loaded, "labels", None) == manifest.get("labels")


def test_weights_of_a_model_that_was_trained_stay_trainable(tmp_path):
    model = Classifier(small_encoder(), 3, labels=LABELS)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    packed = word_piece().pack(TEXTS)
    before = model.get_weights()
    model.fit(packed, np.array([0, 1, 2, 0]), verbose=0)
    keras_attention.save_run(model, word_piece(), tmp_path / "run")
    loaded = keras_attention.load(tmp_path / "run")
    changed = zip(before, loaded.model.get_weights(), strict=True)
    assert any((old != new).any() for old, new in changed)
    assert model.optimizer is not None and model.compiled  # saving took nothing from it
    model.fit(packed, np.array([0, 1, 2, 0]), verbose=0)


def test_labels_are_those_of_the_model_unless_given(tmp_path):
    save_small_run("classifier", tmp_path / "own")
    assert keras_attention.load(tmp_path / "own").labels == LABELS
    save_small_run("classifier", tmp_path / "given", labels=["x", "y", "z"])
    loaded = keras_attention.load(tmp_path / "given")
    assert loaded.labels == ["x", "y", "z"]
    assert set(loaded.classify(TEXTS)) <= {"x", "y", "z"}


def test_further_entries_of_the_config(tmp_path):
    save_small_run("classifier", tmp_path / "pairs", pair_column="other")
    classifier = keras_attention.load(tmp_path / "pairs")
    assert classifier.takes_pairs
    assert len(classifier.classify(TEXTS, TEXTS[::-1])) == len(TEXTS)
    save_small_run("translator", tmp_path / "beam", decoding={"beam_size": 2})
    assert keras_attention.load(tmp_path / "beam").search.beam_size == 2
    save_small_run("classifier", tmp_path / "short", max_sequence_length=5)
    assert keras_attention.load(tmp_path / "short").max_length == 5


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("translator", dict(decodng={"beam_size": 4})),
        ("translator", dict(pair_column=None)),
        ("classifier", dict(pair_colum="other")),
        ("masked-lm", dict(problem_type=None)),
        ("encoder", dict(preset=None)),
        ("token-classifier", dict(decoding={})),
    ],
)
def test_unknown_entries_of_the_config(name, options, tmp_path):
    (field,) = options
    said = refused(tmp_path, lambda: save_small_run(name, tmp_path / "run", **options), sizes=900)
    assert said.startswith(f"Unknown field {field!r} of the config of {with_article(name)}; expec")


def refused(path, save, kind=InputError, sizes=400):
    """The one sentence with which `save()` is refused; it leaves nothing."""
    before = sorted(path.iterdir())
    with pytest.raises(kind) as caught:
        save()
    said = str(caught.value)
    assert "\n" not in said and len(said) < sizes
    assert sorted(path.iterdir()) == before
    return said


def test_labels_that_are_not_one_a_class(tmp_path):
    run = tmp_path / "run"
    for name in ("classifier", "token-classifier", "functional classifier"):
        said = refused(tmp_path, lambda name=name: save_small_run(name, run, labels=["a", "b"]))
        assert "3" in said and "2" in said and str(run) in said
        for labels in ("abc", [1, 2, 3], [], ["a", "b", "a"], ["a", "b\nc", "b c"]):
            refused(tmp_path, lambda n=name, v=labels: save_small_run(n, run, labels=v), ValueError)


@pytest.mark.parametrize("name", ["translator", "masked-lm", "encoder"])
def test_labels_for_a_model_without_classes(tmp_path, name):
    said = refused(tmp_path, lambda: save_small_run(name, tmp_path / "run", labels=LABELS))
    assert said.startswith("`labels` are names of classes; a") and said.endswith("has no classes.")


@pytest.mark.parametrize("decoding", [3, {"beam": 2}, {"beam_size": 0}, None])
def test_decoding_that_is_no_decoding(tmp_path, decoding):
    save = lambda: save_small_run("translator", tmp_path / "run", decoding=decoding)  # noqa: E731
    said = refused(tmp_path, save)
    assert "`decoding` must be an object" in said or "beam" in said
    run = save_small_run("translator", tmp_path / "spoiled")
    config = {**config_of(run), "decoding": decoding}
    (run / "config.json").write_text(json.dumps(config))
    run_directory.write_digests(run, run / "model.keras")
    with pytest.raises(InputError) as loading:
        keras_attention.load(run)
    assert str(loading.value) == f"{run}/config.json: {said}"  # the same sentence


def test_labels_that_are_missing(tmp_path):
    model = Classifier(small_encoder(), 3)
    save = lambda: keras_attention.save_run(model, word_piece(), tmp_path / "run")  # noqa: E731
    assert refused(tmp_path, save) == ("`labels` must be given: the model does not know its own.")
    said = refused(tmp_path, lambda: save_small_run("functional classifier", "run", labels=None))
    assert said == "`labels` must be given: the model does not know its own."


def test_a_run_that_exists(tmp_path):
    run = save_small_run("classifier", tmp_path / "run")
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    said = refused(tmp_path, lambda: save_small_run("encoder", run))
    assert said == f"{run} already exists. Give another path, or `force` to overwrite it."
    assert before == {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    save_small_run("encoder", run, force=True)
    assert config_of(run)["kind"] == "encoder"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    said = refused(tmp_path, lambda: save_small_run("encoder", tmp_path / "mine", force=True))
    assert "is a directory that is no run; it is not overwritten" in said


@pytest.mark.parametrize("other", ["classifier", "masked-lm", "token-classifier", "encoder"])
def test_a_tokenizer_of_another_vocabulary(tmp_path, other):
    vocabulary = [*word_piece().vocabulary, "more"]
    larger = keras_attention.text.WordPieceTokenizer(vocabulary)
    save = lambda: keras_attention.save_run(small_model(other), larger, tmp_path / "r")  # noqa: E731
    said = refused(tmp_path, save)
    assert "they do not belong together" in said and f"{len(vocabulary)} tokens" in said


@pytest.mark.parametrize(("one", "other"), [("translator", "encoder"), ("encoder", "translator")])
def test_a_tokenizer_of_another_kind(tmp_path, one, other):
    model, tokenizer = small_model(one), tokenizer_of(other)
    save = lambda: keras_attention.save_run(model, tokenizer, tmp_path / "run")  # noqa: E731
    said = refused(tmp_path, save, ValueError)
    assert "tokenizer" in said and type(tokenizer).__name__ in said


def test_a_model_that_does_not_say_its_kind(tmp_path):
    model = functional_classifier()
    save = lambda **kind: keras_attention.save_run(  # noqa: E731
        model, word_piece(), tmp_path / "run", LABELS, max_sequence_length=LENGTH, **kind
    )
    said = refused(tmp_path, save, ValueError)
    assert "`kind` must be given" in said and all(kind in said for kind in TASKS)
    said = refused(tmp_path, lambda: save(kind="poet"), ValueError)
    assert "`kind` must be one of" in said
    for kind in ("translator", "encoder", "masked-lm", "token-classifier"):
        refused(tmp_path, lambda kind=kind: save(kind=kind))
    save(kind="classifier")


def test_a_model_of_another_kind(tmp_path):
    said = refused(tmp_path, lambda: save_small_run("encoder", tmp_path / "r", kind="masked-lm"))
    assert "expected a masked-lm" in said and "BertEncoder" in said


def test_a_sequential_model_has_no_dict_of_inputs(tmp_path):
    model = keras.Sequential([keras.layers.Embedding(9, 4), keras.layers.GlobalMaxPooling1D()])
    options = dict(kind="classifier", max_sequence_length=9)
    with pytest.raises(InputError, match="functional model with a dict.*Received: a Sequential"):
        keras_attention.save_run(model, word_piece(), tmp_path / "run", LABELS, **options)
    assert not (tmp_path / "run").exists()


def test_a_stock_model_must_say_how_long_its_texts_are(tmp_path):
    model = functional_classifier()
    said = refused(
        tmp_path,
        lambda: keras_attention.save_run(
            model, word_piece(), tmp_path / "run", LABELS, kind="classifier"
        ),
    )
    assert said.startswith("`max_sequence_length` must be given: the model does not know its own.")


def test_texts_longer_than_the_positions(tmp_path):
    said = refused(
        tmp_path,
        lambda: save_small_run("classifier", tmp_path / "run", max_sequence_length=LENGTH + 1),
    )
    assert "`max_sequence_length` must be at most 24" in said


# What nothing could load is refused while the model is still in memory


def stock_classifier(head):
    """A functional model of Keras' layers: `head(x, padding_mask)` of an embedding's (B, T, 8)."""
    inputs = {n: keras.Input((None,), dtype="int32", name=n) for n in ("token_ids", "padding_mask")}
    x = keras.layers.Embedding(word_piece().vocabulary_size, 8)(inputs["token_ids"])
    return keras.Model(inputs, keras.layers.Dense(len(LABELS))(head(x, inputs["padding_mask"])))


def save_stock(model, run, **options):
    options = dict(kind="classifier", max_sequence_length=LENGTH, **options)
    keras_attention.save_run(model, word_piece(), run, LABELS, **options)


def lambda_layer(x, mask):
    return keras.layers.Lambda(lambda x: x * 2)(x[:, 0])


def named_function_layer(x, mask):
    return keras.layers.Lambda(doubled)(x[:, 0])


def lambda_activation(x, mask):
    return keras.layers.Dense(3, activation=lambda x: x * 2)(x[:, 0])


def scattered(x, mask):
    ids = keras.ops.cast(mask[:, :1], "int32")
    return keras.ops.scatter(ids, x[:, 0], (3, 8))


def doubled(x):
    return x * 2


UNLOADABLE = {
    lambda_layer: "'Lambda' of 'keras.layers'",
    named_function_layer: "'Lambda' of 'keras.layers'",
    lambda_activation: "a lambda",
    scattered: "'Scatter' of 'keras.src.ops.core'",
}


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("head", UNLOADABLE, ids=lambda head: head.__name__)
def test_a_model_that_nothing_could_load(head, tmp_path):
    run = tmp_path / "run"
    said = refused(tmp_path, lambda: save_stock(stock_classifier(head), run))
    assert said.startswith(
        f"{run}: not written, for nothing could load this model: config.json: expected classes of "
        "keras_attention, your own, or those of Keras "
    )
    assert f"Received: {UNLOADABLE[head]}" in said
    # An older run stays, and loads.
    save_small_run("classifier", run)
    refused(tmp_path, lambda: save_stock(stock_classifier(head), run, force=True))
    assert keras_attention.load(run).labels == LABELS


def masked_mean(x, mask):
    mask = keras.ops.cast(mask, "float32")
    total = keras.ops.sum(x * mask[..., None], 1)
    return total / keras.ops.maximum(keras.ops.sum(mask, -1, keepdims=True), 1.0)


def normalized(x, mask):
    x = keras.ops.stop_gradient(x[..., 0, :])
    x = keras.ops.slice(x / keras.ops.norm(x, axis=-1, keepdims=True), (0, 1), (-1, 6))
    return x * keras.ops.rsqrt(1 + keras.ops.logsumexp(x, -1, keepdims=True) ** 2)


def many_layers(x, mask):
    keep, layers = {"return_sequences": True}, keras.layers
    x = layers.Masking()(x)
    x = layers.MultiHeadAttention(2, 4)(x, x) + layers.Attention(use_scale=True)([x, x])
    x = layers.RMSNormalization()(layers.RNN(layers.SimpleRNNCell(8), **keep)(x))
    cells = [layers.GRUCell(8), layers.LSTMCell(8)]
    x = layers.BatchNormalization()(layers.RNN(layers.StackedRNNCells(cells), **keep)(x))
    x = layers.TimeDistributed(layers.Dense(8, "relu", kernel_regularizer="l2"))(x)
    x = layers.EinsumDense("abc,cd->abd", (None, 8))(layers.GroupNormalization(2)(x))
    x = layers.LeakyReLU()(layers.Subtract()([x, layers.PReLU(shared_axes=[1])(x)]))
    x = layers.SeparableConv1D(8, 2, padding="same", pointwise_constraint="max_norm")(x)
    x = layers.GaussianNoise(0.1)(layers.MaxPooling1D(2, padding="same")(x))
    return layers.GlobalMaxPooling1D()(x)


def further_layers(x, mask):
    layers = keras.layers
    x = layers.Conv1DTranspose(8, 3, padding="same")(layers.ZeroPadding1D(1)(x))
    x = layers.UpSampling1D(2)(layers.Cropping1D(1)(layers.AlphaDropout(0.1)(x)))
    x = layers.SpectralNormalization(layers.Dense(8))(layers.Rescaling(0.5)(x))
    return layers.RepeatVector(2)(layers.GlobalMaxPooling1D()(x))[:, 0]


@pytest.mark.parametrize("head", [masked_mean, normalized, many_layers, further_layers])
def test_stock_operations_and_layers(head, tmp_path):
    model = stock_classifier(head)
    save_stock(model, tmp_path / "run")
    loaded = keras_attention.load(tmp_path / "run").model
    packed = {name: word_piece().pack(TEXTS)[name] for name in ("token_ids", "padding_mask")}
    np.testing.assert_allclose(loaded(packed).numpy(), model(packed).numpy(), rtol=1e-5, atol=1e-6)


def test_a_function_that_can_be_given_is_saved(tmp_path):
    """Not registered, it loads from Python alone: a file of `--custom` holds others too."""
    head = lambda x, mask: keras.layers.Dense(3, activation=doubled)(x[:, 0])  # noqa: E731
    save_stock(stock_classifier(head), tmp_path / "run")
    given = {"doubled": doubled}
    assert keras_attention.load(tmp_path / "run", custom_objects=given).classify(TEXTS)
    with pytest.raises(InputError, match="the function 'doubled' of .* only if they are regist"):
        keras_attention.load(tmp_path / "run")


class Unwritten(keras.layers.Layer):
    """Without `get_config`, of an argument that Keras can write down."""

    def __init__(self, table):
        super().__init__()
        self.table = table

    def call(self, x):
        return x * keras.ops.convert_to_tensor(self.table)


class Forgetful(keras.layers.Layer):
    """Its `get_config` lacks an argument."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return super().get_config()


@keras.saving.register_keras_serializable("tests")
class RegisteredForgetful(Forgetful):
    pass


class Kept(Forgetful):
    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def nested_layer():
    class Within(Forgetful):
        pass

    return Within(2.0)


OF_NO_USE = {
    "no config": (lambda: Unwritten([1.0] * 8), "unexpected keyword argument"),
    "an array": (lambda: Unwritten(np.ones(8, "float32")), "Keras cannot save the model: "),
    "no argument": (lambda: Forgetful(2.0), "missing 1 required positional argument: 'factor'"),
    "registered": (lambda: RegisteredForgetful(2.0), "missing 1 required positional argument"),
    "in a function": (nested_layer, "missing 1 required positional argument: 'factor'"),
}


@pytest.mark.parametrize("name", OF_NO_USE)
def test_a_layer_that_its_config_does_not_make(name, tmp_path):
    make, reason = OF_NO_USE[name]
    run = tmp_path / "run"
    model = stock_classifier(lambda x, mask: make()(x[:, 0]))
    said = refused(tmp_path, lambda: save_stock(model, run), sizes=450)
    assert said.startswith(f"{run}: not written, for ") and reason in said


def test_a_layer_that_its_config_makes(tmp_path):
    import random

    model = stock_classifier(lambda x, mask: Kept(2.0)(x[:, 0]))
    random.seed(3)
    expected = random.random()
    random.seed(3)
    save_stock(model, tmp_path / "run")  # which reads the run once, and draws no numbers
    assert random.random() == expected
    loaded = keras_attention.load(tmp_path / "run", custom_objects={"Kept": Kept}).model
    packed = {name: word_piece().pack(TEXTS)[name] for name in ("token_ids", "padding_mask")}
    np.testing.assert_allclose(loaded(packed), model(packed), rtol=1e-6)


# What a task cannot call


def inputs_of(*names, length=None):
    return {name: keras.Input((length,), dtype="int32", name=name) for name in names}


def embedded(inputs, name="token_ids", width=8):
    return keras.layers.Embedding(word_piece().vocabulary_size, width)(inputs[name])


def model_of_inputs(inputs, name="token_ids", kind="classifier", as_list=False):
    x = embedded(inputs, name)
    if kind == "classifier":
        x = keras.layers.Dense(len(LABELS))(keras.layers.GlobalAveragePooling1D()(x))
    if kind == "masked-lm":
        x = keras.layers.Dense(5)(x)
    return keras.Model(list(inputs.values()) if as_list else inputs, x)


DICT = "expected a model whose inputs are a dict of token_ids and, if it reads them, segment_ids"
OF_OTHER_INPUTS = {
    "another name": ("classifier", lambda: dict(inputs=inputs_of("ids"), name="ids"), DICT),
    "a list": (
        "classifier",
        lambda: dict(inputs=inputs_of("token_ids", "padding_mask"), as_list=True),
        DICT,
    ),
    "one more": ("encoder", lambda: dict(inputs=inputs_of("token_ids", "mask_positions")), DICT),
    "a fixed length": (
        "classifier",
        lambda: dict(inputs=inputs_of("token_ids", length=16)),
        "expected inputs (B, T) of any length",
    ),
    "too few logits": (
        "masked-lm",
        lambda: dict(inputs=inputs_of("token_ids", "segment_ids", "padding_mask")),
        "expected logits for the 59 tokens of the tokenizer. Received: a Functional with 5 logits",
    ),
}


@pytest.mark.parametrize("name", OF_OTHER_INPUTS)
def test_a_model_that_the_task_cannot_call(name, tmp_path):
    kind, arguments, reason = OF_OTHER_INPUTS[name]
    model = model_of_inputs(kind=kind, **arguments())
    options = dict(labels=LABELS) if kind == "classifier" else {}
    said = refused(
        tmp_path,
        lambda: keras_attention.save_run(
            model, word_piece(), tmp_path / "run", kind=kind, max_sequence_length=LENGTH, **options
        ),
    )
    assert said.startswith(f"{tmp_path}/run/model.keras: ") and reason in said


@pytest.mark.parametrize("names", [("token_ids",), ("token_ids", "padding_mask"), None])
def test_a_model_of_some_of_the_inputs(names, tmp_path):
    inputs = inputs_of(*(names or ("token_ids",)))
    x = embedded(inputs)
    model = keras.Model(inputs if names else inputs["token_ids"], x)
    options = dict(kind="encoder", max_sequence_length=LENGTH)
    keras_attention.save_run(model, word_piece(), tmp_path / "run", **options)
    found = keras_attention.load(tmp_path / "run").outputs(TEXTS[:1])[0]
    (embedding,) = [each for each in model.layers if isinstance(each, keras.layers.Embedding)]
    ids = word_piece().encode(TEXTS[:1]).token_ids
    np.testing.assert_allclose(found, embedding(np.array(ids))[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("classifier", dict(epochs="x"), "`epochs` must be an integer. Received: epochs='x'"),
        ("classifier", dict(initial_weights=5), "`initial_weights` must be a string or None. "),
        ("classifier", dict(train=7), "`train` must be a string or None. Received: train=7"),
        ("classifier", dict(seed=True), "`seed` must be an integer. Received: seed=True"),
        ("classifier", dict(preset=3), "`preset` must be a string or None"),
        ("classifier", dict(epochs=0), "`epochs` must be a positive integer. Received: epochs=0"),
        ("masked-lm", dict(masked_share=2), "`masked_share` must be a number between 0 and 1"),
        ("translator", dict(dropout="a"), "`dropout` must be a number or None"),
        ("encoder", dict(initial_weights=5), "`initial_weights` must be a string or None"),
    ],
)
def test_values_of_the_config_that_no_training_takes(name, options, message, tmp_path):
    save = lambda: save_small_run(name, tmp_path / "run", **options)  # noqa: E731
    assert refused(tmp_path, save, ValueError).startswith(message)


def test_values_of_the_config_that_a_training_takes(tmp_path):
    options = dict(epochs=3, train="reviews.csv", learning_rate=1, initial_weights=None, seed=7)
    run = save_small_run("classifier", tmp_path / "run", **options)
    assert options.items() <= config_of(run).items()


def test_bfloat16(tmp_path):
    """It is saved and loaded; no format of ONNX is begun."""
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8)
    size = word_piece().vocabulary_size
    encoder = keras_attention.models.BertEncoder(
        size, **sizes, max_sequence_length=LENGTH, dtype="bfloat16"
    )
    keras_attention.save_run(encoder, word_piece(), tmp_path / "run")
    loaded = keras_attention.load(tmp_path / "run").model
    assert {str(w.dtype) for w in loaded.weights} == {str(w.dtype) for w in encoder.weights}
    for found, weights in zip(loaded.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(found.astype("float32"), weights.astype("float32"))
    export = lambda source: refused(  # noqa: E731
        tmp_path,
        lambda: keras_attention.export(source, tmp_path / "artifact", formats=("onnx",)),
    )
    assert export(tmp_path / "run").startswith("ONNX Runtime does not compute in bfloat16, as ")


@pytest.mark.parametrize("examples", ["abc", b"abc", 5, [1, 2], {"a": 1}])
def test_examples_that_are_no_texts(examples, tmp_path):
    export = lambda: keras_attention.export(  # noqa: E731
        small_model("encoder"), tmp_path / "artifact", word_piece(), examples=examples
    )
    assert refused(tmp_path, export).startswith("`examples` must be a list of strings. Received: ")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_saving_leaves_nothing(tmp_path, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(run_directory.os, "fsync", fail)
    with pytest.raises((InputError, KeyboardInterrupt)):
        save_small_run("classifier", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from keras_attention.tasks import save_run
from tests.tasks.small_models import save_small_run
def die(model, path):
    open(path, "wb").write(b"half a model")
    os.kill(os.getpid(), 9)
if sys.argv[2] == "kill":
    save_run.save_model_atomically = die
save_small_run("classifier", sys.argv[1], force=True)
"""


def test_a_process_killed_while_saving_leaves_the_old_run(tmp_path):
    run = save_small_run("encoder", tmp_path / "run")
    command = [sys.executable, "-c", KILLED, str(run)]
    assert subprocess.run([*command, "kill"]).returncode == -9
    assert isinstance(keras_attention.load(run).model, type(small_model("encoder")))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left[0] == ".run.lock" and left[1].startswith(".run.new-") and left[2:] == ["run"]
    save_small_run("classifier", run, force=True)
    assert keras_attention.load(run).labels == LABELS
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
