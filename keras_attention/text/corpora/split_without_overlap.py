"""A split for texts that contain each other, such as the sentences and phrases of SST-2."""

import numpy as np

from keras_attention._validation import InputError, require

_BASE = 0x9E3779B97F4A7C15  # odd, so that multiplying by its powers loses nothing
_TABLE_BITS = 20


def split_without_overlap(texts, share=0.1, seed=0):
    """Splits texts so that no text of one side contains a text of the other side.

    A text contains another if it does so character by character, after runs of white space have
    become single spaces. Equal texts contain each other. Texts that no longer text contains are
    split at random. Every other text goes to the side of the texts that contain it. If both sides
    have such texts, as for short, common phrases, it goes to neither side.

    Args:
        texts: list of N strings.
        share: the part of the texts for the smaller side, which gets as many or slightly more.
        seed: integer; the same seed gives the same split.

    Returns:
        Two integer arrays: the indices of the larger side and of the smaller side, in order.

    Raises:
        InputError: if one text contains all others, so that nothing can be split off.

    >>> split_without_overlap(["a tale", "tale", "a film", "film", "old film", "a"], share=0.5)
    (array([2]), array([0, 1, 4]))
    """
    require(0 < share < 1, "share", "a number between 0 and 1", share=share)
    different = {}
    which = np.array(
        [different.setdefault(" ".join(text.split()), len(different)) for text in texts], int
    )
    counts = np.bincount(which)
    parts, wholes = contained_in(list(different))
    roots = np.unique(wholes)
    if len(roots) < 2:
        raise InputError("One text contains all others; nothing can be split off without overlap.")
    by_whole = np.argsort(wholes, kind="stable")
    parts_of = np.split(parts[by_whole], np.flatnonzero(np.diff(wholes[by_whole])) + 1)
    containers = np.bincount(parts, minlength=len(different))
    left = containers.copy()  # containers not held out; a part without any is held out too
    held_out = 0
    for root in np.random.default_rng(seed).permutation(len(roots))[:-1]:
        if held_out >= share * len(texts):
            break
        members = parts_of[root]
        left[members] -= 1
        held_out += counts[members[left[members] == 0]].sum()
    larger = (containers > 0) & (left == containers)
    smaller = (containers > 0) & (left == 0)
    return np.flatnonzero(larger[which]), np.flatnonzero(smaller[which])


def contained_in(texts):
    """Pairs each text with the texts that contain it and that no other text contains.

    A text that no other text contains is called a whole. The texts are gone through from the
    longest to the shortest. At each length, a rolling hash compares all windows over the wholes
    found so far with the texts of that length. Matches are checked, so none is false. A match is
    missed only if two texts of one length have the same 64-bit hash.

    Args:
        texts: list of N different strings.

    Returns:
        Two integer arrays of the same length: the index of a text, and that of a whole with it. A
        whole is paired with itself, an empty text with nothing.
    """
    codes = [np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4") for text in texts]
    lengths = np.array([len(code) for code in codes], int)
    wholes = _Wholes(int(lengths.sum()) + len(texts))
    pairs = [np.zeros((0, 2), int)]
    for length in np.unique(lengths[lengths > 0])[::-1]:
        members = np.flatnonzero(lengths == length)
        part, whole = wholes.matches(np.stack([codes[index] for index in members]))
        candidates = np.unique(np.stack([members[part], whole], axis=1), axis=0)
        true = [texts[part] in texts[whole] for part, whole in candidates]
        pairs.append(candidates[np.array(true, bool)])
        for index in np.setdiff1d(members, pairs[-1][:, 0]):
            wholes.append(index, codes[index])
            pairs.append(np.array([[index, index]]))
    return tuple(np.concatenate(pairs).T)


class _Wholes:
    """Texts one after the other, a 0 after each, with sums that give the hash of any window."""

    def __init__(self, room):
        self.powers = np.cumprod(np.full(room + 1, _BASE, np.uint64), dtype=np.uint64)
        # sums[i]: the sum of code times power over the first i characters.
        self.sums = np.zeros(room + 1, np.uint64)
        self.owner = np.zeros(room, int)
        self.end = 0
        self._is_wanted = np.zeros(1 << _TABLE_BITS, bool)

    def append(self, index, codes):
        start, end = self.end, self.end + len(codes)
        products = codes * self.powers[start:end]
        self.sums[start + 1 : end + 1] = self.sums[start] + np.cumsum(products, dtype=np.uint64)
        self.sums[end + 1] = self.sums[end]
        self.owner[start : end + 1] = index
        self.end = end + 1

    def matches(self, codes):
        """Probable matches of texts (N, length): pairs of a row and the index of a whole."""
        length = codes.shape[1]
        starts = np.arange(max(0, self.end - length + 1))
        # The sum of a window depends on its place. Multiplying makes all sums alike.
        windows = (self.sums[starts + length] - self.sums[starts]) * self.powers[-1 - starts]
        own = (codes * self.powers[:length]).sum(axis=1, dtype=np.uint64) * self.powers[-1]
        # A table of hash prefixes rules out nearly all windows at once.
        shift = np.uint64(64 - _TABLE_BITS)
        self._is_wanted[own >> shift] = True
        starts = np.flatnonzero(self._is_wanted[windows >> shift])
        self._is_wanted[own >> shift] = False
        order = np.argsort(own)
        place = np.searchsorted(own[order], windows[starts])
        row = order[np.minimum(place, len(own) - 1)]
        is_equal = own[row] == windows[starts]
        return row[is_equal], self.owner[starts[is_equal]]
