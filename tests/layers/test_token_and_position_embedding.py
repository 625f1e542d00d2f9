import keras
import numpy as np
import pytest

from keras_attention.layers import (
    AdditiveAttention,
    MultiHeadAttention,
    PositionEmbedding,
    SinusoidalPositionEncoding,
    TokenAndPositionEmbedding,
    TransformerDecoder,
    TransformerEncoder,
)
from keras_attention.masks import implicit_mask
from tests.backend import BACKEND, to_numpy

TOKENS = np.array([[1, 4, 0], [2, 2, 3]], "int32")


def test_scaled_tokens_plus_sinusoids():
    layer = TokenAndPositionEmbedding(5, 9, 4, positions="sinusoidal", scale=True)
    found = to_numpy(layer(TOKENS, start_index=2))
    (table,) = layer.get_weights()
    positions = to_numpy(SinusoidalPositionEncoding()(np.zeros((2, 3, 4)), start_index=2))
    np.testing.assert_allclose(found, table[TOKENS] * 2.0 + positions, atol=1e-6)  # sqrt(4)


def test_tokens_plus_learned_positions():
    layer = TokenAndPositionEmbedding(5, 9, 4)
    found = to_numpy(layer(TOKENS))
    table, positions = layer.get_weights()
    np.testing.assert_allclose(found, table[TOKENS] + positions[:3], atol=1e-6)
    assert isinstance(layer.position_layer, PositionEmbedding)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
def test_one_token_of_each_sequence_needs_no_axis(positions):
    layer = TokenAndPositionEmbedding(5, 9, 4, positions=positions, scale=True)
    expected = to_numpy(layer(TOKENS[:, :1], start_index=3))
    found = to_numpy(layer(TOKENS[:, 0], start_index=3))
    np.testing.assert_allclose(found, expected[:, 0], atol=1e-6)
    logits = to_numpy(layer(found, reverse=True))
    np.testing.assert_allclose(logits, to_numpy(layer(expected, reverse=True))[:, 0], atol=1e-6)


def test_the_output_projection_is_the_embedding_matrix_or_one_of_its_own():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    tied = TokenAndPositionEmbedding(5, 9, 4, positions="sinusoidal")
    tied(TOKENS)
    np.testing.assert_allclose(
        to_numpy(tied(x, reverse=True)), x @ tied.get_weights()[0].T, atol=1e-6
    )
    untied = TokenAndPositionEmbedding(5, 9, 4, positions="sinusoidal", tie_weights=False)
    untied(TOKENS)
    table, kernel = untied.get_weights()
    assert table.shape == (5, 4)
    assert kernel.shape == (4, 5)
    np.testing.assert_allclose(to_numpy(untied(x, reverse=True)), x @ kernel, atol=1e-6)


def test_what_is_out_of_range_is_refused():
    for name in ("vocabulary_size", "sequence_length", "embedding_dim"):
        sizes = dict(vocabulary_size=5, sequence_length=9, embedding_dim=4) | {name: -1}
        with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
            TokenAndPositionEmbedding(**sizes)
    with pytest.raises(ValueError, match="`positions` must be one of.*Received: positions='none'"):
        TokenAndPositionEmbedding(5, 9, 4, positions="none")


WORDS = np.array([[257, 301, 999], [2, 0, 0]])


@pytest.mark.parametrize("kind", ["int32", "int64", "uint16", "float32", "float64", "float16"])
def test_ids_of_any_type_are_ids(kind):
    layer = TokenAndPositionEmbedding(1000, 9, 4, dtype="mixed_bfloat16", mask_zero=True)
    expected, found = layer(WORDS), layer(WORDS.astype(kind))
    np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))
    np.testing.assert_array_equal(to_numpy(implicit_mask(found)), WORDS != 0)
    stock = keras.layers.Embedding(1000, 4, dtype="mixed_bfloat16", mask_zero=True)
    np.testing.assert_array_equal(to_numpy(stock(WORDS.astype(kind))), to_numpy(stock(WORDS)))


def test_a_model_whose_ids_are_floats_by_default_keeps_the_mask():
    """`keras.Sequential` and `keras.Input` take float32 unless told otherwise."""
    embedding = TokenAndPositionEmbedding(1000, 9, 6, mask_zero=True)
    stack = keras.Sequential(
        [embedding, TransformerEncoder(8, 2), keras.layers.GlobalAveragePooling1D()]
    )
    inputs = keras.Input((3,))
    assert inputs.dtype == "float32"
    model = keras.Model(inputs, stack.layers[2](stack.layers[1](embedding(inputs))))
    for each in (stack, model):
        alone = to_numpy(each(np.array([[2]]))) if each is stack else to_numpy(each(WORDS[1:]))
        np.testing.assert_allclose(to_numpy(each(WORDS))[1:], alone, atol=1e-6)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("ending", ["h5", "keras", "clone"])
def test_a_functional_model_with_masks_is_saved_in_every_format(ending, tmp_path):
    """The mask is no operation of the graph, which .h5 files cannot hold."""
    ids = keras.Input((None,), dtype="int32")
    x = TokenAndPositionEmbedding(1000, 9, 6, mask_zero=True)(ids)
    y = keras.layers.Add()([x, PositionEmbedding(9)(x)])
    y = TransformerDecoder(8, 2)(TransformerEncoder(8, 2)(y), x)
    outputs = [
        keras.layers.GlobalAveragePooling1D()(MultiHeadAttention(2, 3)(y, x)),
        keras.layers.GlobalAveragePooling1D()(AdditiveAttention(4)(y, x)),
        keras.layers.LSTM(3)(y),
    ]
    model = keras.Model(ids, outputs)
    if ending == "clone":
        again = keras.models.clone_model(model)
        again.set_weights(model.get_weights())
    else:
        model.save(tmp_path / f"model.{ending}")
        again = keras.models.load_model(tmp_path / f"model.{ending}")
    longer = np.pad(WORDS, ((0, 0), (0, 3)))  # padding changes nothing: the masks arrive
    for each, batch in ((again, WORDS), (again, longer), (model, longer)):
        for found, expected in zip(each(batch), model(WORDS), strict=True):
            np.testing.assert_allclose(to_numpy(found), to_numpy(expected), atol=1e-6)
    assert not [x for x in model.operations if not isinstance(x, keras.layers.Layer)]


def test_the_way_back_makes_no_mask_of_vectors():
    layer = TokenAndPositionEmbedding(5, 9, 3, mask_zero=True)
    vectors = layer(TOKENS)
    np.testing.assert_array_equal(
        to_numpy(implicit_mask(layer(vectors, reverse=True))), TOKENS != 0
    )
    zeros = np.zeros((2, 3), "float32")  # (B, D) of one token; as ids they would be padding
    assert implicit_mask(layer(zeros, reverse=True)) is None
    assert implicit_mask(layer(keras.Input((2, 3)), reverse=True)) is None
    with pytest.raises(ValueError, match="`inputs` must be .* D must be equal to the D, 3, of the"):
        layer(np.zeros((2, 3, 4)), reverse=True)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX has no 64 bits by default, and no errors")
@pytest.mark.parametrize(
    "ids",
    [np.array([2**32 + 3]), np.array([-(2**32) + 3]), np.array([1e10]), np.array([np.nan])],
    ids=["above", "below", "float", "nan"],
)
def test_an_id_that_int32_cannot_hold_is_out_of_range(ids):
    import tensorflow as tf

    layer = TokenAndPositionEmbedding(5, 9, 4)
    layer.build((None, None))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 5 is not in \[0, 5\)"):
        layer(ids[None])


def test_no_sinusoidal_position_is_below_0():
    for start in (-1, -3):
        with pytest.raises(ValueError, match="`start_index` must be an integer of at least 0"):
            SinusoidalPositionEncoding()(np.zeros((2, 3, 4)), start_index=start)
        with pytest.raises(ValueError, match="`start_index` must be an integer of at least 0"):
            TokenAndPositionEmbedding(5, 9, 4, positions="sinusoidal")(TOKENS, start_index=start)


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_positions_of_every_token(kind):
    layer = TokenAndPositionEmbedding(5, 9, 4, positions=kind)
    row = np.array([3, 0, 8], "int32")
    rows = np.stack([row, row[::-1]])
    table = to_numpy(layer(np.arange(5, dtype="int32")) - layer.position_layer(np.zeros((4,))))
    places = to_numpy(layer.position_layer(np.zeros((9, 4))))
    for given in (row, row[None], rows):
        expected = table[TOKENS] + places[given]
        np.testing.assert_allclose(to_numpy(layer(TOKENS, positions=given)), expected, atol=1e-5)
    inputs = [keras.Input((3,), dtype="int32") for _ in range(2)]
    model = keras.Model(inputs, layer(inputs[0], positions=inputs[1]))
    np.testing.assert_allclose(to_numpy(model([TOKENS, rows])), expected, atol=1e-5)
    with pytest.raises(ValueError, match="`positions` must be one for each token"):
        layer(TOKENS, positions=np.zeros((4,), "int32"))
