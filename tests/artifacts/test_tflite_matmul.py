"""Products without reshapes, of separate parts, with their scales in them: the same numbers."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.artifacts.tflite_matmul import simplify_matmuls
from keras_attention.graph.matmul import flatten, linear, unflatten
from keras_attention.layers import FeedForward, TransformerEncoder
from tests.artifacts.converted import converted, names, operators, require_same

D = 24


def weights(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(0, 0.5, shape).astype("float32"))


def product():
    kernel, bias = weights(D, 16), weights(16, seed=1)
    return lambda x: linear(x, kernel, "float32", bias)


def feed_forward():
    layer = FeedForward(40, activation="gelu", bias_initializer="random_normal")
    layer.build((None, None, D))
    return layer


def parts():
    """Of three sizes, each read by another operator."""
    kernel, bias = weights(D, 20), weights(20, seed=1)

    def function(x):
        first, second, third = tf.split(linear(x, kernel, "float32", bias), [3, 6, 11], axis=-1)
        sums = [tf.reduce_sum(part, -1, keepdims=True) for part in (first, second)]
        return sums[0] * tf.tanh(sums[1]) + tf.nn.relu(third)

    return function


def parts_of_rows():
    """A split of another axis than the columns stays."""
    kernel = weights(D, 3)

    def function(x):
        first, second = tf.split(linear(x[:, :5], kernel, "float32"), [1, 4], axis=1)
        return tf.tanh(first) + second

    return function


def scaled_heads():
    kernel, bias = weights(D, 12), weights(12, seed=1)

    def function(x):
        heads = tf.reshape(linear(x, kernel, "float32", bias), (-1, tf.shape(x)[1], 3, 4))
        return tf.transpose(heads * 0.3, (0, 2, 1, 3))

    return function


def scaled_after_relu():
    """What is scaled is not the product."""
    kernel = weights(D, 12)
    return lambda x: tf.tanh(tf.nn.relu(linear(x, kernel, "float32")) * -0.3)


def read_twice():
    """The product is read without its scale, and without its parts, too."""
    kernel = weights(D, 12)

    def function(x):
        y = linear(x, kernel, "float32")
        first, second = tf.split(y, [5, 7], axis=-1)
        return tf.concat([y, y * 0.3, tf.tanh(first), tf.nn.relu(second)], axis=-1)

    return function


def tied():
    """The matrix is read by two products: both keep it."""
    kernel = weights(D, D)
    return lambda x: linear(tf.tanh(linear(x, kernel, "float32")) + x, kernel, "float32") * 0.3


def other_length():
    """The rows of one tensor in the shape of another."""
    kernel = weights(D, 6)

    def function(x):
        rows = tf.matmul(flatten(tf.transpose(x, (1, 0, 2))), kernel)
        return tf.tanh(unflatten(rows, x))

    return function


def other_width():
    """The rows' columns become rows too."""
    kernel = weights(D, 12)
    return lambda x: tf.tanh(tf.reshape(tf.matmul(flatten(x), kernel), (-1, tf.shape(x)[1], 4)))


def rows_are_read_too():
    """What is flattened goes elsewhere as well."""
    kernel = weights(D, D)

    def function(x):
        rows = flatten(x)
        return tf.tanh(unflatten(tf.matmul(rows, kernel), x)) + tf.reduce_mean(rows * rows)

    return function


def in_a_loop():
    kernel, bias = weights(D, D), weights(D, seed=1)

    def step(i, x):
        return i + 1, tf.ensure_shape(x + tf.tanh(linear(x, kernel, "float32", bias)), x.shape)

    return lambda x: tf.while_loop(lambda i, x: i < 3, step, (0, x))[1]


def encoder():
    """With heads of a width whose root is no power of two."""
    layer = TransformerEncoder(40, 2, activation="gelu", bias_initializer="random_normal")
    layer.build((None, None, D))
    return lambda x: layer(x, padding_mask=x[:, :, 0] > -1)


@pytest.mark.parametrize(
    "make, gone",
    [
        (product, {"RESHAPE": 2}),
        (feed_forward, {"RESHAPE": 2}),
        (parts, {"RESHAPE": 2, "SPLIT_V": 1, "FULLY_CONNECTED": -2}),
        (parts_of_rows, {"RESHAPE": 2}),
        (scaled_heads, {"MUL": 1}),
        (scaled_after_relu, {"RESHAPE": 2}),
        (read_twice, {"RESHAPE": 2}),
        (tied, {"RESHAPE": 4}),
        (other_length, {}),
        (other_width, {}),
        (rows_are_read_too, {"RESHAPE": 1}),
        (in_a_loop, {"RESHAPE": 2}),
        (encoder, {"RESHAPE": 6, "SPLIT_V": 1, "FULLY_CONNECTED": -2, "MUL": 1}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_same_numbers_from_fewer_operators(make, gone):
    function, data = converted(make, None, None, D)
    simpler = simplify_matmuls(data)
    before, after = (collections.Counter(operators(d)) for d in (data, simpler))
    before.subtract(after)
    sizes = ("SHAPE", "STRIDED_SLICE", "PACK")  # whose results nothing reads any more
    assert {k: v for k, v in before.items() if v and k not in sizes} == gone
    assert all(before[name] >= 0 for name in sizes)
    # Some readers tell tensors apart by their names.
    assert all(len(set(found)) == len(found) for found in names(simpler))
    assert len(simpler) < len(data) + 2000  # no matrix stands there twice
    random = np.random.default_rng(2)
    for shape in ((3, 7, D), (1, 1, D), (2, 5, D)):
        if make is parts_of_rows and shape[1] < 5:
            continue
        x = random.normal(0, 1, shape).astype("float32")
        require_same(function, x, data, simpler)


def test_a_file_without_products_stays_what_it_is():
    _, data = converted(lambda: keras.activations.relu, None, D)
    assert operators(simplify_matmuls(data)) == operators(data)
