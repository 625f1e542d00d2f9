"""The base class of this package's layers: how they answer what Keras' tools ask of any layer."""

import functools

import keras

from keras_attention._validation import with_python_numbers
from keras_attention.keras_private import layers_within


def refuse_to_quantize(name, mode=None, type_check=True, config=None):
    """Stands in for `quantize`. `Model.quantize` of Keras makes a warning of the error."""
    raise NotImplementedError(
        f"`quantize` leaves the weights of {name} as they are: to store those of a model in int8, "
        "export it with keras_attention.export(..., precision='int8')."
    )


def _holding_its_parts(build):
    """`build`, after which no part of the layer is quantized without the layer."""

    @functools.wraps(build)
    def build_and_hold(self, *args, **kwargs):
        build(self, *args, **kwargs)
        for part in layers_within(self):
            part.quantize = functools.partial(refuse_to_quantize, type(self).__name__)

    return build_and_hold


class Layer(keras.layers.Layer):
    """A `keras.layers.Layer` that takes NumPy's numbers, and says what it cannot do.

    - The arguments of `__init__` may be numbers of NumPy.
    - `quantize` is refused, for the layer and for its parts: a layer reads the weights of its parts
      and would take int8 for numbers. A dtype policy that quantizes is refused too.
    - `keras.layers.Bidirectional` is refused.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = with_python_numbers(cls.__init__)
        if "build" in vars(cls):
            cls.build = _holding_its_parts(cls.build)

    def __init__(self, **kwargs):
        _refuse_bidirectional(type(self), kwargs)
        super().__init__(**kwargs)
        if self.dtype_policy.quantization_mode is not None:
            raise ValueError(
                "`dtype` must be a policy that does not quantize. "
                f"Received: dtype={self.dtype_policy.name!r}"
            )

    @classmethod
    def from_config(cls, config):
        _refuse_bidirectional(cls, config)
        return super().from_config(config)

    def quantize(self, mode=None, type_check=True, config=None):
        refuse_to_quantize(type(self).__name__, mode)


def _refuse_bidirectional(cls, options):
    # `keras.layers.Bidirectional` makes its layer anew, with this option.
    if "go_backwards" in options:
        raise ValueError(
            f"keras.layers.Bidirectional cannot wrap {cls.__name__}: of these layers "
            "RecurrentEncoder reads in both directions, and does so by itself "
            "(`bidirectional_layers`)."
        )
