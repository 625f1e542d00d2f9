"""Random sampling, in the graph, over the step contract."""

import numpy as np
from keras import ops

from keras_attention._validation import require, require_positive_integer
from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.search_options import IMPOSSIBLE


def sample(
    model,
    source_ids,
    seed=0,
    temperature=1.0,
    top_k=None,
    top_p=None,
    max_length=None,
    min_length=0,
    return_alignment=False,
):
    """Each token drawn at random by its probability.

    A sentence's result depends on the sentence and on its seed alone, not on its place in the batch
    or on the other sentences. For several samples of one source, repeat the source and give each
    row a seed of its own.

    Args:
        model: anything with the step contract `start`, `advance` and `max_sequence_length`.
        source_ids: (B, S) int32, padded with 0.
        seed: integer for all rows, or integers (B,), one for each.
        temperature: the logits are divided by it; above 0.
        top_k: draw from this many most probable tokens only.
        top_p: draw from the fewest most probable tokens whose probabilities add up to this, in (0,
            1] (Holtzman et al. 2020, section 3.1); after `top_k`.
        max_length: tokens at most, END included; by default the sentence's unpadded length + 50.
        min_length: tokens before END at least.
        return_alignment: whether to return the attention that chose each token.

    Returns:
        As `greedy_search`; the score is the sum of the log-probabilities that the model itself
        gives the tokens, before temperature and choice.

    Raises:
        ValueError: if a number is out of range.

    >>> sample(model, np.repeat(ids, 3, axis=0), seed=[1, 2, 3], top_p=0.9)["token_ids"]

    Reference: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration",
    https://arxiv.org/abs/1904.09751
    """
    require(temperature > 0, "temperature", "above 0", temperature=temperature)
    if top_k is not None:
        require_positive_integer("top_k", top_k)
    require(top_p is None or 0 < top_p <= 1, "top_p", "in (0, 1]", top_p=top_p)
    batch_size, _ = ops.shape(source_ids)
    if not ops.is_tensor(seed):  # whatever its size or sign
        seed = (np.asarray(seed, "int64") % 2**32).astype("uint32")
    seeds = ops.cast(seed, "uint32") + ops.zeros((batch_size,), "uint32")

    def choose(logits, position, rows):
        size = logits.shape[-1]
        # In falling order of probability the two choices are beginnings of the list.
        best, token = ops.top_k(logits, size if top_k is None else min(top_k, size))
        weight = ops.exp((best - best[:, :1]) / temperature)
        weight = ops.where(best <= IMPOSSIBLE, 0.0, weight)
        until = ops.cumsum(weight, axis=1)
        if top_p is not None:
            before = until - weight
            weight = ops.where(before < top_p * until[:, -1:], weight, 0.0)
            until = ops.cumsum(weight, axis=1)
        drawn = (
            ops.expand_dims(uniform(ops.take(seeds, rows, axis=0), position), 1) * until[:, -1:]
        )  # (B, 1)
        # The first whose share of the unit interval reaches over the drawn number.
        index = ops.sum(ops.cast(until <= drawn, "int32"), axis=1, keepdims=True)
        last = ops.sum(ops.cast(weight > 0, "int32"), axis=1, keepdims=True) - 1
        index = ops.minimum(index, last)  # where rounding made the drawn number the sum itself
        logit = ops.take_along_axis(best, index, axis=1)[:, 0]
        token = ops.take_along_axis(ops.cast(token, "int32"), index, axis=1)[:, 0]
        return token, logit - ops.logsumexp(logits, axis=-1)

    return greedy_search(model, source_ids, max_length, min_length, return_alignment, choose)


def uniform(seeds, position):
    """A number in [0, 1) for each of the seeds (B,), another at each position: float32 (B,).

    Of the seed and the position alone, which no random generator of the backends offers for many
    seeds at once: two rounds of the finalizer of MurmurHash3 (Appleby 2011), whose every output bit
    depends on every input bit.
    """

    def mix(x):
        x = ops.bitwise_xor(x, ops.right_shift(x, constant(16)))
        x = x * constant(0x85EBCA6B)
        x = ops.bitwise_xor(x, ops.right_shift(x, constant(13)))
        x = x * constant(0xC2B2AE35)
        return ops.bitwise_xor(x, ops.right_shift(x, constant(16)))

    def constant(value):
        return ops.convert_to_tensor(value, dtype="uint32")

    step = mix(ops.cast(position, "uint32") + constant(0x9E3779B9))
    words = mix(ops.bitwise_xor(mix(seeds + constant(0x9E3779B9)), step))
    return ops.cast(ops.right_shift(words, constant(8)), "float32") * 2.0**-24
