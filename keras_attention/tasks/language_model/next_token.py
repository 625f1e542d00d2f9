"""The next token, chosen in Python: what greedy search and sampling choose in a graph.

Where text is shown while it is written, every step comes back to the host, which chooses. It draws
the same numbers as `keras_attention.decoding.noise`, so that a stream is the text that one graph
gives at once. It needs NumPy alone.
"""

import numpy as np

from keras_attention.search_options import FORBIDDEN, IMPOSSIBLE, int32_seeds

GOLDEN = np.uint32(0x9E3779B9)
COLDEST, HOTTEST = 1e-20, 1e20  # as in `decoding.sample`


class NextToken:
    """Chooses token after token of one text.

    Args:
        search: `SearchOptions` of greedy search, or `SamplingOptions`.
        special_ids: a `SpecialIds`, whose ends may not come before `search.min_length`.
        forbidden_ids: ids that are never chosen.
        prompt: list of ids, which a repetition penalty counts.
        seed: integer, for sampling.

    >>> NextToken(SearchOptions(), special_ids, (), prompt=[5, 3])(logits)
    7
    """

    def __init__(self, search, special_ids, forbidden_ids=(), prompt=(), seed=0):
        self._search, self._ends = search, list(special_ids.ends)
        self._forbidden = list(forbidden_ids)
        self._seen = set(prompt)
        self._seed = int32_seeds([seed])
        self._position = 0

    def __call__(self, logits):
        """The token after those chosen so far, from its logits (V,)."""
        logits = np.array(logits, "float32")
        penalty = self._search.repetition_penalty
        if penalty != 1 and self._seen:
            seen = sorted(self._seen)
            values, penalty = logits[seen], np.float32(penalty)
            logits[seen] = np.where(values > 0, values / penalty, values * penalty)
        logits[self._forbidden] += np.float32(FORBIDDEN)
        if self._position < self._search.min_length:
            logits[self._ends] += np.float32(FORBIDDEN)
        token = int(self._drawn(logits) if self._search.is_sampling else logits.argmax())
        self._seen.add(token)
        self._position += 1
        return token

    def _drawn(self, logits):
        top_k, top_p = self._search.top_k, self._search.top_p
        order = np.argsort(-logits, kind="stable")  # of equal ones the earlier comes first
        nucleus = top_p is not None and top_p < 1
        if top_k is None and not nucleus:
            order = np.arange(len(logits))
        elif top_k is not None:
            order = order[:top_k]
        candidates = logits[order]
        temperature = np.float32(min(max(self._search.temperature, COLDEST), HOTTEST))
        with np.errstate(over="ignore"):
            warm = (candidates - logits.max()) / temperature
        possible = candidates > IMPOSSIBLE
        if nucleus:
            weight = np.where(possible, np.exp(warm), np.float32(0))
            until = np.cumsum(weight, dtype="float32")
            possible &= until - weight < np.float32(top_p) * until[-1]
        noise = gumbel_noise(self._seed, self._position, order[None])[0]
        return order[np.where(possible, warm + noise, np.float32(FORBIDDEN)).argmax()]


def gumbel_noise(seeds, position, tokens):
    """`keras_attention.decoding.noise.gumbel_noise` in NumPy: float32 (B, K)."""
    share = _unit_interval(_random_words(seeds, position, tokens))
    series = share * (1 + share * (1 / 2 + share * (1 / 3 + share * (1 / 4))))
    exponential = np.where(share < np.float32(2.0**-6), series, -np.log(1 - share))
    return -np.log(exponential)


def _random_words(seeds, position, tokens):
    row = _mix(_mix(_mix(_word(seeds))) ^ _mix(_word(np.array([position]))))
    return _mix(row[:, None] ^ _mix(_word(tokens)))


def _unit_interval(words):
    high = words >> np.uint32(8)
    low = words & np.uint32(255)
    high, low = high.astype("float32"), low.astype("float32")
    share = high * np.float32(2.0**-24) + (low + np.float32(0.5)) * np.float32(2.0**-32)
    return np.minimum(share, np.float32(1 - 2.0**-24))


def _word(x):
    return np.asarray(x).astype("int32").view("uint32") + GOLDEN


def _mix(x):
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x85EBCA6B)
    x = x ^ (x >> np.uint32(13))
    x = x * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))
