"""Ids that a vocabulary does not have, rows of padding alone, and inputs of different shapes."""

import functools

import keras
import numpy as np
import pytest

from keras_attention import layers, models
from tests.backend import BACKEND, to_numpy

V, LENGTH = 24, 9
SIZES = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12, dropout=0.0)
IDS = np.array([[5, 7, 9, 3], [8, 3, 0, 0]], "int32")


def encoder():
    return models.BertEncoder(V, max_sequence_length=LENGTH, **SIZES)


def distilbert_classifier():
    encoder = models.DistilBertEncoder(V, max_sequence_length=LENGTH, **SIZES)
    return models.Classifier(encoder, 3, **encoder.classifier_options())


def transformer():
    return models.TransformerTranslator(V, max_sequence_length=LENGTH, **SIZES)


def rnn():
    return models.RNNTranslator.from_preset(
        "small", vocabulary_size=V, units=6, embedding_dim=8, max_sequence_length=LENGTH
    )


def encoder_inputs(ids):
    return {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": (ids != 0).astype("int32"),
    }


def translator_inputs(ids):
    return {"encoder_token_ids": ids, "decoder_token_ids": ids}


MODELS = {
    "encoder": (encoder, encoder_inputs),
    "classifier": (lambda: models.Classifier(encoder(), 3, pooling="mean"), encoder_inputs),
    "distilbert": (distilbert_classifier, encoder_inputs),
    "masked lm": (lambda: models.MaskedLM(encoder()), encoder_inputs),
    "transformer": (transformer, translator_inputs),
    "rnn": (rnn, translator_inputs),
}


@functools.cache
def made(name):
    """A model of `MODELS`, made once, and what gives its inputs."""
    make, inputs_of = MODELS[name]
    return make(), inputs_of


def is_read(name, argument):
    """Whether a model looks up what an input holds in a table."""
    return argument != "padding_mask" and (name, argument) != ("distilbert", "segment_ids")


def arrays(outputs):
    return keras.tree.flatten(to_numpy(outputs))


@pytest.mark.parametrize("name", MODELS)
def test_ids_out_of_range_have_no_answer(name):
    model, inputs_of = made(name)
    inputs = inputs_of(IDS)
    for argument in inputs:
        if not is_read(name, argument):
            continue
        for wrong in (-1, -V, V, V + 1000):
            ids = inputs[argument].copy()
            ids[0, 1] = wrong
            given = {**inputs, argument: ids}
            if BACKEND == "tensorflow":
                with pytest.raises(Exception, match="is not in"):
                    model(given)
            else:  # what JAX has for an index out of range
                assert any(np.isnan(x).any() for x in arrays(model(given)))


@pytest.mark.parametrize("name", MODELS)
def test_rows_of_padding_alone_have_finite_answers_and_change_no_other(name):
    model, inputs_of = made(name)
    expected = arrays(model(inputs_of(IDS)))
    found = arrays(model(inputs_of(np.concatenate([IDS, np.zeros((1, 4), "int32")]))))
    for one, other in zip(found, expected, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one[:2], other, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_of_no_rows(name):
    model, inputs_of = made(name)
    full, empty = (arrays(model(inputs_of(ids))) for ids in (IDS, IDS[:0]))
    for one, other in zip(empty, full, strict=True):
        assert one.shape == (0, *other.shape[1:])


@pytest.mark.parametrize("name", MODELS)
def test_rows_of_no_tokens(name):
    """A text of nothing has the pooled output of a vector of zeros, in a graph too."""
    model, inputs_of = made(name)
    full, empty = arrays(model(inputs_of(IDS))), arrays(model(inputs_of(IDS[:, :0])))
    for one, other in zip(empty, full, strict=True):
        sizes = [0 if size == 4 else size for size in other.shape]  # T
        assert list(one.shape) == sizes and np.isfinite(one).all()
    if name == "encoder":
        pooled = to_numpy(model(inputs_of(IDS[:, :0]))["pooled_output"])
        expected = to_numpy(model.pooler(np.zeros((2, 8), "float32")))
        np.testing.assert_allclose(pooled, expected, atol=1e-6)
        sequence = model(inputs_of(IDS))["sequence_output"]
        pooled = to_numpy(model(inputs_of(IDS))["pooled_output"])
        np.testing.assert_allclose(pooled, to_numpy(model.pooler(sequence[:, 0])), atol=1e-6)
    if BACKEND == "tensorflow":
        graph = in_a_graph(name)
        for one, other in zip(arrays(graph(inputs_of(IDS[:, :0]))), empty, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


@functools.cache
def in_a_graph(name):
    """The model as a graph that does not know the sizes of its inputs; traced once."""
    import tensorflow as tf

    model, inputs_of = made(name)
    inputs = inputs_of(IDS)
    signature = [{name: tf.TensorSpec((None, None), x.dtype) for name, x in inputs.items()}]
    return tf.function(lambda given: model(given), input_signature=signature, autograph=False)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="shapes are static on JAX")
@pytest.mark.parametrize("name", MODELS)
def test_a_graph_compares_the_sizes_of_inputs(name):
    import tensorflow as tf

    model, inputs_of = made(name)
    inputs = inputs_of(IDS)
    graph = in_a_graph(name)
    for one, other in zip(arrays(graph(inputs)), arrays(model(inputs)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    first, *others = inputs
    for argument in others:
        wrong = [inputs[argument][:1]]
        if argument != "decoder_token_ids":  # its length is its own
            wrong.append(inputs[argument][:, :1])
        for array in wrong:
            with pytest.raises(tf.errors.InvalidArgumentError, match="must fit each other in thei"):
                graph({**inputs, argument: array})
    operations = graph.get_concrete_function().graph.get_operations()
    assert sum(operation.type == "Assert" for operation in operations) == 1


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX has no 64 bits by default")
@pytest.mark.parametrize("name", MODELS)
def test_ids_that_int32_cannot_hold_have_no_answer(name):
    import tensorflow as tf

    model, inputs_of = made(name)
    inputs = inputs_of(IDS.astype("int64"))
    for one, other in zip(arrays(model(inputs)), arrays(model(inputs_of(IDS))), strict=True):
        np.testing.assert_array_equal(one, other)
    for argument in inputs:
        if is_read(name, argument):
            for wrong in (2**32 + 1, -(2**32) + 1, 2**31):
                ids = inputs[argument].copy()
                ids[0, 1] = wrong
                with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
                    model({**inputs, argument: ids})


@pytest.mark.parametrize("make", [transformer, rnn])
def test_generation_from_a_list(make):
    model = make()
    expected = to_numpy(model.generate(IDS, max_length=5))
    found = to_numpy(model.generate(IDS.tolist(), max_length=5))
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])


@pytest.mark.parametrize("make", [transformer, rnn])
def test_generation_for_no_rows_and_for_empty_rows(make):
    model = make()
    assert to_numpy(model.generate(IDS[:0], max_length=5))["token_ids"].shape == (0, 5)
    assert np.isfinite(to_numpy(model.generate(IDS[:, :0], max_length=5))["score"]).all()
    with pytest.raises(ValueError, match=r"`inputs` must be of shape \(B, S\)"):
        model.generate(IDS[0])


@pytest.mark.parametrize("name", MODELS)
def test_inputs_of_one_row_are_not_broadcast(name):
    model, inputs_of = made(name)
    inputs = inputs_of(IDS)
    for argument in list(inputs)[1:]:
        with pytest.raises(ValueError, match=f"`{argument}` must be of shape"):
            model({**inputs, argument: inputs[argument][:1]})


def test_too_long_an_input_is_refused_where_positions_are_learned():
    long = np.full((2, LENGTH + 1), 5, "int32")
    with pytest.raises(ValueError, match="`inputs` must have at most `sequence_length` positions"):
        encoder()(encoder_inputs(long))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TextVectorization needs TensorFlow")
@pytest.mark.parametrize(
    "make",
    [
        models.TransformerTranslator,
        pytest.param(models.RNNTranslator, marks=pytest.mark.slow),
    ],
)
def test_a_vocabulary_of_text_vectorization_trains(make):
    """Its padding is 0, its unknown 1, and start and end are words of the data."""
    from keras_attention.token_ids import SpecialIds
    from keras_attention.training import LabelSmoothedCrossEntropy

    keras.utils.set_random_seed(3)
    words = ["one", "two", "three", "four"]
    texts = [f"{a} {b}" for a in words for b in words]
    vectorize = keras.layers.TextVectorization(standardize=None, output_sequence_length=4)
    vectorize.adapt([*(f"[start] {text} [end]" for text in texts), *words * 40])
    vocabulary = vectorize.get_vocabulary()
    special = SpecialIds(
        padding=0,
        unknown=1,
        start=np.int64(vocabulary.index("[start]")),
        end=vocabulary.index("[end]"),
    )
    assert special.start > 3 and special.end > 3
    ids = np.asarray(vectorize([f"[start] {text} [end]" for text in texts]), "int32")
    sizes = dict(vocabulary_size=len(vocabulary), max_sequence_length=8, special_ids=special)
    if make is models.TransformerTranslator:
        model = make(**{**SIZES, **sizes, "hidden_dim": 32, "normalize_first": True})
    else:
        model = make.from_preset("small", units=24, embedding_dim=24, **sizes)
    model.compile(keras.optimizers.Adam(0.01), LabelSmoothedCrossEntropy(0.0))
    x = {"encoder_token_ids": ids[:, 1:], "decoder_token_ids": ids[:, :-1]}
    history = model.fit(x, ids[:, 1:], epochs=150, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]
    found = to_numpy(model.generate(ids[:, 1:], max_length=3)["token_ids"])
    np.testing.assert_array_equal(found, ids[:, 1:])
    again = type(model).from_config(model.get_config())
    assert again.special_ids == special


def test_layers_take_no_negative_id():
    layer = layers.TokenAndPositionEmbedding(V, LENGTH, 8)
    positions = layers.PositionEmbedding(LENGTH)
    calls = [
        lambda: layer(np.array([[3, -1]])),
        lambda: layer(np.array([-1])),
        lambda: positions(np.zeros((1, 2, 8), "float32"), positions=np.array([0, -1])),
        lambda: positions(np.zeros((1, 2, 8), "float32"), start_index=-1),
    ]
    for call in calls:
        if BACKEND == "tensorflow":
            with pytest.raises(Exception, match="is not in"):
                call()
        else:
            assert np.isnan(to_numpy(call())).any()
