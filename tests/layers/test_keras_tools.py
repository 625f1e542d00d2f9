"""What Keras' tools do with any layer: clone, export, save as .h5, wrap, quantize."""

import json
import warnings

import keras
import numpy as np
import pytest

from keras_attention import layers
from keras_attention.layers import (
    AdditiveAttention,
    BaseAttention,
    BlockSparseAttention,
    BlockSparseEncoder,
    Dropout,
    FeedForward,
    GatedFeedForward,
    GNMTDecoder,
    GPTDecoder,
    GroupedQueryAttention,
    LlamaDecoder,
    MaskedLMHead,
    Maxout,
    MultiHeadAttention,
    MultiplicativeAttention,
    PositionEmbedding,
    RecurrentDecoder,
    RecurrentEncoder,
    RNNSearchDecoder,
    RotaryEmbedding,
    SinusoidalPositionEncoding,
    TokenAndPositionEmbedding,
    TransformerBlock,
    TransformerDecoder,
    TransformerEncoder,
)
from keras_attention.models import BertEncoder, MaskedLM, RNNTranslator, TransformerTranslator
from keras_attention.training import (
    InverseSquareRootSchedule,
    LabelSmoothedCrossEntropy,
    NoamSchedule,
    TokenAccuracy,
    WarmupLinearSchedule,
)
from tests.backend import BACKEND, to_numpy

NUMPY = np.int64


def of_one_input(number=int):
    """Layers (..., T, 6) -> (..., T, width), by name, made with numbers of that kind."""
    return {
        "feed_forward": FeedForward(number(5), output_dim=number(4), seed=number(1)),
        "maxout": Maxout(number(3), pool_size=number(2)),
        "positions": PositionEmbedding(number(9)),
        "sinusoidal": SinusoidalPositionEncoding(),
        "encoder": TransformerEncoder(number(7), num_heads=number(2)),
        "block_sparse": BlockSparseAttention(
            number(2), number(3), block_size=number(2), max_sequence_length=number(9)
        ),
        "block_sparse_encoder": BlockSparseEncoder(
            number(7), number(2), block_size=number(2), plan_seed=number(1)
        ),
        "dropout": Dropout(0.5),
        "gated": GatedFeedForward(number(5), output_dim=number(4), seed=number(1)),
        "rotary": RotaryEmbedding(number(50), {"rope_type": "linear", "factor": number(2)}),
        "grouped": GroupedQueryAttention(number(4), number(2), num_key_value_heads=number(2)),
        "gpt": GPTDecoder(number(7), number(2), sliding_window=number(3)),
        "llama": LlamaDecoder(
            number(7), number(3), number(1), rotary_embedding=RotaryEmbedding(number(50))
        ),
    }


def of_two_inputs(number=int):
    """Layers (B, T, 6), (B, S, 6) -> (B, T, width)."""
    return {
        "additive": AdditiveAttention(number(5), chunk_size=number(2)),
        "multiplicative": MultiplicativeAttention("concat", units=number(4), window=number(3)),
        "multi_head": MultiHeadAttention(number(2), key_dim=number(3), output_dim=number(5)),
        "decoder": TransformerDecoder(number(7), num_heads=number(3)),
        "recurrent": RecurrentDecoder(keras.layers.GRUCell(4), attention=AdditiveAttention(3)),
    }


def make_model(number=int):
    """A functional model of all layers; its inputs are ids (B, T) and vectors (B, S, 6)."""
    keras.utils.set_random_seed(1)
    ids, source = keras.Input((None,), dtype="int32"), keras.Input((None, 6))
    embedding = TokenAndPositionEmbedding(number(11), number(9), number(6), name="embedding")
    x = embedding(ids)
    outputs = {name: layer(x) for name, layer in of_one_input(number).items()}
    outputs |= {name: layer(x, source) for name, layer in of_two_inputs(number).items()}
    annotations, summary = RecurrentEncoder(number(4), num_layers=number(2))(x)
    outputs |= {"annotations": annotations, "summary": summary}
    return keras.Model([ids, source], outputs)


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    return random.integers(1, 11, (2, 5)).astype("int32"), random.normal(size=(2, 3, 6)).astype("f")


def assert_equal(found, expected):
    assert sorted(found) == sorted(expected)
    for name in expected:
        np.testing.assert_allclose(
            to_numpy(found[name]), to_numpy(expected[name]), atol=1e-5, err_msg=name
        )


def test_clone_model(model, data):
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_equal(clone(data), model(data))


def test_numbers_of_numpy_in_losses_and_schedules():
    for made in (
        LabelSmoothedCrossEntropy(np.float32(0.5), ignore_class=NUMPY(-1)),
        TokenAccuracy(ignore_class=NUMPY(3)),
        NoamSchedule(NUMPY(8), NUMPY(5)),
        InverseSquareRootSchedule(0.5, warmup_steps=NUMPY(5)),
        WarmupLinearSchedule(np.float32(0.5), NUMPY(2), NUMPY(5)),
    ):
        assert json.dumps(made.get_config())


def test_numbers_of_numpy(model, data):
    made = make_model(NUMPY)
    assert [w.shape for w in made.weights] == [w.shape for w in model.weights]
    assert made.to_json()
    assert_equal(made(data), model(data))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a SavedModel")
@pytest.mark.parametrize(
    "names",
    [
        ("additive", "block_sparse", "encoder", "llama", "recurrent"),
        pytest.param(None, marks=pytest.mark.slow),  # all of them take half a minute
    ],
)
def test_export(model, data, tmp_path, names):
    import tensorflow as tf

    model = keras.Model(model.inputs, {name: model.output[name] for name in names or model.output})
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    assert_equal(exported.serve(list(data)), model(data))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_h5(model, data, tmp_path):
    model.save(tmp_path / "model.h5")
    assert_equal(keras.models.load_model(tmp_path / "model.h5", compile=False)(data), model(data))


# Names alone: to make a layer runs an operation, which no module of tests may do.
ONE_INPUT = (
    *("block_sparse", "block_sparse_encoder", "dropout", "encoder", "feed_forward", "gated"),
    *("gpt", "grouped", "llama", "maxout", "positions", "rotary", "sinusoidal"),
)


def test_all_of_one_input_are_named():
    assert sorted(of_one_input()) == list(ONE_INPUT)


@pytest.mark.parametrize("name", ONE_INPUT)
def test_time_distributed(name):
    layer = of_one_input()[name]
    x = np.random.default_rng(1).normal(size=(2, 3, 5, 6)).astype("float32")
    found = keras.layers.TimeDistributed(layer)(x)
    for index in range(3):
        np.testing.assert_allclose(to_numpy(found)[:, index], to_numpy(layer(x[:, index])), 1e-5)


@pytest.mark.parametrize("name", ["additive", "multiplicative"])
@pytest.mark.parametrize("with_key", [False, True])
def test_the_call_form_of_keras(name, with_key):
    layer = of_two_inputs()[name]
    random = np.random.default_rng(2)
    query, value, key = (random.normal(size=(2, n, 6)).astype("f") for n in (4, 5, 5))
    masks = {"query_mask": np.array([[1, 1, 1, 0]] * 2, "bool"), "value_mask": None}
    masks["value_mask"] = np.array([[1, 1, 0, 0, 0], [1] * 5], "bool")
    inputs = [query, value, key][: 2 + with_key]
    expected = layer(*inputs, **masks, return_attention_scores=True)
    found = layer(inputs, mask=[*masks.values()], return_attention_scores=True)
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(to_numpy(left), to_numpy(right))
    symbolic = [keras.Input(array.shape[1:]) for array in inputs]
    model = keras.Model(symbolic, layer(symbolic))
    np.testing.assert_allclose(to_numpy(model(inputs)), to_numpy(layer(*inputs)), atol=1e-6)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(to_numpy(again(inputs)), to_numpy(model(inputs)), atol=1e-6)


def test_the_call_form_of_keras_with_wrong_lists():
    x = np.zeros((2, 3, 6), "float32")
    with pytest.raises(ValueError, match=r"`query` must be a tensor, \[query, value\] or"):
        AdditiveAttention(4)([x])
    with pytest.raises(ValueError, match="`value` must be in the list or after it, not both"):
        AdditiveAttention(4)([x, x], x)


def of_other_inputs():
    """The layers that `of_one_input` and `of_two_inputs` lack."""
    cells = [keras.layers.LSTMCell(4) for _ in range(3)]
    return {
        "recurrent_encoder": RecurrentEncoder(4),
        "rnn_search": RNNSearchDecoder(keras.layers.GRUCell(4), AdditiveAttention(3)),
        "gnmt": GNMTDecoder(cells, AdditiveAttention(3)),
        "embedding": TokenAndPositionEmbedding(9, 9, 9),
        "head": MaskedLMHead(vocabulary_size=9),
    }


EVERY = {
    *("additive", "block_sparse", "block_sparse_encoder"),
    *("decoder", "dropout", "embedding", "encoder", "feed_forward", "gated", "gnmt", "gpt"),
    *("grouped", "head", "llama", "rotary"),
    *("maxout", "multi_head", "multiplicative", "positions", "recurrent", "recurrent_encoder"),
    *("rnn_search", "sinusoidal"),
}


def every_layer():
    return {**of_one_input(), **of_two_inputs(), **of_other_inputs()}


def test_every_layer_is_named():
    found = every_layer()
    assert set(found) == EVERY
    public = {x for x in vars(layers).values() if isinstance(x, type)}
    public = {
        x
        for x in public
        if issubclass(x, keras.layers.Layer) and x not in (BaseAttention, TransformerBlock)
    }
    assert public == {type(layer) for layer in found.values()}


@pytest.mark.parametrize("name", sorted(EVERY))
def test_bidirectional_is_refused(name):
    with pytest.raises(ValueError, match=r"^keras.layers.Bidirectional cannot wrap \w+: of these"):
        keras.layers.Bidirectional(every_layer()[name])


SEVERAL = ("additive", "multiplicative", "recurrent", "rnn_search", "gnmt", "recurrent_encoder")


@pytest.mark.parametrize("name", SEVERAL)
def test_time_distributed_is_refused_where_one_input_or_output_is_not_all(name):
    for x in (np.zeros((2, 3, 5, 6), "float32"), keras.Input((3, 5, 6)), keras.Input((None, 5, 6))):
        layer = every_layer()[name]
        with pytest.raises(
            ValueError, match=r"keras.layers.TimeDistributed.* cannot wrap"
        ) as error:
            keras.layers.TimeDistributed(layer)(x)
        assert type(layer).__name__ in str(error.value)


ONE_OF_EACH = {
    "encoder": lambda: TransformerEncoder(7, num_heads=2),
    "multi_head": lambda: MultiHeadAttention(2, key_dim=3),
    "decoder": lambda: TransformerDecoder(7, num_heads=3),
    "stock": lambda: keras.layers.LSTM(4, return_sequences=True),
}


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize("length", [3, None])
def test_time_distributed_hands_over_the_mask(name, length):
    if BACKEND != "tensorflow" and length is None:
        pytest.skip("shapes are static on JAX")
    ids = np.random.default_rng(4).integers(1, 9, (2, 3, 5))
    ids[0, 1, 3:], ids[1, 0, 2:] = 0, 0
    embedding, layer = keras.layers.Embedding(9, 6, mask_zero=True), ONE_OF_EACH[name]()
    inputs = keras.Input((length, 5), dtype="int32")
    model = keras.Model(inputs, keras.layers.TimeDistributed(layer)(embedding(inputs)))
    found = to_numpy(model(ids))
    for index in range(3):
        expected = to_numpy(layer(embedding(ids[:, index])))
        seen = ids[:, index] != 0
        np.testing.assert_allclose(found[:, index][seen], expected[seen], atol=1e-5)


def tied_model(nested=False):
    inputs = keras.Input((None,), dtype="int32")
    embedding = TokenAndPositionEmbedding(11, 9, 6, name="embedding")
    encoder = keras.Sequential([keras.Input((None,), dtype="int32"), embedding, FeedForward(8)])
    x = encoder(inputs) if nested else TransformerEncoder(8, 2)(embedding(inputs))
    return keras.Model(inputs, MaskedLMHead(embedding, name="head")(x))


def through_keras(model, path):
    model.save(path / "model.keras")
    return keras.models.load_model(path / "model.keras")


def through_h5(model, path):
    model.save(path / "model.h5")
    return keras.models.load_model(path / "model.h5", compile=False)


COPIES = {
    "from_config": lambda model, path: type(model).from_config(model.get_config()),
    "clone_model": lambda model, path: keras.models.clone_model(model),
    "json": lambda model, path: keras.models.model_from_json(model.to_json()),
    "keras": through_keras,
    "h5": through_h5,
}


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_of_a_functional_model_keeps_a_head_tied(how, nested, tmp_path):
    model = tied_model(nested)
    copy = COPIES[how](model, tmp_path)
    assert copy.count_params() == model.count_params()
    assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
    again = COPIES[how](copy, tmp_path)  # a copy of a copy
    for each in (copy, again):
        each.set_weights(model.get_weights())
        ids = np.array([[1, 4, 7]])
        np.testing.assert_allclose(to_numpy(each(ids)), to_numpy(model(ids)), atol=1e-6)
        inner = each.layers[1] if nested else each
        assert each.get_layer("head").embedding is inner.get_layer("embedding")


def test_a_head_without_its_embedding_says_so():
    embedding = TokenAndPositionEmbedding(11, 9, 6, name="embedding")
    head = MaskedLMHead.from_config(MaskedLMHead(embedding, name="head").get_config())
    with pytest.warns(UserWarning, match="of 'head' is a matrix of its own: .* named 'embedding'"):
        head(keras.Input((None, 6)))
    assert head.embedding is not embedding


def test_quantize_leaves_no_layer_half_quantized(model, data):
    before, weights = model(data), model.get_weights()
    dense = keras.layers.Dense(3)
    outer = keras.Model(model.inputs, [*model.outputs, dense(model.outputs[0])])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outer.quantize("int8")
    assert dense.quantization_mode == "int8"
    said = " ".join(str(warning.message) for warning in caught)
    refused = {**of_one_input(), **of_two_inputs(), "embedding": TokenAndPositionEmbedding(9, 9, 9)}
    for layer in [*refused.values(), RecurrentEncoder(3)]:
        if not isinstance(layer, (Dropout, SinusoidalPositionEncoding)):
            assert f"leaves the weights of {type(layer).__name__} as they are" in said
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert_equal(model(data), before)


def test_quantize_is_refused_by_layers_and_models():
    layer = AdditiveAttention(4)
    layer.build((None, None, 3), (None, None, 3))
    with pytest.raises(NotImplementedError, match="leaves the weights of AdditiveAttention as"):
        layer.quantize("int8")
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12)
    model = TransformerTranslator(vocabulary_size=NUMPY(11), **sizes)
    with pytest.raises(
        NotImplementedError, match="weights of TransformerTranslator .*precision='i"
    ):
        model.quantize("int8")
    with pytest.raises(ValueError, match="`dtype` must be a policy that does not quantize. Rec"):
        AdditiveAttention(4, dtype="int8_from_float32")


def test_a_copy_ties_the_head_of_a_masked_language_model():
    sizes = dict(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12)
    model = MaskedLM(BertEncoder(11, **sizes, max_sequence_length=5))
    clone = MaskedLM.from_config(model.get_config())  # `clone_model` makes layers one by one
    assert len(clone.weights) == len(model.weights)
    clone.set_weights(model.get_weights())
    ids = np.array([[1, 4, 7]])
    inputs = {name: np.zeros_like(ids) for name in clone.input}
    inputs |= {"token_ids": ids, "padding_mask": np.ones_like(ids)}
    inputs = {name: inputs[name] for name in clone.input}
    np.testing.assert_allclose(to_numpy(clone(inputs)), to_numpy(model(inputs)), atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a SavedModel")
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_model_is_cloned_and_exported(tmp_path):
    import tensorflow as tf

    model = RNNTranslator.from_preset("small", vocabulary_size=11)
    names = ("encoder_token_ids", "decoder_token_ids")
    inputs = {name: np.random.default_rng(3).integers(1, 11, (2, 4)) for name in names}
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone(inputs), model(inputs), atol=1e-6)
    model.save(tmp_path / "model.h5")
    with pytest.raises(ValueError, match="Unknown layer: 'RNNTranslator'. Please ensure you are"):
        keras.models.load_model(tmp_path / "model.h5")  # this format has no names of packages
    named = {"RNNTranslator": RNNTranslator}
    loaded = keras.models.load_model(tmp_path / "model.h5", custom_objects=named)
    assert type(loaded) is RNNTranslator
    np.testing.assert_allclose(loaded(inputs), model(inputs), atol=1e-6)
    model.export(tmp_path / "exported", verbose=False)
    arguments = {name: tf.constant(ids, "int32") for name, ids in inputs.items()}
    exported = tf.saved_model.load(tmp_path / "exported")
    (served,) = tf.nest.flatten(exported.serve(arguments))
    np.testing.assert_allclose(served, model(inputs), atol=1e-5)
