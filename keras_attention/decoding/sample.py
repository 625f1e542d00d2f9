"""Random sampling, in the graph, over the step contract."""

from keras import ops

from keras_attention._validation import require
from keras_attention.decoding.greedy_search import greedy_search
from keras_attention.decoding.next_tokens import log_normalizer
from keras_attention.decoding.next_tokens import top_k as largest_of
from keras_attention.decoding.noise import gumbel_noise
from keras_attention.search_numbers import require_penalty, require_sampling
from keras_attention.search_options import FORBIDDEN, IMPOSSIBLE, int32_seeds

# Beyond, float32 divides by 0 or makes infinities, of which ONNX Runtime makes what is no number.
COLDEST, HOTTEST = 1e-20, 1e20


def sample(
    model,
    inputs,
    seed=0,
    temperature=1.0,
    top_k=None,
    top_p=None,
    max_length=None,
    min_length=0,
    return_alignment=False,
    single_loop=False,
    repetition_penalty=1.0,
    stops=(),
):
    """Each token drawn at random by its probability.

    The result of an input depends on the input and on its seed alone, not on its place in the batch
    or on the other inputs. For several samples of one input, repeat the input and give each row a
    seed of its own.

    Args:
        model: anything with the step contract.
        inputs: what the model starts from: a translator's source ids (B, S).
        seed: integer for all rows, or integers (B,), one for each; counted modulo 2**32.
        temperature: the logits are divided by it; above 0, where the search becomes greedy.
        top_k: draw from this many most probable tokens only.
        top_p: draw from the fewest most probable tokens whose probabilities add up to this, in (0,
            1] (Holtzman et al. 2020, section 3.1); after `top_k`.
        max_length: tokens at most, the end included; by default the model's own limit.
        min_length: tokens before the end at least.
        return_alignment: whether to return the attention that chose each token.
        single_loop: see `search_loop`.
        repetition_penalty, stops: see `greedy_search`; the penalty comes before all else.

    Returns:
        As `greedy_search`; the score is the sum of the log-probabilities that the model itself
        gives the tokens, before temperature and choice.

    Raises:
        ValueError: if a number is out of range, or there are not as many seeds as rows.

    >>> sample(model, np.repeat(ids, 3, axis=0), seed=[1, 2, 3], top_p=0.9)["token_ids"]

    Reference: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration",
    https://arxiv.org/abs/1904.09751
    """
    require_sampling(temperature, top_k, top_p)
    require_penalty(repetition_penalty)
    batch_size, _ = model.inputs_shape(inputs)
    seeds = _seeds_of_rows(seed, batch_size)
    nucleus = top_p is not None and top_p < 1
    temperature = min(max(temperature, COLDEST), HOTTEST)

    def choose(logits, position, rows):
        size = logits.shape[-1]
        if top_k is None and not nucleus:
            candidates = logits  # (b, V)
            tokens = ops.expand_dims(ops.arange(size, dtype="int32"), 0)  # (1, V)
            largest = ops.max(logits, axis=1, keepdims=True)
        else:
            # In falling order of probability both choices are beginnings of the list.
            candidates, tokens = largest_of(logits, size if top_k is None else min(top_k, size))
            largest = candidates[:, :1]
        warm = (candidates - largest) / temperature
        possible = candidates > IMPOSSIBLE
        if nucleus:
            weight = ops.where(possible, ops.exp(warm), 0.0)
            until = ops.cumsum(weight, axis=1)
            possible = ops.logical_and(possible, until - weight < top_p * until[:, -1:])
        # The noise belongs to the token, and only which of two sums is larger matters: the order of
        # equal ones and what a runtime rounds away draw another token as rarely as can be. A number
        # in the running sum of probabilities would fall next to one of its V borders far oftener.
        noise = gumbel_noise(ops.take(seeds, rows, axis=0), position, tokens)
        _, index = largest_of(ops.where(possible, warm + noise, FORBIDDEN), 1)  # (b, 1)
        logit = ops.take_along_axis(candidates, index, axis=1)
        token = index if candidates is logits else ops.take_along_axis(tokens, index, axis=1)
        log_probability = logit - log_normalizer(logits, largest)
        return ops.squeeze(token, 1), ops.squeeze(log_probability, 1)

    limits = {"max_length": max_length, "min_length": min_length}
    return greedy_search(
        model,
        inputs,
        **limits,
        return_alignment=return_alignment,
        choose=choose,
        single_loop=single_loop,
        repetition_penalty=repetition_penalty,
        stops=stops,
    )


def _seeds_of_rows(seed, batch_size):
    """An integer, or one for each row, as (B,) int32."""
    numbers = seed if ops.is_tensor(seed) else int32_seeds(seed)
    shape, is_known = tuple(numbers.shape), isinstance(batch_size, int)
    fits = shape == (batch_size,) if is_known and None not in shape else len(shape) == 1
    count = batch_size if is_known else "integers"
    require(not shape or fits, "seed", f"an integer or {count}, one for each row", seed=seed)
    numbers = ops.cast(numbers, "int32")
    if shape:  # compared once more where a graph runs: a sum would give one row's seed to all
        return ops.reshape(numbers, (batch_size,))
    return numbers + ops.zeros((batch_size,), "int32")
