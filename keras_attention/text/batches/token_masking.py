"""Selection and replacement of the tokens that a masked language model has to predict.

This is the method of Google's BERT. It selects 15 % of the tokens. Of those, 80 % become the mask,
10 % become a random token, and 10 % stay. Whole-word masking selects all pieces of a word together.
Each piece is then replaced independently.

Reference: Devlin et al. 2018, section 3.1, https://arxiv.org/abs/1810.04805
"""

import numpy as np


def selection_count(tokens, rate):
    """The number of tokens to select: `tokens * rate`, rounded, but at least 1; 0 of no tokens.

    >>> selection_count(np.array([0, 2, 9, 100]), 0.15)
    array([ 0,  1,  1, 15])
    """
    counts = np.rint(np.asarray(tokens) * rate).astype(int)
    return np.where(np.asarray(tokens) > 0, np.maximum(counts, 1), 0)


def select_tokens(may_select, continues, counts, random):
    """Selects whole words at random until each row has its number of tokens.

    The words are tried in random order. A word is skipped if its pieces are more than the tokens
    still to select, so a row whose words are all too long gets none.

    Args:
        may_select: boolean (B, T).
        continues: boolean (B, T), whether a token belongs to the word of the token before it.
        counts: integers (B,), the maximum number of tokens to select in each row.
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

    keys = np.where(sizes > 0, random.random(sizes.shape), 2.0)  # empty slots come last
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
    """Replaces the selected tokens, and gives them as labels.

    Args:
        token_ids: integers (B, T).
        is_selected: boolean (B, T), at most P in a row.
        slots: integer P.
        mask_id: id of the mask.
        replacements: integers, the tokens that may replace another.
        random: `numpy.random.Generator`.

    Returns:
        The ids that the model sees, int32 (B, T); the selected positions in order, int32 (B, P);
        the original tokens there, int32 (B, P); and the weights, float32 (B, P). The weight is 1.
        Slots that a row does not need have position, label and weight 0.
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
