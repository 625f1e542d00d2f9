"""Random numbers that a seed, a position and a token determine, the same in every runtime."""

from keras import ops

GOLDEN = 0x9E3779B9  # 2**32 over the golden ratio: takes 0 away from the fixed point of `_mix`


def gumbel_noise(seeds, position, tokens):
    """Gumbel noise for each token: the largest of logits + noise is a sample of their softmax.

    Args:
        seeds: (B,) int32.
        position: scalar int32.
        tokens: (B, K) or (1, K) int32.

    Returns:
        (B, K) float32, finite. A token's number does not depend on the other tokens.

    >>> token = ops.argmax(logits + gumbel_noise(seeds, position, ops.arange(V)[None]), axis=1)

    Reference: Gumbel 1954, "Statistical Theory of Extreme Values and Some Practical Applications";
    the argument is spelled out by Maddison et al. 2014, "A* Sampling",
    https://arxiv.org/abs/1411.0030
    """
    share = unit_interval(random_words(seeds, position, tokens))
    # -log(1 - share) to full relative precision where the share is small: these are the tokens that
    # win, and log1p becomes log(1 + x) in TFLite and ONNX, which would round them together.
    series = share * (1 + share * (1 / 2 + share * (1 / 3 + share * (1 / 4))))
    exponential = ops.where(share < 2.0**-6, series, -ops.log(1 - share))
    return -ops.log(exponential)


def random_words(seeds, position, tokens):
    """32 random bits for each: uint32 (B, K), of arguments as those of `gumbel_noise`.

    No random generator of the backends takes a seed for every row, and none is the same in all
    runtimes. This is a counter hashed: rounds of the finalizer of MurmurHash3 (Appleby 2011), whose
    every output bit depends on every input bit, in wrapping uint32 products, which Keras, TFLite
    and ONNX compute alike, bit by bit. (Remainders of signed numbers they do not: ONNX rounds
    quotients to zero.)
    """
    # The seed once more than the position: else they could be exchanged.
    row = _mix(ops.bitwise_xor(_mix(_mix(_word(seeds))), _mix(_word(position))))  # (B,)
    return _mix(ops.bitwise_xor(ops.expand_dims(row, 1), _mix(_word(tokens))))


def unit_interval(words):
    """uint32 to float32 in (0, 1), to 32 bits where it is small.

    In two exact halves: a conversion of 32 bits at once would round, as each runtime likes to.
    """
    high = ops.right_shift(words, _constant(8))
    low = words + high * _constant(2**32 - 256)  # words - 256 * high: TFLite knows no `and`
    high, low = ops.cast(high, "float32"), ops.cast(low, "float32")
    share = high * 2.0**-24 + (low + 0.5) * 2.0**-32
    return ops.minimum(share, 1 - 2.0**-24)  # the sum may round to 1


def _word(x):
    return ops.cast(x, "uint32") + _constant(GOLDEN)


def _mix(x):
    x = ops.bitwise_xor(x, ops.right_shift(x, _constant(16)))
    x = x * _constant(0x85EBCA6B)
    x = ops.bitwise_xor(x, ops.right_shift(x, _constant(13)))
    x = x * _constant(0xC2B2AE35)
    return ops.bitwise_xor(x, ops.right_shift(x, _constant(16)))


def _constant(value):
    return ops.convert_to_tensor(value, dtype="uint32")
