"""Which target tokens translate a source token: IBM model 1, by expectation maximisation."""

import numpy as np

MOST_PAIRS = 20_000_000  # of a source and a target token of one sentence pair: about 1 GB


def ibm_model_1(source_ids, target_ids, source_size, target_size, iterations=5, seed=0):
    """The probability t(target token | source token) of those that occur in one sentence pair.

    Every target token is made by one token of the source, or by none; all are equally likely to
    have made it. Where the corpus is large, sentence pairs drawn at random stand for it.

    Args:
        source_ids: list of N id lists.
        target_ids: list of N id lists, their translations.
        source_size: number of source tokens.
        target_size: number of target tokens.
        iterations: of expectation maximisation.
        seed: of the draw.

    Returns:
        Source tokens (P,), target tokens (P,) and probabilities (P,), sorted by source token. The
        source token `source_size` stands for none.

    >>> source, target, probability = ibm_model_1([[0, 1], [0]], [[1, 2], [1]], 2, 3)

    Reference: Brown et al. 1993, "The Mathematics of Statistical Machine Translation",
    https://aclanthology.org/J93-2003, section 4.2
    """
    pairs = _drawn(source_ids, target_ids, seed)
    source, target, place = _occurrences(source_ids, target_ids, pairs, source_size)
    key, entry = np.unique(source * np.int64(target_size) + target, return_inverse=True)
    source, target = np.divmod(key, target_size)  # (P,), of each entry
    probability = np.full(len(key), 1.0 / target_size)
    for _ in range(iterations):
        # Equation 17: the share of each source token in a target token, summed over the corpus.
        share = probability[entry]
        share /= np.bincount(place, share)[place]
        count = np.bincount(entry, share, minlength=len(key))
        probability = count / np.bincount(source, count, minlength=source_size + 1)[source]
    return source, target, probability


def _drawn(source_ids, target_ids, seed):
    """The indices of sentence pairs, in a random order if these are not all."""
    sizes = np.array([(len(s) + 1) * len(t) for s, t in zip(source_ids, target_ids, strict=True)])
    if sizes.sum() <= MOST_PAIRS:
        return range(len(sizes))
    order = np.random.default_rng(seed).permutation(len(sizes))
    return order[np.cumsum(sizes[order]) <= MOST_PAIRS]


def _occurrences(source_ids, target_ids, pairs, none):
    """Each source token with each target token of its sentence pair, and the latter's number."""
    sources, targets, places, count = [], [], [], 0
    for index in pairs:
        source = np.append(np.asarray(source_ids[index], np.int64), none)
        target = np.asarray(target_ids[index], np.int64)
        sources.append(np.tile(source, len(target)))
        targets.append(np.repeat(target, len(source)))
        places.append(np.repeat(np.arange(count, count + len(target)), len(source)))
        count += len(target)
    empty = [np.zeros(0, np.int64)]
    return tuple(np.concatenate(each or empty) for each in (sources, targets, places))
