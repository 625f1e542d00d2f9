"""The exact step without logits is the exact step with them."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the exact step is for the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from keras_attention.layers import TokenAndPositionEmbedding
from keras_attention.models import Model, RNNTranslator, TransformerTranslator
from keras_attention.training import (
    LabelSmoothedCrossEntropy,
    Perplexity,
    TokenAccuracy,
    projected_terms,
)
from tests.training.exact_models import skewed_rows, token_model, trained_weights

BATCHES = [skewed_rows(5, seed=1), skewed_rows(5, seed=2)]
SIZE = 23


def transformer(**options):
    keras.utils.set_random_seed(1)
    return TransformerTranslator(
        SIZE, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12, dropout=0.2, **options
    )


def recurrent():
    keras.utils.set_random_seed(2)
    sizes = dict(vocabulary_size=SIZE, units=6, embedding_dim=5)
    return RNNTranslator.from_preset("small", **sizes, tie_weights=False, dropout=0.1)


def pairs(seed, rows=6, length=7):
    random = np.random.default_rng(seed)
    ids = random.integers(4, SIZE, (3, rows, length)).astype("int32")
    ids *= np.arange(length) < random.integers(1, length + 1, (rows, 1))
    ids[1, :, 0] = 2
    return {"encoder_token_ids": ids[0], "decoder_token_ids": ids[1]}, ids[2]


@pytest.fixture
def both(monkeypatch):
    """`both(make, batches, **options)`: weights and logs without logits, and with them."""

    def run(make, batches, **options):
        options = {"metrics": [TokenAccuracy(), Perplexity()], **options}
        found = []
        for with_logits in (False, True):
            if with_logits:
                monkeypatch.setattr(Model, "projected_logits", lambda *args, **kwargs: None)
            fresh = {name: value() if callable(value) else value for name, value in options.items()}
            fresh.setdefault("optimizer", keras.optimizers.SGD(0.5, global_clipnorm=0.5))
            fresh.setdefault("loss", LabelSmoothedCrossEntropy(0.1))
            found.append(trained_weights(make(), batches, **fresh))
        return found

    return run


def assert_same(found, atol=2e-6):
    (weights, logs), (expected, expected_logs) = found
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights, expected, atol=atol)
    assert logs == pytest.approx(expected_logs, rel=max(1e-5, atol))


@pytest.mark.parametrize(
    "make, options",
    [
        (transformer, {}),
        pytest.param(transformer, {"jit_compile": True}, marks=pytest.mark.slow),
        pytest.param(transformer, {"micro_batches": 3}, marks=pytest.mark.slow),
        (recurrent, {"micro_batches": 2, "jit_gradients": True}),
    ],
)
def test_translators(both, make, options):
    assert_same(both(make, [pairs(1), pairs(2)], **options))


@pytest.mark.parametrize(
    "ignore_class", [0, *(pytest.param(each, marks=pytest.mark.slow) for each in (None, -100))]
)
def test_weights_and_ignored_classes(both, ignore_class):
    weight = np.array([2.0, 0.0, 1.0, 0.5, 3.0], "float32")
    batches = [
        (
            x,
            np.where(y == 0, ignore_class or 0, y).astype("int32"),
            np.tile(weight[:, None], (1, 9)),
        )
        for x, y in BATCHES
    ]
    loss = lambda: LabelSmoothedCrossEntropy(0.1, ignore_class=ignore_class)  # noqa: E731
    # One metric counts what the loss does not: rows of weight 0.
    metrics = lambda: [TokenAccuracy(ignore_class=ignore_class)]  # noqa: E731
    weighted = lambda: [Perplexity(ignore_class=ignore_class)]  # noqa: E731
    assert_same(both(token_model, batches, loss=loss, metrics=metrics, weighted_metrics=weighted))


def test_half_precision(both):
    make = lambda: token_model(dtype="mixed_float16")  # noqa: E731
    assert_same(both(make, BATCHES, micro_batches=2), atol=2e-3)


def test_masks_of_hidden_states(both):
    def make():
        keras.utils.set_random_seed(3)
        ids = keras.Input((None,), dtype="int32")
        embedding = TokenAndPositionEmbedding(13, 9, 6, mask_zero=True)
        return Model(ids, embedding(embedding(ids), reverse=True))

    # The ids' padding is longer than the targets': the mask leaves out what is between.
    batches = [(x, np.where(y == 0, 1, y).astype("int32")) for x, y in BATCHES]
    found = both(make, batches)
    assert_same(found)
    unmasked = trained_weights(
        token_model(), batches, loss=LabelSmoothedCrossEntropy(0.1), optimizer="sgd"
    )
    assert unmasked[1]["loss"] != found[0][1]["loss"]


def test_evaluate():
    model = transformer()
    model.compile(loss=LabelSmoothedCrossEntropy(0.1), metrics=[TokenAccuracy(), Perplexity()])
    x, y = pairs(3)
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    logits = model(x)
    assert found["loss"] == pytest.approx(
        float(LabelSmoothedCrossEntropy(0.1)(y, logits)), rel=1e-5
    )
    for metric in (TokenAccuracy(), Perplexity()):
        metric.update_state(y, logits)
        assert found[metric.name] == pytest.approx(float(metric.result()), rel=1e-5)


class OwnCall(Model):
    def call(self, inputs, training=None, mask=None):
        return 2.0 * super().call(inputs, training=training, mask=mask)


class OwnLoss(LabelSmoothedCrossEntropy):
    def call(self, y_true, y_pred):
        return 2.0 * super().call(y_true, y_pred)


class OwnMetric(Perplexity):
    def values(self, y_true, logits):
        return 2.0 * super().values(y_true, logits)


class OwnWeights(LabelSmoothedCrossEntropy):
    def token_weights(self, y_true, sample_weight=None):
        return 2.0 * super().token_weights(y_true, sample_weight)


def largest(graph):
    """The most elements of any tensor of a graph, with those of the functions that it calls."""
    definition = graph.as_graph_def(add_shapes=True)
    nodes = [*definition.node]
    for function in definition.library.function:
        nodes += function.node_def
    shapes = [s for n in nodes for s in n.attr["_output_shapes"].list.shape if not s.unknown_rank]
    tensors = [value for op in graph.get_operations() for value in op.outputs]
    found = [[d.size for d in shape.dim] for shape in shapes]
    found += [tensor.shape.as_list() for tensor in tensors if tensor.shape.rank is not None]
    return max(
        int(np.prod(shape)) for shape in found if all(d is not None and d >= 0 for d in shape)
    )


@pytest.mark.parametrize(
    "cls, loss, metric, has_logits",
    [
        (Model, LabelSmoothedCrossEntropy, TokenAccuracy, False),
        (Model, OwnWeights, Perplexity, False),
        (OwnCall, LabelSmoothedCrossEntropy, TokenAccuracy, True),
        (Model, OwnLoss, TokenAccuracy, True),
        (Model, LabelSmoothedCrossEntropy, OwnMetric, True),
        (Model, LabelSmoothedCrossEntropy, lambda: "accuracy", True),
        (Model, lambda: keras.losses.SparseCategoricalCrossentropy(True), TokenAccuracy, True),
    ],
)
def test_what_needs_logits_has_them_and_nothing_else_does(
    cls, loss, metric, has_logits, monkeypatch
):
    """A step of 512 tokens has a tensor of 512 x V elements or, by chunks of 256, none."""
    keras.utils.set_random_seed(4)
    rows, length, size = 16, 32, 301
    ids = keras.Input((length,), rows, dtype="int32")
    hidden = keras.layers.Embedding(size, 3)(ids)
    model = cls(ids, keras.layers.Dense(size)(hidden))
    model.compile("sgd", loss(), metrics=[metric()], jit_compile=False)
    batch = tf.ones((rows, length), "int32"), tf.ones((rows, length), "int32")

    @tf.function(autograph=False)
    def step(x, y):
        return model.train_step((x, y))

    with tf.init_scope():
        model.optimizer.build(model.trainable_variables)
    step(*batch)
    elements = largest(step.get_concrete_function(*batch).graph)
    logits = rows * length * size
    assert elements >= logits if has_logits else elements <= 0.6 * logits


def test_a_model_of_ones_own_says_what_its_logits_come_from(both):
    """A model whose call is its own may have the hook too."""

    class Scaled(Model):
        def call(self, inputs, training=None, mask=None):
            return 2.0 * super().call(inputs, training=training, mask=mask)

        def projected_logits(self, inputs, training=None):
            hidden, projection = super().projected_logits(inputs, training)
            kernel, bias = 2.0 * projection.kernel, 2.0 * projection.bias
            return hidden, projection._replace(kernel=kernel, bias=bias)

    asked = []
    original = projected_terms.linear_cross_entropy

    def noting(*args, **kwargs):
        asked.append(kwargs)
        return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projected_terms, "linear_cross_entropy", noting)
        found = trained_weights(
            token_model(Scaled), BATCHES, loss=LabelSmoothedCrossEntropy(), optimizer="sgd"
        )
    assert asked
    expected = trained_weights(
        token_model(OwnCall), BATCHES, loss=LabelSmoothedCrossEntropy(), optimizer="sgd"
    )
    assert_same([found, expected])
