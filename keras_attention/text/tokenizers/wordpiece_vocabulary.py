"""WordPiece vocabularies: special and added tokens, training (Schuster and Nakajima 2012)."""

import dataclasses
import heapq
from collections import Counter, defaultdict

from keras_attention._validation import InputError, require, require_positive_integer
from keras_attention.text.tokenizers.wordpiece_characters import (
    normalize,
    split_words,
    stands_alone,
)

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LONGEST_WORD = 100  # characters; a longer word is unknown
LONGEST_TOKEN = 256  # bytes in UTF-8, the limit of TensorFlow's operator

MOST_ADDED = 1000  # tokens, each of which the graph looks for by itself

_LONGEST_PIECE = LONGEST_TOKEN // 4  # characters, which have four bytes at most
_LEAST_COUNT = 2  # a pair that occurs only once tells nothing about other texts


@dataclasses.dataclass(frozen=True)
class AddedToken:
    """A token that is found in a text before the text is split into words.

    It may stand within a word. Where several fit, the one that begins first is found, and of these
    the longest.

    Attributes:
        content: string, the token.
        id: integer, that of the vocabulary where the token is in it.
        normalized: whether it is looked for in the text without capitals, accents and control
            characters, as far as the vocabulary is. Otherwise the text must hold it as it is, and
            it is looked for before those that are normalized.
        special: whether `decode` leaves it out.
    """

    content: str
    id: int
    normalized: bool = False
    special: bool = False


def require_added_tokens(added_tokens, vocabulary, lowercase, strip_accents):
    """Raises `ValueError` unless every tokenizer here finds these tokens in the same places.

    Args:
        added_tokens: list of `AddedToken`.
        vocabulary: list of strings, without those that only `added_tokens` hold.
        lowercase, strip_accents: those of the tokenizer.
    """
    known = {token: i for i, token in enumerate(vocabulary)}
    beyond = sorted(token.id for token in added_tokens if token.content not in known)
    wrong = [t for t in added_tokens if t.content in known and t.id != known[t.content]]
    if not wrong and beyond != list(range(len(known), len(known) + len(beyond))):
        wrong = [token for token in added_tokens if token.content not in known]
    require(
        not wrong,
        "added_tokens",
        f"tokens with the ids of the vocabulary, or those that follow, from {len(known)} on",
        others=[(token.content, token.id) for token in wrong[:5]],
    )
    require(
        len(added_tokens) <= MOST_ADDED,
        "added_tokens",
        f"at most {MOST_ADDED:,} tokens",
        count=len(added_tokens),
    )
    unfit = [t.content for t in added_tokens if not _can_be_found(t, lowercase, strip_accents)]
    require(
        not unfit,
        "added_tokens",
        "tokens without blanks, control characters and characters for private use",
        others=unfit[:5],
    )
    contents = Counter([*SPECIAL_TOKENS, *(token.content for token in added_tokens)])
    normalized = Counter(
        normalize(t.content, lowercase, strip_accents) for t in added_tokens if t.normalized
    )
    twice = [content for content, count in [*contents.items(), *normalized.items()] if count > 1]
    require(not twice, "added_tokens", "different tokens, none of them special", others=twice[:5])


def _can_be_found(token, lowercase, strip_accents):
    """Whether a token can stand in a text, within one of the parts between blanks."""
    content = token.content
    if any(c < " " or c in " \x7f\ufffd" or "\ud800" <= c <= "\udfff" for c in content):
        return False
    if token.normalized:
        content = normalize(content, lowercase, strip_accents)
    return bool(content) and not any(c == " " or c >= "\U000f0000" for c in content)


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


def fits_graph(token):
    """Whether TensorFlow's operator takes a token: a text need not be able to hold it."""
    try:
        size = len(token.removeprefix("##").encode())
    except UnicodeEncodeError:  # half a surrogate pair, which JSON may hold
        return False
    return size <= LONGEST_TOKEN or len(token) > LONGEST_WORD + len("##")
