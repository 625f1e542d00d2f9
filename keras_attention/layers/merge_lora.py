"""The plain layers that adapters of LoRA stand for (Hu et al. 2021, section 4.1)."""

import contextlib

from keras import ops

from keras_attention.layers.layer import Layer, adapted_parts


def merge_lora(model):
    """Adds what adapters have learned to the kernels and removes the adapters, in place.

    The model gives the same answers, with the layers and at the speed that it had before
    `enable_lora`. Its kernels are trainable again; `model.trainable = False` and then `True` does
    the same for what `enable_lora` of a whole model has frozen beside them. What a compiled model,
    or a `tf.function`, has traced before does not know of it: compile it again.

    Args:
        model: a model or a layer; one without adapters stays as it is.

    >>> merge_lora(model)
    """
    for layer in _with_adapters(model):
        _merge(layer)


@contextlib.contextmanager
def merged_lora(model):
    """In the block `merge_lora` has been done to a model; after it the adapters are back.

    So they are where it fails half way, whatever fails.
    """
    with contextlib.ExitStack() as undone:
        for layer in _with_adapters(model):
            undone.callback(_merge(layer))
        yield


def _with_adapters(model):
    own = [model] if isinstance(model, Layer) and model.takes_lora else []
    return [layer for layer in (*own, *adapted_parts(model)) if layer.lora_enabled]


def _merge(layer):
    """Merges the adapters of one layer, all or none of them; returns a function that undoes it."""
    kernels = {name: kernel for name, (kernel, _) in layer.lora_kernels().items()}
    before = {name: ops.copy(kernel) for name, kernel in kernels.items()}
    merged = {
        name: ops.cast(layer.adapted_kernel(name), kernel.dtype) for name, kernel in kernels.items()
    }

    def assign(values):
        for name, kernel in kernels.items():
            kernel.assign(values[name])

    try:
        assign(merged)
        adapters = layer.take_out_adapters()
    except BaseException:
        assign(before)
        raise

    def undo():
        assign(before)
        layer.put_in_adapters(adapters)

    return undo
