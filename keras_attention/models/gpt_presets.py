"""The sizes of GPT models, and how many parameters they have."""


def _sizes(num_layers, num_heads, hidden_dim, max_sequence_length, **others):
    return dict(
        num_layers=num_layers,
        num_heads=num_heads,
        hidden_dim=hidden_dim,
        intermediate_dim=4 * hidden_dim,
        max_sequence_length=max_sequence_length,
        **others,
    )


# Brown et al. 2020, table 2.1: layers, heads, width. XL has 24 heads of width 128 there, which are
# wider than the model; implementations have 16. 13B has a width of 5,140 there, and 40 heads of
# width 128.
GPT_3_SIZES = {
    "gpt3-small": (12, 12, 768),
    "gpt3-medium": (24, 16, 1024),
    "gpt3-large": (24, 16, 1536),
    "gpt3-xl": (24, 16, 2048),
    "gpt3-2.7b": (32, 32, 2560),
    "gpt3-6.7b": (32, 32, 4096),
    "gpt3-13b": (40, 40, 5120),
    "gpt3-175b": (96, 96, 12288),
}
# Those that a machine may hold
_AS_PRESETS = ("gpt3-small", "gpt3-medium", "gpt3-large", "gpt3-xl")
# The paper alternates dense and banded layers, and says neither which kind is first nor how wide
# the band is. These are GPT-Neo's.
_GPT_3 = dict(vocabulary_size=50257, attention_types=("global", "local"), sliding_window=256)

PRESETS = {
    # nanoGPT's setting for a CPU (train_shakespeare_char): no biases, no dropout
    "nano": _sizes(4, 4, 128, 64, dropout=0.0, use_bias=False, activation="gelu"),
    "tiny": _sizes(6, 6, 384, 256, dropout=0.2, use_bias=False, activation="gelu"),
    "gpt2": _sizes(12, 12, 768, 1024, vocabulary_size=50257),
    "gpt2-medium": _sizes(24, 16, 1024, 1024, vocabulary_size=50257),
    "gpt2-large": _sizes(36, 20, 1280, 1024, vocabulary_size=50257),
    "gpt2-xl": _sizes(48, 25, 1600, 1024, vocabulary_size=50257),
    **{name: _sizes(*GPT_3_SIZES[name], 2048, **_GPT_3) for name in _AS_PRESETS},
}


def gpt_parameters(
    vocabulary_size,
    num_layers,
    hidden_dim,
    max_sequence_length,
    intermediate_dim=None,
    use_bias=True,
    attention_bias=None,
    tie_weights=True,
    **others,
):
    """How many parameters a `GPT` of these arguments has. Nothing is allocated.

    Args: those of `GPT`; others are taken and change nothing.

    >>> gpt_parameters(**PRESETS["gpt2"])
    124439808
    """
    width = hidden_dim
    inner = 4 * width if intermediate_dim is None else intermediate_dim
    qkv_bias = use_bias if attention_bias is None else attention_bias
    attention = 4 * width * width + (3 * width if qkv_bias else 0) + (width if use_bias else 0)
    feed_forward = 2 * width * inner + (inner + width if use_bias else 0)
    norm = 2 * width if use_bias else width
    tables = vocabulary_size * (1 if tie_weights else 2) + max_sequence_length
    return tables * width + num_layers * (attention + feed_forward + 2 * norm) + norm
