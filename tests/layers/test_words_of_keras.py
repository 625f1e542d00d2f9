"""Words of Keras and KerasHub for arguments: they mean the same here, or say what to do instead."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers
from tests.backend import BACKEND, to_numpy

B, T, S, P, D, V = 2, 5, 7, 3, 8, 11
RNG = np.random.default_rng(6)
X = RNG.normal(size=(B, T, D)).astype("float32")
MEMORY = RNG.normal(size=(B, S, D)).astype("float32")
IDS = np.array([[4, 7, 0, 9, 0], [1, 0, 0, 2, 3]])


IMPLICIT_MASKS = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="arrays of JAX take no attribute, so no mask travels on them"
)


def mask_of(tensor):
    from keras_attention.keras_private import mask_of

    mask = mask_of(tensor)
    return None if mask is None else to_numpy(mask)


def test_output_shape_is_output_dim():
    layer = layers.MultiHeadAttention(2, 4, output_shape=9)
    assert layer.output_dim == 9
    assert layer(X).shape == (B, T, 9)
    assert type(layer).from_config(layer.get_config()).output_dim == 9
    assert layers.MultiHeadAttention(2, 4, output_shape=None)(X).shape == (B, T, D)
    with pytest.raises(ValueError, match="`output_shape` must be a positive integer"):
        layers.MultiHeadAttention(2, 4, output_shape=(3, 4))
    with pytest.raises(ValueError, match="`output_shape` must be left out where `output_dim` is"):
        layers.MultiHeadAttention(2, 4, output_dim=9, output_shape=9)


@pytest.mark.parametrize("after", [None, "linear", keras.activations.linear])
def test_a_head_takes_the_config_of_kerashubs(after):
    head = layers.MaskedLMHead(
        vocabulary_size=V, intermediate_activation="relu", activation=after, layer_norm_epsilon=1e-5
    )
    assert head.activation is keras.activations.relu


def test_a_config_of_stock_attention_with_defaults_is_taken():
    stock = keras.layers.MultiHeadAttention(2, 4, value_dim=3, output_shape=9, sliding_window=2)
    config = {k: v for k, v in stock.get_config().items() if k not in ("query_shape", "key_shape")}
    ours = layers.MultiHeadAttention(**{k: v for k, v in config.items() if k != "dtype"})
    assert (ours.value_dim, ours.output_dim, ours.sliding_window) == (3, 9, 2)


def test_regularizers_and_constraints_of_kernels_and_biases():
    regularizer = keras.regularizers.L2(0.5)
    layer = layers.MultiHeadAttention(
        2,
        4,
        kernel_regularizer=regularizer,
        bias_regularizer=keras.regularizers.L1(0.25),
        kernel_constraint="non_neg",
        bias_constraint=keras.constraints.MaxNorm(0.1),
        bias_initializer="normal",
    )
    layer(X, MEMORY)
    kernels = [w for w in layer.trainable_weights if w.name.endswith("kernel")]
    biases = [w for w in layer.trainable_weights if w.name.endswith("bias")]
    assert len(kernels) == len(biases) == 3
    expected = sum(0.5 * np.square(to_numpy(w.value)).sum() for w in kernels)
    expected += sum(0.25 * np.abs(to_numpy(w.value)).sum() for w in biases)
    np.testing.assert_allclose(float(sum(layer.losses)), expected, rtol=1e-5)
    model = keras.Sequential(
        [
            keras.Input((T, D)),
            layers.MultiHeadAttention.from_config({**layer.get_config(), "name": "again"}),
        ]
    )
    model.compile(keras.optimizers.SGD(10.0), "mse", jit_compile=BACKEND == "jax")
    model.fit(X, X, verbose=0)
    for weight in model.trainable_weights:
        value = to_numpy(weight.value)
        if weight.name.endswith("kernel"):
            assert (value >= 0).all() and (value == 0).any()
        else:
            assert np.linalg.norm(value) <= 0.1 + 1e-6


def test_keys_may_be_of_another_width_than_values():
    keras.utils.set_random_seed(1)
    value, key = X[..., :6], X[..., :3]
    ours = layers.MultiHeadAttention(2, 4, bias_initializer="normal")
    found = ours(MEMORY, value, key)
    stock = keras.layers.MultiHeadAttention(2, 4)
    stock.build((None, None, D), (None, None, 6), (None, None, 3))
    weights = {w.name: to_numpy(w.value) for w in ours.weights}
    ordered = []
    for name, width in (("query", D), ("key", 3), ("value", 6)):
        ordered.append(weights[f"{name}_kernel"].reshape(width, 2, 4))
        ordered.append(weights[f"{name}_bias"].reshape(2, 4))
    stock.set_weights([*ordered, weights["output_kernel"].reshape(2, 4, D), weights["output_bias"]])
    np.testing.assert_allclose(to_numpy(found), to_numpy(stock(MEMORY, value, key)), atol=1e-5)
    with pytest.raises(ValueError, match="`key` must be given"):
        ours(MEMORY, value)


@pytest.mark.parametrize("built_on", ["itself", "value", "value and key"])
def test_a_key_of_its_own_gives_the_same_however_kernels_are_stored(built_on):
    keras.utils.set_random_seed(1)
    layer = layers.MultiHeadAttention(2, 4, bias_initializer="normal")
    shapes = {"itself": 1, "value": 2, "value and key": 3}[built_on]
    layer.build(*[(None, None, D)] * shapes)
    key = RNG.normal(size=(B, S, D)).astype("float32")
    same = layer(X, MEMORY, MEMORY)
    np.testing.assert_allclose(to_numpy(same), to_numpy(layer(X, MEMORY)), atol=1e-5)
    _, scores = layer(X, MEMORY, key, return_attention_scores=True)
    _, expected = layer(X, key, return_attention_scores=True)
    np.testing.assert_allclose(to_numpy(scores), to_numpy(expected), atol=1e-5)


@IMPLICIT_MASKS
def test_mask_zero_leaves_the_mask_that_stock_embeddings_leave():
    stock = keras.layers.Embedding(V, D, mask_zero=True)
    layer = layers.TokenAndPositionEmbedding(V, 6, D, mask_zero=True)
    np.testing.assert_array_equal(mask_of(layer(IDS)), mask_of(stock(IDS)))
    assert mask_of(layers.TokenAndPositionEmbedding(V, 6, D)(IDS)) is None
    # It arrives: the block sees what it sees with the mask as an argument.
    block = layers.TransformerEncoder(14, 2)
    inputs = keras.Input((T,), dtype="int32")
    model = keras.Model(inputs, block(layer(inputs)))
    expected = block(ops.copy(layer(IDS)), padding_mask=IDS != 0)
    found, expected = to_numpy(model(IDS)), to_numpy(expected)
    np.testing.assert_allclose(found[IDS != 0], expected[IDS != 0], atol=1e-5)
    assert mask_of(layer(layer(IDS), reverse=True)) is not None  # vectors keep the one they have


MASKED = [
    ("MultiHeadAttention", lambda x, v: layers.MultiHeadAttention(2, 4)(x, v)),
    ("AdditiveAttention", lambda x, v: layers.AdditiveAttention(4)(x, v)),
    ("MultiplicativeAttention", lambda x, v: layers.MultiplicativeAttention()(x, v)),
    ("TransformerEncoder", lambda x, v: layers.TransformerEncoder(8, 2)(x)),
    ("TransformerDecoder", lambda x, v: layers.TransformerDecoder(8, 2)(x, v)),
    ("RecurrentEncoder", lambda x, v: layers.RecurrentEncoder(4)(x)[0]),
    (
        "RecurrentDecoder",
        lambda x, v: layers.RecurrentDecoder(keras.layers.GRUCell(4), layers.AdditiveAttention(4))(
            x, v
        ),
    ),
    ("FeedForward", lambda x, v: layers.FeedForward(8)(x)),
    ("Maxout", lambda x, v: layers.Maxout(4)(x)),
    ("Dropout", lambda x, v: layers.Dropout(0.1)(x)),
    ("PositionEmbedding", lambda x, v: layers.PositionEmbedding(9)(x)),
    ("SinusoidalPositionEncoding", lambda x, v: layers.SinusoidalPositionEncoding()(x)),
    ("MaskedLMHead", lambda x, v: layers.MaskedLMHead(vocabulary_size=V)(x)),
]


@IMPLICIT_MASKS
@pytest.mark.parametrize("name, call", MASKED, ids=[name for name, _ in MASKED])
def test_no_layer_drops_a_mask(name, call):
    embedding = keras.layers.Embedding(V, D, mask_zero=True)
    np.testing.assert_array_equal(mask_of(call(embedding(IDS), embedding(IDS[:, :3]))), IDS != 0)
    x, value = (embedding(keras.Input((n,), dtype="int32")) for n in (T, 3))
    from keras_attention.keras_private import mask_of as symbolic_mask

    assert symbolic_mask(call(x, value)).shape == (None, T)


@IMPLICIT_MASKS
def test_a_mask_at_positions_goes_with_them():
    embedding = keras.layers.Embedding(V, D, mask_zero=True)
    head = layers.MaskedLMHead(vocabulary_size=V)
    positions = np.array([[0, 2, 3], [4, 1, 0]])
    expected = np.take_along_axis(IDS != 0, positions, axis=1)
    np.testing.assert_array_equal(mask_of(head(embedding(IDS), positions)), expected)


@IMPLICIT_MASKS
def test_the_mask_of_keys_counts():
    embedding = keras.layers.Embedding(V, D, mask_zero=True)
    layer = layers.AdditiveAttention(4)
    _, found = layer(X, MEMORY[:, :T], embedding(IDS), return_attention_scores=True)
    np.testing.assert_array_equal(to_numpy(found)[:, 0] > 0, IDS != 0)


@IMPLICIT_MASKS
def test_the_sum_of_a_layer_and_positions_keeps_the_mask_by_add():
    x = keras.layers.Embedding(V, D, mask_zero=True)(IDS)
    for layer in (layers.PositionEmbedding(9), layers.SinusoidalPositionEncoding()):
        np.testing.assert_array_equal(mask_of(keras.layers.Add()([x, layer(x)])), IDS != 0)


def test_one_initializer_for_both_tables():
    layer = layers.TokenAndPositionEmbedding(V, 6, D, embeddings_initializer="ones")
    np.testing.assert_array_equal(to_numpy(layer(IDS)), np.full((B, T, D), 2.0))
    seeded = keras.initializers.RandomNormal(seed=3)
    layer = layers.TokenAndPositionEmbedding(V, 6, D, embeddings_initializer=seeded)
    layer.build((None, None))
    tokens, positions = (to_numpy(w.value) for w in layer.weights)
    assert not np.isclose(tokens[:6], positions).any()  # one seed, and yet other numbers
    again = layers.TokenAndPositionEmbedding.from_config(layer.get_config())
    again.build((None, None))
    np.testing.assert_array_equal(to_numpy(again.weights[1].value), positions)


@pytest.mark.parametrize("kind", ["ours", "stock"])
def test_masked_lm_head_takes_the_words_of_keras_hub(kind):
    if kind == "ours":
        embedding = layers.TokenAndPositionEmbedding(V, 6, D)
    else:
        embedding = keras.layers.ReversibleEmbedding(V, D)
    head = layers.MaskedLMHead(
        vocabulary_size=V,
        token_embedding=embedding,
        intermediate_activation="relu",
        activation=None,
    )
    assert head(X, np.zeros((B, P), "int32")).shape == (B, P, V)
    assert len(head.trainable_weights) == len(embedding.trainable_weights) + 5
    assert head.activation is keras.activations.relu
    with pytest.raises(ValueError, match="`vocabulary_size` must be that of the embedding"):
        layers.MaskedLMHead(vocabulary_size=V + 1, token_embedding=embedding)


def test_masked_lm_head_without_an_embedding(tmp_path):
    x = keras.Input((None, D))
    model = keras.Model(x, layers.MaskedLMHead(vocabulary_size=V)(x))
    assert len(model.trainable_weights) == 6
    model.save(tmp_path / "head.keras")
    again = keras.saving.load_model(tmp_path / "head.keras")
    np.testing.assert_allclose(to_numpy(again(X)), to_numpy(model(X)), atol=1e-6)


def test_masked_lm_head_never_reads_another_row():
    head = layers.MaskedLMHead(vocabulary_size=V)
    ends = to_numpy(head(X, np.array([[0, T - 1]] * B)))
    found = to_numpy(head(X, np.array([[-1, T]] * B)))
    np.testing.assert_allclose(found, ends, atol=1e-6)
