"""What the tests need of the backend: gradients and compilation, on TensorFlow and on JAX."""

import math
import re

import keras
import numpy as np
from keras import ops, tree

BACKEND = keras.backend.backend()


def examples(count):
    """How many examples a property is tried on: fewer on JAX, which compiles each shape anew."""
    return count if BACKEND == "tensorflow" else max(3, count // 10)


def to_numpy(structure):
    """Every tensor of a structure as a float32 or integer array."""

    def convert(tensor):
        tensor = ops.convert_to_tensor(tensor)
        if keras.backend.is_float_dtype(tensor.dtype):
            tensor = ops.cast(tensor, "float32")
        return np.asarray(ops.convert_to_numpy(tensor))

    return tree.map_structure(convert, structure)


def compiled(function, jit=True):
    """`function` as a graph (TensorFlow) or compiled (TensorFlow with `jit`, JAX)."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=jit, autograph=False)
    import jax

    return jax.jit(function)


def gradients(loss, weights):
    """The gradients of `loss()`, a scalar, with respect to Keras variables, as arrays."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss()
        found = tape.gradient(value, [weight.value for weight in weights])
        return [None if g is None else to_numpy(g) for g in found]
    import jax

    def of_values(values):
        with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
            return loss()

    return to_numpy(jax.grad(of_values)([weight.value for weight in weights]))


def largest_tensor(loss, weights):
    """The most elements of any tensor that the compiled gradient of `loss()` makes."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=True, autograph=False)
        def gradient():
            with tf.GradientTape() as tape:
                value = loss()
            return tape.gradient(value, [weight.value for weight in weights])

        text = gradient.experimental_get_compiler_ir()(stage="optimized_hlo")
    else:
        import jax

        def of_values(values):
            with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
                return loss()

        values = [weight.value for weight in weights]
        text = jax.jit(jax.grad(of_values)).lower(values).compile().as_text()
    shapes = re.findall(r"\b(?:f32|bf16|f16|s32|u32|pred|u8)\[([0-9,]+)\]", text)
    return max(math.prod(map(int, shape.split(","))) for shape in shapes)
