"""The words of a text inside TensorFlow graphs, character by character from tables.

tensorflow_text's BertTokenizer and FastBertTokenizer cannot be used here. Stock TF Serving does not
register the operator `FastBertNormalize` of the second
(https://github.com/tensorflow/serving/issues/2064). Both also give other ids than the reference for
1,481 characters below the private ones (ß becomes ss, a control character ends a word), because
they follow the ICU library that they were built with. The tables here are constants of the graph,
so an exported tokenizer never changes.
"""

import functools

import numpy as np

from keras_attention.text.tokenizers.code_point_tables import CODES, look_up, paged
from keras_attention.text.tokenizers.wordpiece_characters import IDEOGRAPHS, normalize, rewrite
from keras_attention.text.tokenizers.wordpiece_vocabulary import (
    LONGEST_WORD,
    MOST_ADDED,
    SPECIAL_TOKENS,
)

# The characters that stand for special and added tokens between text and ids. They are for private
# use: BERT drops them from every text, so no text can contain them by itself.
MARKS = {token: chr(0x10FFF8 + i) for i, token in enumerate(SPECIAL_TOKENS)}
ADDED_MARKS = [chr(0x10FFF5 - i) for i in range(MOST_ADDED)]
_BEFORE, _AFTER = "\U0010fff6", "\U0010fff7"  # around a token that is found
DROPPED = "\U0010fffd"  # for private use as well

# The characters that are looked at one by one. Planes 2 and 3 hold ideographs, and only those for
# compatibility become others. Planes 4 to 13 are empty. Planes 15 and 16 are for private use; their
# characters are dropped.
_LISTED = (range(0x20000), range(0x2F800, 0x2FA20), range(0xE0000, 0xE1000))
_PRIVATE = (range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
_LETTER, _BLANK, _ALONE = range(3)


@functools.cache
def character_tables(lowercase, strip_accents, added=0):
    """The rewriting of each character as arrays; `added` is the number of added tokens.

    Returns:
        `(rewriting, rewritten, kinds)`. In `rewriting`, 0 drops the character, 1 keeps it, and
        16 n + m replaces it with `rewritten[n : n + m]`. `kinds` says of each character after
        rewriting whether it is a letter, a blank, or stands alone. Both are tables as `paged`
        gives them.
    """
    rewriting, kinds = np.ones(CODES, np.int32), np.zeros(CODES, np.int32)
    for private in _PRIVATE:
        rewriting[private] = 0
    rewritten = [0]  # nothing begins at 0
    for code in (code for codes in _LISTED for code in codes):
        character = chr(code)
        text = rewrite(character, lowercase, strip_accents)
        if text == f" {character} ":
            kinds[code] = _ALONE
        elif text != character:
            parts = text if text == " " else text.replace(" ", "")
            rewriting[code] = (16 * len(rewritten) + len(parts)) if parts else 0
            rewritten += map(ord, parts)
    for first, last in IDEOGRAPHS:
        kinds[first : last + 1] = _ALONE
    kinds[ord(" ")] = _BLANK
    for mark in [*MARKS.values(), *ADDED_MARKS[:added]]:
        rewriting[ord(mark)], kinds[ord(mark)] = 1, _ALONE
    return paged(rewriting), np.array(rewritten, np.int32), paged(kinds)


class WordSplitter:
    """Texts to words: those of `split_words`, and a mark for each special or added token.

    Args:
        lowercase: whether the vocabulary is uncased.
        strip_accents: whether accents are dropped; None means the same as `lowercase`.
        added_tokens: list of `AddedToken`.
    """

    def __init__(self, lowercase, strip_accents=None, added_tokens=()):
        import tensorflow as tf

        self._exact, self._normalized = dict(MARKS), {}
        for token, mark in zip(added_tokens, ADDED_MARKS, strict=False):
            if token.normalized:
                self._normalized[normalize(token.content, lowercase, strip_accents)] = mark
            else:
                self._exact[token.content] = mark
        rewriting, rewritten, kinds = character_tables(lowercase, strip_accents, len(added_tokens))
        self._rewriting = [tf.constant(table) for table in rewriting]
        self._rewritten = tf.constant(rewritten)
        self._kinds = [tf.constant(table) for table in kinds]

    def split(self, texts):
        """The words of each text.

        Args:
            texts: string (B,), UTF-8; other bytes are dropped.

        Returns:
            string RaggedTensor (B, None). A special or added token of the text is given as its
            mark, and a word of more than 100 characters as the mark of the unknown token.
        """
        import tensorflow as tf

        texts = tf.strings.regex_replace(texts, f"[{ADDED_MARKS[-1]}-{DROPPED}]", DROPPED)
        texts = tf.strings.join([_mark(texts, self._exact), " "])
        codes, text_splits = self._rewrite(texts)
        if self._normalized:
            texts = tf.strings.unicode_encode(_ragged(codes, text_splits), "UTF-8")
            decoded = tf.strings.unicode_decode(_mark(texts, self._normalized), "UTF-8")
            codes, text_splits = decoded.values, decoded.row_splits
        kinds = look_up(self._kinds, codes)
        is_kept = kinds != _BLANK
        # Every text ends with a blank, so no word continues in the next text.
        after = tf.concat([[_BLANK], kinds[:-1]], 0)
        is_first = is_kept & ((after != _LETTER) | (kinds == _ALONE))
        words_before = tf.concat([[0], tf.cumsum(tf.cast(is_first, tf.int64))], 0)
        letters = tf.boolean_mask(codes, is_kept)
        starts = tf.where(tf.boolean_mask(is_first, is_kept))[:, 0]
        word_splits = tf.concat([starts, [tf.size(letters, tf.int64)]], 0)
        words = tf.strings.unicode_encode(_ragged(letters, word_splits), "UTF-8")
        is_long = word_splits[1:] - word_splits[:-1] > LONGEST_WORD
        words = tf.where(is_long, MARKS["[UNK]"], words)
        return _ragged(words, tf.gather(words_before, text_splits))

    def _rewrite(self, texts):
        """Code points of the rewritten texts, int32 (N,), and where each text begins (B + 1,)."""
        import tensorflow as tf

        decoded = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
        codes = decoded.values
        rewriting = look_up(self._rewriting, codes)
        # A place below CODES is a character itself; from CODES on it is an index of `rewritten`.
        starts = tf.where(rewriting < 16, codes, CODES + rewriting // 16)
        places = tf.ragged.range(starts, starts + rewriting % 16, row_splits_dtype=tf.int64)
        listed = tf.gather(self._rewritten, tf.maximum(places.values - CODES, 0))
        rewritten = tf.where(places.values < CODES, places.values, listed)
        return rewritten, tf.gather(places.row_splits, decoded.row_splits)


def _mark(texts, marks):
    """Texts with marks in the place of tokens: `marks` is a dict from a token to its mark.

    All tokens are looked for at once, for they may overlap.
    """
    import tensorflow as tf

    literals = {token: "".join(f"\\x{{{ord(c):x}}}" for c in token) for token in marks}
    longest_first = [literals[token] for token in sorted(marks, key=len, reverse=True)]
    texts = tf.strings.regex_replace(texts, "|".join(longest_first), rf"{_BEFORE}\0{_AFTER}")
    for token, mark in marks.items():
        texts = tf.strings.regex_replace(texts, f"{_BEFORE}{literals[token]}{_AFTER}", mark)
    return texts


def _ragged(values, row_splits):
    import tensorflow as tf

    return tf.RaggedTensor.from_row_splits(values, row_splits, validate=False)
