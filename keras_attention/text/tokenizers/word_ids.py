"""Merging of byte pairs within words (Sennrich et al. 2016), with a cache."""

import heapq

# Limits of the cache: the number of words, and the characters of a word.
_CACHED_WORDS, _LONGEST_CACHED = 1 << 17, 64


def merge(ids, merges):
    """Merges pairs of neighbouring ids until none is left that can be.

    The time grows little faster than the number of ids.

    Args:
        ids: list of ids, which changes.
        merges: dict from a pair of ids to `(rank, id of the merged token)`.

    Returns:
        `(ids, rank)`: a list, and the rank of the last merge, None where there was none.

    >>> merge([97, 98, 98, 97], {(97, 98): (0, 256)})
    ([256, 98, 97], 0)
    """
    count = len(ids)
    following, before = list(range(1, count + 1)), list(range(-1, count))
    queue = []
    for place in range(count - 1):
        found = merges.get((ids[place], ids[place + 1]))
        if found is not None:
            queue.append((found[0], place, ids[place], ids[place + 1], found[1]))
    heapq.heapify(queue)
    last = None
    while queue:
        rank, place, left, right, token = heapq.heappop(queue)
        other = following[place]
        if ids[place] != left or other == count or ids[other] != right:
            continue  # one of both has been merged meanwhile
        ids[place], ids[other], last = token, None, rank
        after = following[place] = following[other]
        before[after] = place
        for first, second in ((before[place], place), (place, after)):
            if first >= 0 and second < count:
                found = merges.get((ids[first], ids[second]))
                if found is not None:
                    entry = (found[0], first, ids[first], ids[second], found[1])
                    heapq.heappush(queue, entry)
    return [token for token in ids if token is not None], last


class WordIds(dict):
    """The ids of words. It fills itself; long words are not kept, and a full cache begins anew.

    The pair of neighbouring tokens that was merged first when the vocabulary was made is merged
    first, and of equal pairs the leftmost.

    Args:
        byte_ids: list of 256 ids, those of single bytes; None for a byte that is dropped.
        merges: dict from a pair of ids to `(rank, id of the merged token)`.
        whole: dict from the UTF-8 of words that are tokens without any merging to their ids.

    >>> words = WordIds(range(256), {(97, 98): (0, 256)}, {})
    >>> words["abba"]
    [256, 98, 97]
    """

    def __init__(self, byte_ids, merges, whole):
        super().__init__()
        self._byte_ids, self._merges, self._whole = tuple(byte_ids), merges, whole

    def __missing__(self, word):
        data = word.encode()
        whole = self._whole.get(data)
        found = [whole] if whole is not None else self.merged(data)[0]
        if len(word) <= _LONGEST_CACHED:
            if len(self) >= _CACHED_WORDS:
                self.clear()  # frequent words are back at once
            self[word] = found
        return found

    def merged(self, data):
        """`(ids, rank)`: the ids of the bytes of a word, and the rank of the last merge or None."""
        ids = [self._byte_ids[byte] for byte in data]
        return merge([token_id for token_id in ids if token_id is not None], self._merges)
