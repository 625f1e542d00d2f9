"""What a call of a `TransformerDecoder` returns, as symbolic tensors."""

import keras

from keras_attention.layers.require_decoder_arguments import require_decoder_arguments
from keras_attention.layers.require_shapes import require_sequences


def decoder_output_spec(block, given):
    """The symbolic results of a call.

    Args:
        block: a built `TransformerDecoder`.
        given: dict of the call's arguments; what is not in it was not given.

    Raises:
        ValueError: as the call does.
    """
    require_decoder_arguments(block, given)
    require_sequences(block.known_sizes(), given["decoder_sequence"], given.get("encoder_sequence"))
    x, memory = given["decoder_sequence"], given.get("cross_attention_cache")
    cache = given.get("self_attention_cache")

    def spec(*shape):
        return keras.KerasTensor(shape, dtype=block.compute_dtype)

    batch_size, length, _ = x.shape
    results = [spec(*x.shape)]
    if given.get("return_attention_scores"):
        slots = length if cache is None else cache["key"].shape[2]
        results.append(spec(batch_size, block.num_heads, length, slots))
        if block.has_cross_attention:
            encoder = given.get("encoder_sequence")
            size = encoder.shape[1] if memory is None else memory["key"].shape[2]
            results.append(spec(batch_size, block.num_heads, length, size))
    if cache is not None:
        results.append({name: spec(*tensor.shape) for name, tensor in cache.items()})
    if given.get("cross_attention_cache_update_index") is not None:
        shape = (batch_size, block.num_heads, given["encoder_sequence"].shape[1])
        part = block.cross_attention
        widths = {"key": part.key_dim, "value": part.value_dim or part.key_dim}
        results.append({name: spec(*shape, width) for name, width in widths.items()})
    return results[0] if len(results) == 1 else tuple(results)
