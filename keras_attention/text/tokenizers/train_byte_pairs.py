"""Training of byte-level BPE vocabularies (Sennrich et al. 2016)."""

import heapq
from collections import Counter, defaultdict

from keras_attention._validation import InputError, require, well_formed
from keras_attention.text.tokenizers.byte_characters import BYTE_CHARACTERS
from keras_attention.text.tokenizers.pre_tokenizers import PRE_TOKENIZERS

_LEAST_COUNT = 2  # a pair that occurs only once tells nothing about other texts
_LONGEST_WORD = 1 << 16  # bytes; longer ones, such as data in a text, teach nothing


def train_byte_pairs(texts, vocabulary_size, special_tokens=(), pre_tokenizer="gpt2"):
    """A byte-level BPE vocabulary of special tokens, all 256 bytes and longer tokens.

    The trainer merges the most frequent pair of neighbouring tokens, and repeats that. Of equally
    frequent pairs it takes the one whose ids are smaller. So does the trainer of the `tokenizers`
    package, and the merges are the same. The same texts give the same vocabulary.

    Args:
        texts: iterable of strings.
        vocabulary_size: maximum number of tokens V, special ones included.
        special_tokens: strings, which have the first ids.
        pre_tokenizer: how texts are split into words, within which pairs are merged: a key of
            `PRE_TOKENIZERS`.

    Returns:
        `(vocabulary, merges)`: a dict of ids by tokens, and a list of pairs of tokens.

    Raises:
        ValueError: if `vocabulary_size` has no room for special tokens and bytes.
        InputError: if the texts hold no text.

    >>> train_byte_pairs(["low lower lowest"] * 9, 259)[1]
    [('l', 'o'), ('lo', 'w'), ('Ġ', 'low')]
    """
    tokens = [*special_tokens, *sorted(BYTE_CHARACTERS)]
    is_size = isinstance(vocabulary_size, int) and vocabulary_size >= len(tokens)
    expected = f"an integer of at least {len(tokens)}, the bytes and the special tokens"
    require(is_size, "vocabulary_size", expected, vocabulary_size=vocabulary_size)
    counts, words = Counter(), PRE_TOKENIZERS[pre_tokenizer].words()
    for text in texts:
        counts.update(words(well_formed(text)))
    if not counts:
        raise InputError("The corpus holds no text to train a vocabulary on.")
    ids = {token: token_id for token_id, token in enumerate(tokens)}
    byte_ids = [ids[character] for character in BYTE_CHARACTERS]
    rows = [([byte_ids[byte] for byte in word.encode()], n) for word, n in sorted(counts.items())]
    rows = [(row, count) for row, count in rows if 1 < len(row) <= _LONGEST_WORD]
    merges = []
    for left, right, merge in _pairs(rows):
        if len(tokens) == vocabulary_size:
            break
        merges.append((tokens[left], tokens[right]))
        token = tokens[left] + tokens[right]
        if token not in ids:  # two pairs may give the same token
            ids[token] = len(tokens)
            tokens.append(token)
        merge(ids[token])
    return ids, merges


def _pairs(rows):
    """The pairs in the order of merging: `(left, right, function of the merged token's id)`.

    Args:
        rows: list of `(ids of a word, how often it occurs)`. The lists of ids change.
    """
    pair_counts, homes = defaultdict(int), defaultdict(set)  # homes: the words that hold a pair
    for index, (row, count) in enumerate(rows):
        for pair in zip(row, row[1:], strict=False):
            pair_counts[pair] += count
            homes[pair].add(index)
    queue = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(queue)

    def merge(token):
        changes = defaultdict(int)
        for index in homes.pop(pair):
            row, count = rows[index]
            for before in zip(row, row[1:], strict=False):
                changes[before] -= count
            _merge(row, *pair, token)
            for after in zip(row, row[1:], strict=False):
                changes[after] += count
                homes[after].add(index)
        for changed, change in changes.items():
            if change:
                pair_counts[changed] += change
                heapq.heappush(queue, (-pair_counts[changed], changed))

    while queue:
        count, pair = heapq.heappop(queue)
        if -count != pair_counts[pair]:  # an old entry of a pair that was queued again
            continue
        if -count < _LEAST_COUNT:
            return
        yield *pair, merge


def _merge(row, left, right, token):
    """Puts `token` in the place of every pair in a list of ids, from the left."""
    place, end = 0, len(row) - 1
    while place < end:
        if row[place] == left and row[place + 1] == right:
            row[place : place + 2] = [token]
            end -= 1
        place += 1
