"""What a call of a `TransformerDecoder` may be given."""

from keras_attention._validation import require
from keras_attention.layers.require_shapes import pairs, require_shapes


def require_decoder_arguments(block, arguments):
    """Raises `ValueError` unless the arguments of a call go together and have the right shapes.

    Args:
        block: the `TransformerDecoder`.
        arguments: dict of the call's arguments, which `TransformerDecoder.call` alone lists; what
            is not in it was not given.

    Returns:
        The decoder's sequence: see `require_shapes`.
    """
    has_cross_attention = block.has_cross_attention  # it was built with an encoder
    encoder_sequence = arguments.get("encoder_sequence")
    cross_attention_cache = arguments.get("cross_attention_cache")
    given = encoder_sequence is not None or cross_attention_cache is not None
    require(
        given or not has_cross_attention,
        "encoder_sequence",
        "given (or `cross_attention_cache`): the block was built with cross-attention",
        encoder_sequence=encoder_sequence,
    )
    require(
        has_cross_attention or not given,
        "encoder_sequence",
        "None: the block was built without cross-attention, by a first call without an encoder",
        **{"encoder_sequence.shape": getattr(encoder_sequence, "shape", None)},
    )
    self_attention_cache = arguments.get("self_attention_cache")
    index = arguments.get("self_attention_cache_update_index")
    require(
        (self_attention_cache is None) == (index is None),
        "self_attention_cache_update_index",
        "given together with `self_attention_cache`",
        self_attention_cache_update_index=index,
    )
    require(
        arguments.get("segment_ids") is None or self_attention_cache is None,
        "segment_ids",
        "None where there is a cache: a step reads one segment",
        **{"segment_ids.shape": getattr(arguments.get("segment_ids"), "shape", None)},
    )
    made_anew = arguments.get("cross_attention_cache_update_index") is not None
    require(
        not made_anew or encoder_sequence is not None,
        "encoder_sequence",
        "given together with `cross_attention_cache_update_index`",
        encoder_sequence=encoder_sequence,
    )
    _require_cache("self_attention_cache", self_attention_cache, "empty_cache(batch_size, length)")
    _require_cache(
        "cross_attention_cache", cross_attention_cache, "project_encoder(encoder_sequence)"
    )
    sizes, keys, slots = {"H": block.num_heads}, "T", None
    if self_attention_cache is not None:
        keys, slots = "slots", self_attention_cache["key"]
    memory = None if made_anew or cross_attention_cache is None else cross_attention_cache["key"]
    masks = {
        "decoder_padding_mask": f"B {keys}",
        "segment_ids": "B T",
        "decoder_attention_mask": pairs("T", keys),
        "encoder_padding_mask": "B S",
        "encoder_attention_mask": pairs("T", "S"),
    }
    return require_shapes(
        sizes,
        decoder_sequence=(arguments["decoder_sequence"], "B T D"),
        encoder_sequence=(None if memory is not None else encoder_sequence, "B S E"),
        # Heads and widths are those of the parts, which may be of a user's own.
        self_attention_cache=(slots, "B H_self slots K_self"),
        cross_attention_cache=(memory, "B H_cross S K_cross"),
        **{name: (arguments.get(name), axes) for name, axes in masks.items()},
    )


def _require_cache(name, cache, made_by):
    # KerasHub's is one array (B, 2, S, H, K).
    require(
        cache is None or (isinstance(cache, dict) and {"key", "value"} <= set(cache)),
        name,
        f'a dict of "key" and "value" (B, H, S, K), as the block\'s `{made_by}` makes it',
        **{name: type(cache).__name__},
    )
