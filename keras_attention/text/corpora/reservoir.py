"""A uniform sample of rows whose number is not known beforehand."""

import math
import random


class Reservoir:
    """At most `size` rows, each of those added with the same probability, in an order of its own.

    As long as no more than `size` rows were added it holds all of them, in their order.

    Args:
        size: integer, 1 or more.
        seed: integer.

    Attributes:
        rows: the sample, a list.
        added: number of rows that were added.

    Reference: Li 1994, "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))",
    algorithm L: random numbers are drawn only for rows that are taken.
    """

    def __init__(self, size, seed):
        self.rows, self.added = [], 0
        self._size, self._random = size, random.Random(seed)
        self._share = 1.0  # the largest of `size` uniform numbers, were one drawn for each row
        self._next = size - 1  # the row that is taken next
        self._skip()

    def _skip(self):
        draw = self._random
        self._share *= math.exp(math.log(1 - draw.random()) / self._size)
        # 1 - share underflows to 1 only after more rows than there are.
        self._next += 1 + int(math.log(1 - draw.random()) / math.log1p(-self._share))

    def add(self, row):
        """Offers a row."""
        if self.added < self._size:
            self.rows.append(row)
        elif self.added == self._next:
            self.rows[self._random.randrange(self._size)] = row
            self._skip()
        self.added += 1
