"""The scores of sentence vectors on pairs of texts."""

import time

import numpy as np


def pair_scores(embedder, pairs):
    """How well a `TextEmbedder` finds the second text of each pair, and the other way round; where
    pairs have scores also the correlation of their cosine similarities with these.

    Args:
        embedder: the `TextEmbedder`.
        pairs: `LabelledTexts`, from `read_pairs`.

    Returns:
        A dict of JSON values: see `retrieval_scores`, and "spearman" and "pearson".
    """
    from keras_attention.training.correlations import pearson, spearman
    from keras_attention.training.retrieval_scores import retrieval_scores

    texts = [*pairs.texts, *pairs.pairs]
    numbers = {}
    ids = np.array([numbers.setdefault(text, len(numbers)) for text in texts])
    vectors = embedder.embed(list(numbers))[ids]  # each different text once
    count = len(pairs)
    first, second = vectors[:count], vectors[count:]
    scores = retrieval_scores(first, second, ids[:count], ids[count:])
    if pairs.labels is not None:
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        cosines = (first * second).sum(axis=1) / np.maximum(lengths, 1e-12)
        for name, correlation in (("spearman", spearman), ("pearson", pearson)):
            scores[name] = correlation(np.array(pairs.labels), cosines)
    return scores


def evaluate(embedder, pairs):
    """`pair_scores`, and the seconds that they took."""
    started = time.perf_counter()
    scores = pair_scores(embedder, pairs)
    return {**scores, "seconds": time.perf_counter() - started}
