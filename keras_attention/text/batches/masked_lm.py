"""What a masked language model has to guess: which tokens, and what it sees in their place.

As Google's BERT does it: 15 % of the tokens are selected; 80 % of those become the mask, 10 % any
other token, 10 % stay. With whole-word masking the pieces of a word are selected together, and each
then becomes one of the three by itself.

Reference: Devlin et al. 2018, section 3.1, https://arxiv.org/abs/1810.04805
"""

import numpy as np


def selection_count(tokens, rate):
    """How many of so many tokens are selected: the nearest integer, but 1 at least; 0 of none.

    >>> selection_count(np.array([0, 2, 9, 100]), 0.15)
    array([ 0,  1,  1, 15])
    """
    counts = np.rint(np.asarray(tokens) * rate).astype(int)
    return np.where(np.asarray(tokens) > 0, np.maximum(counts, 1), 0)


def select_tokens(may_select, continues, counts, random):
    """Selects whole words at random, as many as fit into the count of each row.

    In random order, a word is taken unless its pieces would be too many: a row whose words are all
    longer than its count gets none.

    Args:
        may_select: boolean (B, T).
        continues: boolean (B, T), whether a token belongs to the word of the token before it.
        counts: integers (B,), the tokens to select in each row.
        random: `numpy.random.Generator`.

    Returns:
        Boolean (B, T).
    """
    rows, length = may_select.shape
    after_word = np.zeros_like(may_select)
    after_word[:, 1:] = may_select[:, :-1]
    starts = may_select & ~(continues & after_word)
    word = np.maximum(np.cumsum(starts, axis=1) - 1, 0)  # (B, T), the index of a token's word
    words = int(starts.sum(axis=1).max(initial=0))
    flat = (np.arange(rows)[:, None] * length + word)[may_select]
    sizes = np.bincount(flat, minlength=rows * length).reshape(rows, length)[:, :words]

    keys = np.where(sizes > 0, random.random(sizes.shape), 2.0)  # what is no word comes last
    order = np.argsort(keys, axis=1)
    sizes = np.take_along_axis(sizes, order, axis=1)
    is_taken = np.zeros_like(sizes, dtype=bool)
    left = np.array(counts)
    for index in range(words):
        fits = (sizes[:, index] <= left) & (sizes[:, index] > 0)
        left -= np.where(fits, sizes[:, index], 0)
        is_taken[:, index] = fits
        if not left.any():
            break
    taken = np.zeros((rows, length), bool)
    np.put_along_axis(taken[:, :words], order, is_taken, axis=1)
    return may_select & np.take_along_axis(taken, word, axis=1)


def mask_tokens(token_ids, is_selected, slots, mask_id, replacements, random):
    """Replaces the selected tokens, and says what they were.

    Args:
        token_ids: integers (B, T).
        is_selected: boolean (B, T), at most P in a row.
        slots: integer P.
        mask_id: the token that says that one is to be guessed.
        replacements: integers, the tokens that may stand in for another.
        random: `numpy.random.Generator`.

    Returns:
        The ids that the model sees, int32 (B, T); the selected positions in order, int32 (B, P);
        what stood there, int32 (B, P); and the weights, float32 (B, P), 1 but for slots without a
        token, which have position, label and weight 0.
    """
    rows, columns = np.nonzero(is_selected)
    tokens = token_ids[rows, columns]
    draw = random.random(len(tokens))
    others = replacements[random.integers(0, len(replacements), len(tokens))]
    seen = np.array(token_ids, np.int32)
    seen[rows, columns] = np.where(draw < 0.8, mask_id, np.where(draw < 0.9, others, tokens))
    counts = is_selected.sum(axis=1)
    slot = np.arange(len(tokens)) - np.repeat(np.cumsum(counts) - counts, counts)
    positions, labels = (np.zeros((len(token_ids), slots), np.int32) for _ in range(2))
    weights = np.zeros((len(token_ids), slots), np.float32)
    positions[rows, slot], labels[rows, slot], weights[rows, slot] = columns, tokens, 1.0
    return seen, positions, labels, weights
