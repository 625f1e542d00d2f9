"""The base class of this package's layers: how they answer what Keras' tools ask of any layer."""

import functools
import inspect

import keras
import numpy as np

from keras_attention._validation import require, with_python_numbers
from keras_attention.keras_private import AfterBuild, layers_within, made_trainable


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
        for name, shape in list(given.items())[1:2]:  # of `self` nothing
            if signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
                break  # a subclass that hands all on to the `build` of its base
            require(
                shape is None or (len(shape) and not isinstance(shape[-1], (list, tuple))),
                name.removesuffix("_shape"),
                "one tensor, whose last axis is its width",
                **{name.replace("_shape", ".shape"): shape},
            )
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


class Layer(AfterBuild, keras.layers.Layer):
    """A `keras.layers.Layer` that takes NumPy's numbers, and says what it cannot do.

    - The arguments of `__init__` may be numbers of NumPy.
    - `quantize` is refused, for the layer and for its parts: a layer reads the weights of its parts
      and would take int8 for numbers. A dtype policy that quantizes is refused too.
    - `keras.layers.Bidirectional` is refused.
    - A class that names kinds of weights in `weight_kinds`, such as "kernel", takes
      `kernel_regularizer` and `kernel_constraint`, and has both in its config.
    - A layer that has a counterpart, named in `stock_layer`, refuses that one's weights in
      `set_weights`, and says how they move: see `from_keras`.
    - A layer with weights remembers the widths that it was built for: see `known_sizes`.
    - A layer whose parts have adapters of LoRA (`AdaptedLayer`) says so in its config, as `lora`,
      and makes them anew when it is built.
    - A layer of which a part is frozen says so too, as `frozen`: what is loaded trains what was
      trained.
    """

    weight_kinds = ()
    stock_layer = None
    width_axes = {}  # name of a call argument -> of its last axis, if weights depend on its size
    takes_lora = False  # whether it is an `AdaptedLayer`
    is_adapter = False  # whether it is a `LowRankAdapter`
    _built_widths = ()
    _lora = _frozen = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = with_python_numbers(cls.__init__)
        if "build" in vars(cls):
            cls.build = _remembered(cls.build)

    def __init__(self, **kwargs):
        refuse_bidirectional(type(self), kwargs)
        rules = {name: kwargs.pop(name, None) for name in _rules(self.weight_kinds)}
        lora, frozen = (kwargs.pop(name, None) for name in ("lora", "frozen"))
        super().__init__(**kwargs)
        self._lora = None if lora is None else tuple(lora)
        self._frozen = frozen
        for name, rule in rules.items():
            setattr(self, name, _module_of(name).get(rule))
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

    def weight_rules(self, kind):
        """The regularizer and the constraint of a weight of that kind, for `add_weight`."""
        return {
            "regularizer": getattr(self, f"{kind}_regularizer"),
            "constraint": getattr(self, f"{kind}_constraint"),
        }

    def part_rules(self):
        """The regularizers and constraints of all kinds, for a part that takes the same ones."""
        return {name: getattr(self, name) for name in _rules(self.weight_kinds)}

    def set_weights(self, weights):
        if self.stock_layer is not None and self.built:
            expected = [tuple(weight.shape) for weight in self.weights]
            found = [np.shape(weight) for weight in weights]
            require(
                found == expected,
                "weights",
                f"arrays of the shapes {expected}, as `get_weights` gives them. Those of "
                f"{self.stock_layer} have others: `keras_attention.layers.from_keras` makes this "
                "layer of a built one",
                shapes=found,
            )
        super().set_weights(weights)

    def get_config(self):
        rules = {name: _module_of(name).serialize(rule) for name, rule in self.part_rules().items()}
        kept = {**lora_config(self), **frozen_config(self)}
        if not self.built:
            given = {"lora": self._lora and list(self._lora), "frozen": self._frozen}
            kept = {name: value for name, value in given.items() if value is not None}
        return {**super().get_config(), **rules, **kept}

    def after_build(self):
        if self._lora is not None:
            restore_lora(self, self._lora)
        if self._frozen is not None:
            restore_frozen(self, self._frozen)

    def quantize(self, mode=None, type_check=True, config=None):
        refuse_to_quantize(type(self).__name__, mode)


def adapted_parts(layer):
    """The `AdaptedLayer`s within a layer or a model, at any depth, in an order that stays."""
    return [x for x in layers_within(layer) if isinstance(x, Layer) and x.takes_lora]


def adaptable_parts(model):
    """Those of `adapted_parts` that `enable_lora(model, ...)` gives adapters: with kernels."""
    parts = [x for x in adapted_parts(model) if x.lora_by_default]
    return [x for x in parts if not x.built or x.lora_kernels()]


def lora_config(layer):
    """What a config says of the adapters within a layer or a model: nothing where there are none.

    Returns:
        `{"lora": [...]}` with rank and alpha, or None, of each of `adapted_parts`; or `{}`.
    """
    parts = adapted_parts(layer)
    entries = [[x.lora_rank, x.lora_alpha] if x.lora_enabled else None for x in parts]
    return {"lora": entries} if any(entries) else {}


def restore_lora(layer, entries):
    """Enables LoRA within a built layer or model as a `lora_config` says."""
    parts = adapted_parts(layer)
    require(
        len(parts) == len(entries),
        "lora",
        f"rank and alpha, or None, of each of the {len(parts)} layers that take adapters",
        lora=list(entries),
    )
    for part, entry in zip(parts, entries, strict=True):
        if entry is not None and not part.lora_enabled:  # a shared one may have been restored
            part.enable_lora(*entry)


def frozen_config(layer):
    """What a config says of what is frozen within a layer or a model.

    Not of the weights that adapters stand for. Keras keeps `trainable` of a layer that has a config
    in the file, and loads its weights unfrozen all the same.

    Returns:
        `{"frozen": {"layers": [...], "weights": [[first, end], ...]}}`: the indices of the parts
        that are not `trainable`, and ranges of the weights that may be trained, without adapters;
        `{}` where there are neither.
    """
    layers = [index for index, part in enumerate(_parts(layer)) if not part.trainable]
    adapted, ranges = _adapted_weights(layer), []
    for index, weight in enumerate(_trained_by_itself(layer)):
        if weight.trainable or id(weight) in adapted:
            continue
        if ranges and ranges[-1][1] == index:
            ranges[-1][1] = index + 1
        else:
            ranges.append([index, index + 1])
    return {"frozen": {"layers": layers, "weights": ranges}} if layers or ranges else {}


def restore_frozen(layer, frozen):
    """Freezes parts and weights of a built layer or model as a `frozen_config` says."""
    layers = set(frozen["layers"])
    for index, part in enumerate(_parts(layer)):  # a part comes before those within it
        if part.trainable != (index not in layers):
            part.trainable = index not in layers
    weights = _trained_by_itself(layer)
    within = {index for first, end in frozen["weights"] for index in range(first, end)}
    adapted = _adapted_weights(layer)
    for index, weight in enumerate(weights):
        if id(weight) not in adapted:
            weight.trainable = index not in within


def _parts(layer):
    """All layers within a layer or a model but adapters of LoRA."""
    return [x for x in layers_within(layer) if not (isinstance(x, Layer) and x.is_adapter)]


def _adapted_weights(layer):
    """The ids of the weights that adapters stand for."""
    parts = [x for x in (layer, *adapted_parts(layer)) if isinstance(x, Layer) and x.takes_lora]
    kernels = [kernel for x in parts if x.lora_enabled for kernel, _ in x.lora_kernels().values()]
    return {id(kernel) for kernel in kernels}


def unfreeze(layer):
    """Makes all of a layer or a model trainable, but for what adapters stand for."""
    layer.trainable = False  # on TensorFlow, an attribute that is True is not set to True again
    layer.trainable = True


def _trained_by_itself(layer):
    """The weights that a layer or a model trains where nothing is frozen and nothing adapted."""
    adapters = [x for x in layers_within(layer) if isinstance(x, Layer) and x.is_adapter]
    added = {id(weight) for part in adapters for weight in part.weights}
    made = {id(weight) for weight in made_trainable(layer)} - added
    return [weight for weight in layer.weights if id(weight) in made]


def _rules(kinds):
    return [f"{kind}_{rule}" for kind in kinds for rule in ("regularizer", "constraint")]


def _module_of(name):
    return keras.regularizers if name.endswith("_regularizer") else keras.constraints


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
