"""The plain layers that adapters of LoRA stand for (Hu et al. 2021, section 4.1)."""

import contextlib

from keras import ops

from keras_attention.layers.layer import Layer, adapted_parts


def merge_lora(model):
    """Adds what adapters have learned to the kernels and removes the adapters, in place.

    The model gives the same answers, with the layers and at the speed that it had before
    `enable_lora`. Its kernels are trainable again. What a compiled model, or a `tf.function`, has
    traced before does not know of it: compile it again.

    Args:
        model: a model or a layer; one without adapters stays as it is.

    >>> merge_lora(model)
    """
    for layer in _with_adapters(model):
        _merge(layer)


@contextlib.contextmanager
def merged_lora(model):
    """In the block `merge_lora` has been done to a model; after it the adapters are back."""
    undone = []
    try:
        for layer in _with_adapters(model):
            kernels = [kernel for kernel, _ in layer.lora_kernels().values()]
            before = [ops.copy(kernel) for kernel in kernels]
            undone.append((layer, _merge(layer), kernels, before))
        yield
    finally:
        for layer, adapters, kernels, before in undone:
            for kernel, value in zip(kernels, before, strict=True):
                kernel.assign(value)
            layer.put_in_adapters(adapters)


def _with_adapters(model):
    own = [model] if isinstance(model, Layer) and model.takes_lora else []
    return [layer for layer in (*own, *adapted_parts(model)) if layer.lora_enabled]


def _merge(layer):
    for name, (kernel, _) in layer.lora_kernels().items():
        kernel.assign(ops.cast(layer.adapted_kernel(name), kernel.dtype))
    return layer.take_out_adapters()
