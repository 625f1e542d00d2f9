"""WordPiece vocabularies: special tokens and training (Schuster and Nakajima 2012)."""

import heapq
from collections import Counter, defaultdict

from keras_attention._validation import InputError, require_positive_integer
from keras_attention.text.tokenizers.wordpiece_characters import split_words, stands_alone

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LONGEST_WORD = 100  # characters; a longer word is unknown
LONGEST_TOKEN = 256  # bytes in UTF-8, the limit of TensorFlow's operator

_LONGEST_PIECE = LONGEST_TOKEN // 4  # characters, which have four bytes at most
_LEAST_COUNT = 2  # a pair that occurs only once tells nothing about other texts


def train_wordpiece(lines, vocabulary_size, lowercase=True):
    """A WordPiece vocabulary of special tokens, characters and longer pieces.

    The trainer merges the most frequent pair of neighbouring pieces into a new piece, and repeats
    that, like the trainer of the `tokenizers` package. Of equally frequent pairs it takes the first
    in alphabetical order. The same lines give the same vocabulary.

    Every character of the lines becomes a piece for the beginning of a word and one for its inside.
    So no word of these characters is unknown, unless it has more than 100 characters. Pairs that
    occur only once are not merged: a small corpus gives the largest vocabulary that it allows,
    which may be smaller than `vocabulary_size`.

    Args:
        lines: iterable of strings.
        vocabulary_size: maximum number of tokens V, special ones included.
        lowercase: whether the vocabulary is uncased and without accents.

    Returns:
        The tokens as a list of strings: [PAD], [UNK], [CLS], [SEP], [MASK], then the others.

    Raises:
        ValueError: if `vocabulary_size` is not a positive integer.
        InputError: if the lines hold no text, or have more characters than the size allows.

    >>> train_wordpiece(["low lower lowest"] * 9, 30)[-3:]
    ['##st', 'lower', 'lowest']

    Reference: Schuster and Nakajima 2012, "Japanese and Korean voice search", section 2.1.
    """
    require_positive_integer("vocabulary_size", vocabulary_size)
    counts = Counter()
    for line in lines:
        counts.update(split_words(line, lowercase))
    if not counts:
        raise InputError("The corpus holds no text to train a vocabulary on.")
    characters = sorted(set().union(*counts))
    vocabulary = [*SPECIAL_TOKENS, *characters]
    vocabulary += [f"##{character}" for character in characters if not stands_alone(character)]
    if len(vocabulary) > vocabulary_size:
        raise InputError(
            f"A vocabulary of {vocabulary_size:,} is too small for the corpus: its characters "
            f"and the special tokens alone need {len(vocabulary):,}."
        )
    known = set(vocabulary)
    for piece in _merged_pieces(counts):
        if len(vocabulary) == vocabulary_size:
            break
        if piece not in known:  # two pairs may give the same piece
            known.add(piece)
            vocabulary.append(piece)
    return vocabulary


def _merged_pieces(counts):
    """The pieces that merging gives, one after the other. `counts` says how often words occur."""
    words = sorted(counts)
    frequencies = [counts[word] for word in words]
    pieces = [[word[0], *(f"##{character}" for character in word[1:])] for word in words]
    pair_counts, homes = defaultdict(int), defaultdict(set)  # homes: the words that hold a pair
    for index, parts in enumerate(pieces):
        for pair in zip(parts, parts[1:], strict=False):
            pair_counts[pair] += frequencies[index]
            homes[pair].add(index)
    queue = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(queue)
    while queue:
        count, pair = heapq.heappop(queue)
        if -count != pair_counts[pair]:  # an old entry of a pair that was queued again
            continue
        if -count < _LEAST_COUNT:
            return
        piece = pair[0] + pair[1].removeprefix("##")
        if len(piece.removeprefix("##")) > _LONGEST_PIECE:
            continue
        changes = Counter()
        for index in homes.pop(pair):
            old, new = pieces[index], _merge(pieces[index], pair, piece)
            for before in zip(old, old[1:], strict=False):
                changes[before] -= frequencies[index]
            for after in zip(new, new[1:], strict=False):
                changes[after] += frequencies[index]
                homes[after].add(index)
            pieces[index] = new
        for changed, change in changes.items():
            if change:
                pair_counts[changed] += change
                heapq.heappush(queue, (-pair_counts[changed], changed))
        yield piece


def _merge(parts, pair, piece):
    """`parts` with `piece` in the place of every `pair`, from the left."""
    merged, position = [], 0
    while position < len(parts):
        if tuple(parts[position : position + 2]) == pair:
            merged.append(piece)
            position += 2
        else:
            merged.append(parts[position])
            position += 1
    return merged
