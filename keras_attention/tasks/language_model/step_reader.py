"""Reading a prompt and token after token by `prefill_N` and `decode` of an artifact."""

import numpy as np

from keras_attention._validation import InputError

ROOM = 64  # positions by which a cache of any size grows


class StepReader:
    """What a language model says of the next token, while somebody else chooses it.

    It keeps the caches, and so reads one text at a time.

    Args:
        steps: dict of the functions `prefill_N` and `decode`: see `step_functions`.
        prefill_lengths: the lengths N.
        shapes: dict of the shapes of the caches by name; S is an integer, or None where a cache may
            have any size.
        context: positions that the model has.

    >>> reader = StepReader(steps, [16, 128], shapes, 1024)
    >>> logits = reader.start([5, 3, 7])
    >>> logits = reader.read(logits.argmax())
    """

    def __init__(self, steps, prefill_lengths, shapes, context):
        self._steps = steps
        self._lengths = sorted(prefill_lengths, reverse=True)
        self._shapes = shapes
        self._fixed = next(iter(shapes.values()))[2]
        self.capacity = context if self._fixed is None else min(context, self._fixed)
        self._cache = None
        self._position = 0

    def start(self, token_ids):
        """The logits (V,) of the token after a prompt, a list of at least one id.

        Raises:
            InputError: if the caches have no room for it.
        """
        self._require_room(len(token_ids))
        size = self._fixed or self._sized(len(token_ids) + 1)
        self._cache = {
            name: np.zeros((*shape[:2], size, *shape[3:]), np.float32)
            for name, shape in self._shapes.items()
        }
        self._position = 0
        *before, last = token_ids
        while before:
            count = self._next_length(len(before), size)
            if count is None:  # no bucket fits in what is left
                self._decode(before[0])
                before = before[1:]
                continue
            tokens = np.zeros((1, count), np.int32)
            given = before[:count]
            tokens[0, : len(given)] = given
            positions = np.arange(self._position, self._position + count, dtype=np.int32)
            self._run(f"prefill_{count}", tokens, positions)
            self._position += len(given)
            before = before[count:]
        return self._decode(last)

    def read(self, token_id):
        """The logits (V,) of the token after this one.

        Raises:
            InputError: if the caches are full.
        """
        self._require_room(self._position + 1)
        if self._fixed is None:
            self._grow(self._position + 1)
        return self._decode(token_id)

    def _decode(self, token_id):
        tokens = np.array([[token_id]], np.int32)
        found = self._run("decode", tokens, np.array([self._position], np.int32))
        self._position += 1
        return found["logits"][0, 0]

    def _run(self, name, tokens, input_pos):
        found = self._steps[name](tokens=tokens, input_pos=input_pos, **self._cache)
        self._cache = {cache: found[cache] for cache in self._cache}
        return found

    def _next_length(self, count, size):
        """The longest N that is full, else the shortest that holds all; None where none fits."""
        room = size - self._position
        fitting = [n for n in self._lengths if n <= room]
        full = [n for n in fitting if n <= count]
        return full[0] if full else (fitting[-1] if fitting else None)

    def _sized(self, count):
        """A size of at least `count`, of few different ones and no less than the least N."""
        return max(-(-count // ROOM) * ROOM, self._lengths[-1])

    def _grow(self, count):
        cache = next(iter(self._cache.values()))
        more = self._sized(count) - cache.shape[2]
        if more > 0:
            width = [(0, 0), (0, 0), (0, more), (0, 0)]
            self._cache = {name: np.pad(array, width) for name, array in self._cache.items()}

    def _require_room(self, count):
        if count > self.capacity:
            raise InputError(
                f"{count:,} tokens are more than the {self.capacity:,} that the caches of this "
                "artifact hold: export it again with a larger `cache_length`, or generate without "
                "streaming."
            )
