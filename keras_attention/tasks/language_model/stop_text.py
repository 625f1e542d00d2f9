"""Where a text ends: before the stop that is complete first, letter by letter.

So the end does not depend on which letters a token holds, or on what would have come next.
"""

from keras_attention._validation import InputError


def require_stop_texts(stops):
    """`stops` as a tuple of strings.

    Raises:
        InputError: if it is something else, or one is empty.
    """
    if isinstance(stops, str):
        stops = (stops,)
    if not isinstance(stops, (list, tuple)) or not all(isinstance(s, str) and s for s in stops):
        raise InputError(f"`stop` must be strings that are not empty. Received: stop={stops!r}")
    return tuple(dict.fromkeys(stops))


def first_stops(stops):
    """Those of `stops` that can be complete first in a text.

    Where "b" is a stop, "abc" is no text's first one. Without such stops the first match of any is
    the one that a `StopText` cuts at: what begins first also ends first.

    >>> first_stops(["abc", "b", "ab"])
    ('b', 'ab')
    """
    return tuple(stop for stop in stops if not any(other in stop[:-1] for other in stops))


class StopText:
    """Takes a text in parts and gives out what may be shown of it: what no stop can begin in.

    Args:
        stops: strings.

    Attributes:
        is_over: whether a stop has come. What follows it is not of the text.

    >>> text = StopText(["###"])
    >>> text.add("one #"), text.add("## two"), text.is_over
    ('one ', '', True)
    """

    def __init__(self, stops):
        self._stops = stops
        self._held = ""
        self.is_over = False

    def add(self, part, is_last=False):
        """What can be shown once `part` has come; everything before a stop where it is the last."""
        if self.is_over:
            return ""
        text = self._held + part
        found = [(place + len(s), place) for s in self._stops if (place := text.find(s)) >= 0]
        if found:
            _, start = min(found)  # of those that end first the longest
            self.is_over, self._held = True, ""
            return text[:start]
        held = 0 if is_last else self._begun(text)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def _begun(self, text):
        """How many characters at the end of a text may be the beginning of a stop."""
        longest = max(map(len, self._stops), default=1) - 1
        for count in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-count:]) for stop in self._stops):
                return count
        return 0
