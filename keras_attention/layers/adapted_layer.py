"""The base class of layers whose kernels LoRA can adapt (Hu et al. 2021)."""

import keras
from keras import ops

from keras_attention._validation import (
    require,
    require_positive_integer,
    require_positive_number,
    with_python_numbers,
)
from keras_attention.graph.matmul import linear
from keras_attention.keras_private import add_part, remove_part
from keras_attention.layers.clone_initializer import clone_initializer
from keras_attention.layers.layer import Layer
from keras_attention.layers.low_rank_adapter import LowRankAdapter


class AdaptedLayer(Layer):
    """A layer with `enable_lora`: attention, feed-forward and embedding layers derive from it.

    A subclass names its kernels in `lora_kernels`. It multiplies by them with `times`, and where it
    reads a whole kernel it reads `adapted_kernel`. Then both work with and without adapters.

    `enable_lora` is that of `keras.layers.Dense`: the kernels are frozen, and what is trained in
    their place are two narrow matrices for each, of which the first begins at random and the second
    at zero. Biases stay as they are. Files of Keras hold kernels and adapters apart, so that what
    is loaded can be trained on; `merge_lora` makes a plain layer of it.

    Args:
        lora_rank: integer; the layer is built with adapters of this rank. None for none.
        lora_alpha: number; what an adapter gives counts `lora_alpha` / `lora_rank`. By default it
            is the rank.

    Attributes:
        lora_kind: class attribute, the kind of the kernels, one of `weight_kinds`.
        lora_by_default: class attribute, whether `enable_lora(model, ...)` adapts the layer.
    """

    lora_kind = "kernel"
    lora_by_default = True
    takes_lora = True

    def __init__(self, **kwargs):
        lora_rank, lora_alpha = (kwargs.pop(name, None) for name in ("lora_rank", "lora_alpha"))
        super().__init__(**kwargs)
        if lora_rank is not None:
            require_positive_integer("lora_rank", lora_rank)
        if lora_alpha is not None:
            require_positive_number("lora_alpha", lora_alpha)
            require(lora_rank is not None, "lora_alpha", "given with `lora_rank`", lora_rank=None)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha

    def lora_kernels(self):
        """The kernels of the built layer: a dict from a name to the kernel (D, U) and the widths of
        the matrices that stand in it side by side."""
        raise NotImplementedError(f"{type(self).__name__} must implement `lora_kernels`.")

    @property
    def lora_enabled(self):
        """Whether the layer has adapters."""
        return self.built and any(self.adapter(name) for name in self.lora_kernels())

    def adapter(self, name):
        """The `LowRankAdapter` of the kernel of that name, or None."""
        return getattr(self, f"{name}_lora", None)

    @with_python_numbers
    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        """Freezes the kernels and adds adapters to them, as `keras.layers.Dense.enable_lora` does.

        A compiled model must be compiled again.

        Args:
            rank: of the adapters, at most the smaller side of each matrix.
            lora_alpha: a number above 0: what an adapter gives counts `lora_alpha` / `rank`; by
                default 1.
            a_initializer, b_initializer: of the first and the second matrix of each adapter.

        Raises:
            ValueError: if the layer is not built, has no kernels, has adapters or a constraint on
                its kernels, or `rank` or `lora_alpha` is out of range.

        >>> layer = MultiHeadAttention(num_heads=2, key_dim=16)
        >>> layer.build((None, None, 32))
        >>> layer.enable_lora(4)
        >>> sum(weight.name.startswith("lora") for weight in layer.trainable_weights)
        4
        """
        self.require_lora(rank, lora_alpha)
        initializers = [keras.initializers.get(each) for each in (a_initializer, b_initializer)]
        alpha = rank if lora_alpha is None else lora_alpha
        folder, _, own = self.path.rpartition("/")
        for name, (kernel, widths) in self.lora_kernels().items():
            adapter = LowRankAdapter(
                kernel.shape[0],
                widths,
                rank,
                alpha,
                *map(clone_initializer, initializers),
                regularizer=getattr(self, f"{self.lora_kind}_regularizer"),
                kind=self.lora_kind,
                dtype=self.dtype_policy,
                name=f"{name}_lora",
            )
            with keras.name_scope(own, override_parent=folder):
                adapter.build()
            add_part(self, f"{name}_lora", adapter)
        self.lora_rank, self.lora_alpha = rank, alpha
        self.set_kernels_trainable(False)

    def require_lora(self, rank, lora_alpha=None):
        """Raises `ValueError` unless `enable_lora(rank, lora_alpha)` is possible."""
        name = type(self).__name__
        if not self.built:
            raise ValueError(
                f"Cannot enable lora on a layer that isn't yet built: call the {name}, or its "
                "`build`, first."
            )
        if not self.lora_kernels():
            raise ValueError(
                f"lora adapts the kernels of a layer: the {name} {self.name!r} has none, with the "
                "arguments that it was made with."
            )
        rule = f"{self.lora_kind}_constraint"
        if getattr(self, rule) is not None:
            raise ValueError(
                f"Lora is incompatible with constraints of what it adapts: make the {name} without "
                f"`{rule}`. Received: {rule}={getattr(self, rule)!r}"
            )
        if self.lora_enabled:
            raise ValueError(
                f"lora is already enabled: the {name} {self.name!r} has adapters of rank "
                f"{self.lora_rank}."
            )
        require_positive_integer("rank", rank)
        if lora_alpha is not None:
            require_positive_number("lora_alpha", lora_alpha)
        most = self.largest_rank()
        require(
            rank <= most,
            "rank",
            f"at most {most}, the smallest side of the matrices of the {name} {self.name!r}",
            rank=rank,
        )

    def largest_rank(self):
        """The smallest side of the matrices of the built layer."""
        kernels = self.lora_kernels().values()
        return min(min(kernel.shape[0], *widths) for kernel, widths in kernels)

    def take_out_adapters(self):
        """Removes the adapters without a trace, and returns them: a dict by names of kernels."""
        found = {name: self.adapter(name) for name in self.lora_kernels()}
        for name in found:
            remove_part(self, f"{name}_lora")
        self.lora_rank = self.lora_alpha = None
        self.set_kernels_trainable(self.trainable)
        return found

    def put_in_adapters(self, adapters):
        """Undoes `take_out_adapters`."""
        for name, adapter in adapters.items():
            add_part(self, f"{name}_lora", adapter)
        self.lora_rank, self.lora_alpha = adapter.rank, adapter.alpha
        self.set_kernels_trainable(False)

    def set_kernels_trainable(self, value):
        """Sets whether the kernels are trained."""
        for kernel, _ in self.lora_kernels().values():
            if isinstance(kernel, keras.Variable):  # no sum of a stock layer with adapters
                kernel.trainable = value

    def after_build(self):
        super().after_build()
        if self.lora_rank is not None and not self.lora_enabled:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    @property
    def trainable(self):
        return keras.layers.Layer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value):
        keras.layers.Layer.trainable.fset(self, value)
        if self.lora_enabled:  # what adapters stand for stays frozen
            self.set_kernels_trainable(False)

    # What a subclass computes with

    def times(self, inputs, name, bias=None):
        """`inputs` (..., D) times the kernel of that name, plus `bias`: (..., U)."""
        kernel, _ = self.lora_kernels()[name]
        outputs = linear(inputs, kernel, self.compute_dtype, bias)
        adapter = self.adapter(name)
        if adapter is None:
            return outputs
        return outputs + adapter.product(inputs, self.compute_dtype)

    def times_by(self, matmul, inputs, name, dtype):
        """As `times`, in `dtype` and by the product `matmul`, such as that of a recurrence."""
        kernel, _ = self.lora_kernels()[name]
        outputs = matmul(inputs, kernel, dtype)
        adapter = self.adapter(name)
        return outputs if adapter is None else outputs + adapter.product(inputs, dtype, matmul)

    def adapted_kernel(self, name):
        """The kernel (D, U) of that name: the variable, or with an adapter the sum, a tensor."""
        kernel, _ = self.lora_kernels()[name]
        adapter = self.adapter(name)
        return kernel if adapter is None else ops.cast(kernel, "float32") + adapter.added()

    def get_config(self):
        config = super().get_config()
        if self.lora_rank is not None:
            config |= {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        return config
