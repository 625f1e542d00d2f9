"""GELU in its two published forms (Hendrycks & Gimpel 2016), and activations by name.

Both forms are written so that TFLite has one operator for them and ONNX standard ones.
"""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_attention")
def exact_gelu(inputs):
    """x P(X <= x) for a standard normal X: x (1 + erf(x / sqrt(2))) / 2.

    By `ops.erf`: the stock function takes `erfc` on TensorFlow, which ONNX does not have.

    >>> exact_gelu(np.array([1.0], "float32"))  # [0.8413447]
    """
    inputs = ops.convert_to_tensor(inputs)
    return 0.5 * inputs * (1.0 + ops.erf(inputs * math.sqrt(0.5)))


@keras.saving.register_keras_serializable(package="keras_attention")
def tanh_gelu(inputs):
    """The approximation by tanh, in Google's BERT: at most 4.73e-4 from the exact form.

    >>> tanh_gelu(np.array([1.0], "float32"))  # [0.841192]
    """
    return keras.activations.gelu(inputs, approximate=True)


# The names are those of HuggingFace, whose "gelu" is the exact form as Keras' is.
GELUS = {"gelu": exact_gelu, "gelu_new": tanh_gelu}


def get(identifier):
    """The activation function that `identifier` names or is; None is the identity.

    Args:
        identifier: "gelu" (exact), "gelu_new" (by tanh), or whatever `keras.activations.get` takes.
    """
    if isinstance(identifier, str) and identifier in GELUS:
        return GELUS[identifier]
    return keras.activations.get(identifier)


def serialize(activation):
    """What `get` makes `activation` of again, of JSON values."""
    for name, function in GELUS.items():
        if activation is function:
            return name
    return keras.activations.serialize(activation)
