"""The base class of this package's layers: how they answer what Keras' tools ask of any layer."""

import functools
import inspect

import keras

from keras_attention._validation import with_python_numbers
from keras_attention.keras_private import layers_within


def refuse_to_quantize(name, mode=None, type_check=True, config=None):
    """Stands in for `quantize`. `Model.quantize` of Keras makes a warning of the error."""
    raise NotImplementedError(
        f"`quantize` leaves the weights of {name} as they are: to store those of a model in int8, "
        "export it with keras_attention.export(..., precision='int8')."
    )


def _remembered(build):
    """`build`, after which the layer knows its widths, and none of its parts is quantized alone."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def build_and_remember(self, *args, **kwargs):
        try:
            given = signature.bind(self, *args, **kwargs).arguments
        except TypeError as error:
            if "missing a required" not in str(error):
                raise
            raise ValueError(
                f"{type(self).__name__} must be called with more than one input: {error}. "
                "keras.layers.TimeDistributed, which passes one, cannot wrap it."
            ) from None
        build(self, *args, **kwargs)
        for part in layers_within(self):
            part.quantize = functools.partial(refuse_to_quantize, type(self).__name__)
        shapes = {name: x for name, x in given.items() if isinstance(x, (list, tuple)) and len(x)}
        widths = {name.removesuffix("_shape"): shape[-1] for name, shape in shapes.items()}
        if self.weights:
            widths = {name: width for name, width in widths.items() if isinstance(width, int)}
            # A subclass may call the `build` of its base, under other names.
            self._built_widths = tuple({**dict(self._built_widths), **widths}.items())

    return build_and_remember


class Layer(keras.layers.Layer):
    """A `keras.layers.Layer` that takes NumPy's numbers, and says what it cannot do.

    - The arguments of `__init__` may be numbers of NumPy.
    - `quantize` is refused, for the layer and for its parts: a layer reads the weights of its parts
      and would take int8 for numbers. A dtype policy that quantizes is refused too.
    - `keras.layers.Bidirectional` is refused.
    - A layer with weights remembers the widths that it was built for: see `known_sizes`.
    """

    width_axes = {}  # name of a call argument -> of its last axis, if weights depend on its size
    _built_widths = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = with_python_numbers(cls.__init__)
        if "build" in vars(cls):
            cls.build = _remembered(cls.build)

    def __init__(self, **kwargs):
        refuse_bidirectional(type(self), kwargs)
        super().__init__(**kwargs)
        if self.dtype_policy.quantization_mode is not None:
            raise ValueError(
                "`dtype` must be a policy that does not quantize. "
                f"Received: dtype={self.dtype_policy.name!r}"
            )

    @classmethod
    def from_config(cls, config):
        refuse_bidirectional(cls, config)
        return super().from_config(config)

    def built_widths(self):
        """The widths of the call arguments that the layer's weights were built for, by name."""
        return dict(self._built_widths)

    def known_sizes(self):
        """The sizes that call arguments must have, by names of axes, for `require_shapes`."""
        widths = self.built_widths()
        return {axis: widths.get(name) for name, axis in self.width_axes.items()}

    def quantize(self, mode=None, type_check=True, config=None):
        refuse_to_quantize(type(self).__name__, mode)


def refuse_time_distributed(layer, reason):
    """Raises `ValueError` in a method that `keras.layers.TimeDistributed` called.

    It calls `call` and `compute_output_shape` of its layer itself, and tells the layer nothing.
    """
    caller = inspect.currentframe().f_back.f_back
    if isinstance(caller.f_locals.get("self"), keras.layers.TimeDistributed):
        raise ValueError(
            f"keras.layers.TimeDistributed cannot wrap {type(layer).__name__}: {reason}."
        )


def refuse_bidirectional(cls, options):
    """Raises `ValueError` if `options` hold what `keras.layers.Bidirectional` adds to a config."""
    # `keras.layers.Bidirectional` makes its layer anew, with this option.
    if "go_backwards" in options:
        raise ValueError(
            f"keras.layers.Bidirectional cannot wrap {cls.__name__}: of these layers "
            "RecurrentEncoder reads in both directions, and does so by itself "
            "(`bidirectional_layers`)."
        )
