"""The target tokens that may translate a sentence, known from its source tokens."""

from pathlib import Path

import numpy as np

from keras_attention._validation import InputError, require, require_positive_integer
from keras_attention.files import write_atomically
from keras_attention.regular_file import read_regular
from keras_attention.text.tokenizers.ibm_model_1 import ibm_model_1

FILE = "shortlist.safetensors"
MOST_CANDIDATES = 2**27  # in all, 512 MiB: more are no short list


class LexicalShortlist:
    """For every source token the target tokens that are likely to translate it.

    A decoder that computes the logits of these alone, and of the most frequent tokens, is faster:
    see `keras_attention.decoding.Shortlisted`.

    Args:
        candidates: int32 (source tokens, N); a source token that has fewer repeats one of them.
        frequent: int32 (F,), the target tokens that may translate any sentence.

    >>> shortlist = LexicalShortlist.learn(sources, targets, 50, 8000, 8000)
    >>> shortlist.candidates.shape, shortlist.frequent.shape
    ((8000, 50), (50,))

    Reference: Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine
    Translation", https://arxiv.org/abs/1412.2007, section 3.3
    """

    def __init__(self, candidates, frequent):
        self.candidates = np.asarray(candidates, np.int32)
        self.frequent = np.asarray(frequent, np.int32)

    @classmethod
    def learn(cls, source_ids, target_ids, count, source_size, target_size, shared=False):
        """The shortlist of a corpus: the `count` most probable ones of IBM model 1.

        Args:
            source_ids: list of N id lists.
            target_ids: list of N id lists, their translations.
            count: N, of each source token; and how many frequent ones there are.
            source_size: number of source tokens.
            target_size: number of target tokens.
            shared: whether a source token is the same token in the target: names are copied.

        Raises:
            ValueError: if `count` is no positive integer, or all lists together have more than
                `MOST_CANDIDATES` tokens.
        """
        require_positive_integer("count", count)
        count = min(count, target_size)
        require(
            source_size * count <= MOST_CANDIDATES,
            "count",
            f"at most {MOST_CANDIDATES // source_size:,} for {source_size:,} source tokens",
            count=count,
        )
        every = np.concatenate([[], *target_ids]).astype(int)
        frequency = np.bincount(every, minlength=target_size)
        frequent = np.argsort(-frequency, kind="stable")[:count]
        source, target, probability = ibm_model_1(source_ids, target_ids, source_size, target_size)
        order = np.lexsort((target, -probability, source))
        source, target = source[order], target[order]
        rank = np.arange(len(source)) - np.searchsorted(source, source)  # from 0, in its source
        first = int(shared)
        kept = (rank < count - first) & (source < source_size)
        candidates = np.full((source_size, count), frequent[0], np.int32)
        if shared:
            candidates[:, 0] = np.arange(source_size)
        candidates[source[kept], first + rank[kept]] = target[kept]
        return cls(candidates, frequent)

    def require_fit(self, where, source_size, target_size):
        """Raises `InputError`, beginning with `where`, unless it is one of these vocabularies."""
        both = np.concatenate([self.candidates.ravel(), self.frequent])
        if (
            self.candidates.ndim != 2
            or self.frequent.ndim != 1
            or len(self.candidates) != source_size
            or not both.size
            or both.min() < 0
            or both.max() >= target_size
        ):
            raise InputError(
                f"{where}: expected target tokens below {target_size:,} for each of "
                f"{source_size:,} source tokens. Received: {self.candidates.shape} and "
                f"{self.frequent.shape}"
            )

    def save(self, directory):
        """Writes `shortlist.safetensors` into a directory."""
        from safetensors.numpy import save

        arrays = {"candidates": self.candidates, "frequent": self.frequent}
        write_atomically(Path(directory) / FILE, save(arrays))

    @classmethod
    def load(cls, directory):
        """The shortlist that `save` wrote.

        Raises:
            InputError: if there is none, or the file cannot be read.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = Path(directory) / FILE
        try:
            arrays = load(read_regular(path))
            candidates, frequent = arrays["candidates"], arrays["frequent"]
            if {candidates.dtype, frequent.dtype} != {np.dtype("int32")}:
                raise ValueError("its arrays are not int32")
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise InputError(f"{path}: no shortlist ({error}).") from error
        return cls(candidates, frequent)
