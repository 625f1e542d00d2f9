"""Sentence pairs for next-sentence prediction (Devlin et al. 2018, section 3.1)."""

import numpy as np

from keras_attention._validation import InputError


def next_sentence_pairs(lines, seed=0):
    """Pairs a sentence with the next one, or with a random sentence of another document.

    Every sentence that has a next one in its document is the first of one pair.

    Args:
        lines: list of strings, a sentence each; empty lines separate documents.
        seed: integer; the same seed gives the same pairs.

    Returns:
        Two lists of N strings, and the labels, int32 (N,): 0 where the second sentence is the next
        one (a random half of the pairs), 1 where it is from another document.

    Raises:
        InputError: if there are fewer than two documents, or no document has two sentences.

    >>> first, second, labels = next_sentence_pairs(["a", "b", "c", "", "d"])
    >>> first, labels.shape
    (['a', 'b'], (2,))
    """
    sentences, document = [], []  # document: the number of each sentence's document
    current = 0
    for line in lines:
        if line.strip():
            sentences.append(line)
            document.append(current)
        elif document and document[-1] == current:
            current += 1
    document = np.array(document, int)
    firsts = np.flatnonzero(document[:-1] == document[1:])
    if not len(firsts) or document[-1] == 0:
        raise InputError(
            "The text is to have two documents or more, separated by empty lines, and two "
            f"sentences in one of them; it has {len(sentences):,} sentences in "
            f"{len(np.unique(document)):,} documents."
        )
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, len(firsts), dtype=np.int32)
    # A sentence of another document is one before or after those of its own.
    starts, ends = (np.searchsorted(document, document[firsts], side) for side in ("left", "right"))
    others = random.integers(0, len(sentences) - (ends - starts))
    others += np.where(others >= starts, ends - starts, 0)
    seconds = np.where(labels == 1, others, firsts + 1)
    return [sentences[i] for i in firsts], [sentences[i] for i in seconds], labels
