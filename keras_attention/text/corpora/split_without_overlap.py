"""A split of texts that are parts of each other, as the phrases of sst2 are of its sentences."""

import numpy as np

from keras_attention._validation import InputError, require

_BASE = 0x9E3779B97F4A7C15  # odd, so that multiplying by its powers loses nothing
_TABLE_BITS = 20


def split_without_overlap(texts, share=0.1, seed=0):
    """Splits texts so that no text of one side contains, or is contained in, one of the other.

    Whether a text is part of another is judged by characters, after runs of white space have become
    single spaces; equal texts are part of each other. The texts that are part of no longer one are
    shared out at random; each part follows the texts that contain it, and parts of texts on both
    sides (short, common phrases) belong to neither.

    Args:
        texts: list of N strings.
        share: of the texts, for the smaller side; it gets as many or slightly more.
        seed: integer; the same one splits in the same way.

    Returns:
        Two integer arrays, the increasing indices of the larger side and of the smaller.

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
    left = containers.copy()  # those not held out: where none is left, the part is held out too
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
    """Which of some different texts are part of which that are themselves part of no other.

    From the longest texts down, all windows over the wholes found so far are compared at once with
    the texts of that length, by a rolling hash. Matches are checked: none is false. One is missed
    only where two texts of one length share their 64 bits, which takes texts made for it.

    Args:
        texts: list of N different strings.

    Returns:
        Two integer arrays (pairs): the part, and the whole, which is itself part of no other text.
        A text that is part of no other is paired with itself; an empty one with nothing.
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
    """Texts end to end, a 0 after each, with sums from which the hash of any window follows."""

    def __init__(self, room):
        self.powers = np.cumprod(np.full(room + 1, _BASE, np.uint64), dtype=np.uint64)
        # sums[i]: code times power, over the first i characters.
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
        """Where texts (N, length) probably stand: pairs of a row and the index of a whole."""
        length = codes.shape[1]
        starts = np.arange(max(0, self.end - length + 1))
        # A window's sum begins at the power of its place: all are brought to the highest one.
        windows = (self.sums[starts + length] - self.sums[starts]) * self.powers[-1 - starts]
        own = (codes * self.powers[:length]).sum(axis=1, dtype=np.uint64) * self.powers[-1]
        # A glance at a table dismisses nearly all windows.
        shift = np.uint64(64 - _TABLE_BITS)
        self._is_wanted[own >> shift] = True
        starts = np.flatnonzero(self._is_wanted[windows >> shift])
        self._is_wanted[own >> shift] = False
        order = np.argsort(own)
        place = np.searchsorted(own[order], windows[starts])
        row = order[np.minimum(place, len(own) - 1)]
        is_equal = own[row] == windows[starts]
        return row[is_equal], self.owner[starts[is_equal]]
