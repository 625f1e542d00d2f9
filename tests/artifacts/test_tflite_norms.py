"""Layer normalisation with fewer operators: the same numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.artifacts.tflite_norms import simplify_norms
from tests.artifacts.converted import converted, operators, require_same

D = 24
TABLE = np.random.default_rng(0).normal(0, 0.3, (50, D)).astype("float32")


def norm():
    """A layer whose scale and shift are of no special value."""
    layer = keras.layers.LayerNormalization(epsilon=1e-5)
    layer.build((None, D))
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(1, 0.5, D), random.normal(0, 0.5, D)])
    return layer


def dense(bias):
    layer = keras.layers.Dense(9, use_bias=bias, bias_initializer="random_normal")
    layer.build((None, D))
    return layer


def product(bias):
    layers = norm(), dense(bias)
    return lambda x: layers[1](layers[0](x))


def two_products():
    layers = norm(), dense(True), dense(False)

    def function(x):
        y = layers[0](x)
        return layers[1](y) + layers[2](y)

    return function


def product_and_residual():
    layers = norm(), dense(True)

    def function(x):
        y = layers[0](x)
        return tf.concat([layers[1](y), y], axis=1)

    return function


def tied_table():
    """The matrix is a table too, and stays one."""
    layer, table = norm(), tf.constant(TABLE)

    def function(x):
        rows = tf.gather(table, tf.cast(tf.abs(x[:, 0]), "int32"))
        return tf.matmul(layer(x + rows), table, transpose_b=True)

    return function


def in_a_loop():
    layers = norm(), keras.layers.Dense(D, bias_initializer="random_normal")
    layers[1].build((None, D))

    def function(x):
        return tf.while_loop(
            lambda i, x: i < 3, lambda i, x: (i + 1, x + layers[1](layers[0](x))), (0, x)
        )[1]

    return function


def part_is_read_too():
    """What looks like a norm until its end, but a part of it goes elsewhere."""
    gamma, beta = (tf.constant(x, "float32") for x in norm().get_weights())

    def function(x):
        mean = tf.reduce_mean(x, -1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), -1, keepdims=True)
        scale = tf.math.rsqrt(variance + 1e-5) * gamma
        product, shift = x * scale, beta + -mean * scale
        return tf.concat([product + shift, product], axis=1)

    return function


def one_scale():
    """A norm whose scale and shift are single numbers."""
    layer = dense(True)

    def function(x):
        mean = tf.reduce_mean(x, -1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), -1, keepdims=True)
        scale = tf.math.rsqrt(variance + 1e-5) * 1.3
        return layer(x * scale + (0.7 + -mean * scale))

    return function


@pytest.mark.parametrize(
    "make, fewer",
    [
        (lambda: product(False), 4),
        (lambda: product(True), 4),
        (two_products, 4),
        (product_and_residual, 2),
        (tied_table, 2),
        (in_a_loop, 4),
        (part_is_read_too, 0),
        (one_scale, 2),
    ],
    ids=[
        "product",
        "bias",
        "two products",
        "product and residual",
        "tied table",
        "loop",
        "part is read too",
        "one scale",
    ],
)
def test_the_same_numbers_from_fewer_operators(make, fewer):
    function, data = converted(make, None, D)
    simpler = simplify_norms(data)
    assert len(operators(data)) - len(operators(simpler)) == fewer
    x = np.random.default_rng(2).normal(3, 2, (5, D)).astype("float32")
    require_same(function, x, data, simpler)


def test_a_file_without_norms_stays_what_it_is():
    function, data = converted(lambda: tf.nn.relu, None, D)
    assert operators(simplify_norms(data)) == operators(data)
