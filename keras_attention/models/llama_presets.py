"""The sizes of Llama models, and how many parameters they have."""

PRESETS = {
    # As small as it can be trained on a CPU in minutes
    "llama-tiny": dict(
        num_layers=6,
        num_heads=6,
        num_key_value_heads=2,
        hidden_dim=384,
        intermediate_dim=1024,
        max_sequence_length=256,
        tie_weights=True,
    ),
    # Allal et al. 2025, "SmolLM2", https://arxiv.org/abs/2502.02737
    "smollm2-135m": dict(
        vocabulary_size=49152,
        num_layers=30,
        num_heads=9,
        num_key_value_heads=3,
        hidden_dim=576,
        intermediate_dim=1536,
        max_sequence_length=8192,
        rope_base=100000.0,
        tie_weights=True,
    ),
}


def llama_parameters(
    vocabulary_size,
    num_layers,
    num_heads,
    hidden_dim,
    intermediate_dim,
    num_key_value_heads=None,
    key_dim=None,
    attention_bias=False,
    feed_forward_bias=False,
    tie_weights=False,
    **others,
):
    """How many parameters a `Llama` of these arguments has. Nothing is allocated.

    Args: those of `Llama`; others are taken and change nothing.

    >>> llama_parameters(**PRESETS["smollm2-135m"])
    134515008
    """
    width, inner = hidden_dim, intermediate_dim
    key_dim = width // num_heads if key_dim is None else key_dim
    groups = num_heads if num_key_value_heads is None else num_key_value_heads
    query, key = num_heads * key_dim, groups * key_dim
    attention = 2 * width * query + 2 * width * key
    attention += query + 2 * key + width if attention_bias else 0
    feed_forward = 3 * width * inner + (2 * inner + width if feed_forward_bias else 0)
    tables = vocabulary_size * (1 if tie_weights else 2)
    return tables * width + num_layers * (attention + feed_forward + 2 * width) + width
