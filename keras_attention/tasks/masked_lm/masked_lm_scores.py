"""How well a model predicts masked tokens."""

import math

import numpy as np

from keras_attention.tasks.masked_lm.pretraining_texts import nothing_masked
from keras_attention.text.batches.masked_lm_batches import MaskedLMBatches

BATCH_SIZE = 8  # logits of every position and token are large


def masked_lm_scores(user, texts, masked_share=0.15, whole_words=True, seed=0):
    """The scores of predicting masked tokens: the same tokens in every runtime.

    Args:
        user: `IdsModel` whose output is logits (B, T, V).
        texts: list of strings.
        masked_share: share of the tokens that are masked, in (0, 1).
        whole_words: whether all pieces of a word are masked together.
        seed: integer that decides which tokens are masked.

    Returns:
        `{"loss", "perplexity", "accuracy", "most_frequent", "masked_tokens"}`: the loss is the mean
        cross-entropy of a masked token in nats, and "most_frequent" the accuracy of always
        predicting the most frequent one.

    Raises:
        InputError: if no token of the texts is masked.

    Reference: Devlin et al. 2018, section 3.1, https://arxiv.org/abs/1810.04805
    """
    tokenizer = user.tokenizer
    batches = MaskedLMBatches.of_tokenizer(
        tokenizer,
        user.encode(texts).token_ids,
        BATCH_SIZE,
        whole_words=whole_words,
        rate=masked_share,
        max_buckets=4,
        seed=seed,
    )
    losses, hits, counts = [], [], np.zeros(tokenizer.vocabulary_size, int)
    for inputs, labels, weights in batches.epochs(epochs=1):
        logits = user.run(token_ids=inputs["token_ids"], segment_ids=inputs["segment_ids"])
        logits = np.asarray(logits[user.output], "float64")  # (B, T, V)
        rows, slots = np.nonzero(weights > 0)
        found = logits[rows, inputs["mask_positions"][rows, slots]]  # (N, V)
        expected = labels[rows, slots]
        largest = found.max(axis=1)
        normalizer = largest + np.log(np.exp(found - largest[:, None]).sum(axis=1))
        losses.append(normalizer - found[np.arange(len(found)), expected])
        hits.append(found.argmax(axis=1) == expected)
        counts += np.bincount(expected, minlength=len(counts))
    if not counts.any():
        raise nothing_masked("the texts")
    loss = float(np.concatenate(losses).mean())
    return {
        "loss": loss,
        "perplexity": math.exp(min(loss, 700)),
        "accuracy": float(np.concatenate(hits).mean()),
        "most_frequent": float(counts.max() / counts.sum()),
        "masked_tokens": int(counts.sum()),
    }
