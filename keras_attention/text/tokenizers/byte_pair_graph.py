"""Byte-level BPE inside TensorFlow graphs: tf.data pipelines and exported SavedModels.

A BPE vocabulary is a model of SentencePiece whose scores fall with the ranks of merges, and stock
TF Serving registers its operator. SentencePiece merges any two pieces that are a piece together.
So only tokens that are reached by merging their own bytes are pieces here. Then both merge the
same: while nothing has been merged over the borders of a part of a word, the part has been merged
as it is merged alone.
"""

import functools

import numpy as np

from keras_attention.text.tokenizers.byte_characters import BYTE_CHARACTERS, read
from keras_attention.text.tokenizers.code_point_tables import CODES, look_up, paged
from keras_attention.text.tokenizers.language_model_graph import (
    LanguageModelGraph,
    joined_bytes,
)
from keras_attention.text.tokenizers.pre_tokenizers import (
    APOSTROPHE,
    BAR,
    BLANK,
    LETTER,
    LINE_END,
    NUMBER,
    OTHER,
    PRE_TOKENIZERS,
    SPACE,
)
from keras_attention.text.tokenizers.sentencepiece_model import (
    CONTROL,
    NORMAL,
    UNKNOWN,
    for_graph,
    sentencepiece_bpe,
)
from keras_attention.text.tokenizers.unicode_classes import code_points

_END = ","  # behind each word, in texts of marks
_NO_TEXT = "\U0010fffd"  # in the names of pieces that no text has; no byte is written so


@functools.cache
def _marks(name):
    """The mark of each character as a table of pages, for a key of `PRE_TOKENIZERS`."""
    pre_tokenizer = PRE_TOKENIZERS[name]
    marks = np.full(CODES, ord(OTHER), np.int32)
    for characters, mark in (
        ("letters", LETTER),
        (pre_tokenizer.digits, NUMBER),
        ("blanks", BLANK),
    ):
        for first, last in code_points(characters):
            marks[first : last + 1] = ord(mark)
    for character in (SPACE, APOSTROPHE, *"delmrstv"):
        marks[ord(character)] = ord(character)
    if pre_tokenizer.any_case:
        for character in "DELMRSTV\u017f":
            marks[ord(character)] = ord(character.lower()) if character < "\x7f" else ord("s")
    if pre_tokenizer.line_ends:
        marks[[ord("\r"), ord("\n")]] = ord(LINE_END)
    return paged(marks)


class BytePairGraph(LanguageModelGraph):
    """`BytePairTokenizer` as TensorFlow operations: see `LanguageModelGraph`.

    Its operators are TensorFlow's own, except those of SentencePiece, which stock TF Serving
    registers.
    """

    def __init__(self, tokenizer):
        import tensorflow as tf
        import tensorflow_text

        super().__init__(tokenizer)
        self._pre_tokenizer = PRE_TOKENIZERS[tokenizer.pre_tokenizer]
        self._marks = [tf.constant(table) for table in _marks(tokenizer.pre_tokenizer)]
        self._characters = tf.constant([ord(character) for character in BYTE_CHARACTERS])
        is_token = [character in tokenizer.vocabulary for character in BYTE_CHARACTERS]
        self._is_token = None if all(is_token) else tf.constant(is_token)
        pieces, unreached = _pieces(tokenizer)
        self._pieces = tensorflow_text.SentencepieceTokenizer(
            model=for_graph(sentencepiece_bpe(pieces)), out_type=tf.int32
        )
        # Words that are tokens, and that merging does not reach.
        self._whole = None
        if tokenizer.ignore_merges and unreached:
            initial = tf.lookup.KeyValueTensorInitializer(
                list(unreached), list(unreached.values()), tf.string, tf.int32
            )
            self._whole = tf.lookup.StaticHashTable(initial, -1)

    def text_ids(self, strings, begins=None):
        import tensorflow as tf

        words, word_splits = self._split(strings)
        if self._whole is None:
            ids = self._pieces.tokenize(words)
        else:
            found = self._whole.lookup(words)
            is_found = found >= 0
            ids = self._pieces.tokenize(tf.where(is_found, "", words))
            whole = tf.RaggedTensor.from_row_lengths(
                tf.boolean_mask(found, is_found), tf.cast(is_found, tf.int64), validate=False
            )
            ids = tf.concat([ids, whole], axis=1)
        splits = tf.gather(ids.row_splits, word_splits)
        return tf.RaggedTensor.from_row_splits(ids.values, splits, validate=False)

    def _split(self, strings):
        """The words of all texts in `BYTE_CHARACTERS`, (W,), and where each text begins, (P + 1,).

        Args:
            strings: string (P,).
        """
        import tensorflow as tf

        # Every character, and where each begins in the bytes of all texts.
        codes = tf.strings.unicode_decode(tf.strings.reduce_join(strings), "UTF-8")
        sizes = 1 + sum(tf.cast(codes >= least, tf.int64) for least in (0x80, 0x800, 0x10000))
        starts = tf.concat([[0], tf.cumsum(sizes)], axis=0)
        lengths = tf.strings.length(strings, unit="UTF8_CHAR")
        text_ends = tf.cumsum(tf.cast(lengths, tf.int64))  # in characters
        word_ends = self._word_ends(codes, lengths, text_ends)
        data = joined_bytes(strings)
        splits = tf.concat([[0], tf.gather(starts, word_ends)], axis=0)
        if self._is_token is not None:  # what is no token is dropped
            is_kept = tf.gather(self._is_token, data)
            kept = tf.cumsum(tf.cast(is_kept, tf.int64))
            splits = tf.gather(tf.concat([[0], kept], axis=0), splits)
            data = tf.boolean_mask(data, is_kept)
        characters = tf.gather(self._characters, data)
        words = tf.strings.unicode_encode(
            tf.RaggedTensor.from_row_splits(characters, splits, validate=False), "UTF-8"
        )
        before = tf.searchsorted(word_ends, text_ends, side="right", out_type=tf.int64)
        return words, tf.concat([[0], before], axis=0)

    def _word_ends(self, codes, lengths, text_ends):
        """The number of characters up to the end of each word, int64 (W,)."""
        import tensorflow as tf

        if self._pre_tokenizer.marked is None:
            return tf.boolean_mask(text_ends, lengths > 0)
        marks = tf.strings.unicode_encode(
            tf.RaggedTensor.from_row_lengths(look_up(self._marks, codes), lengths, validate=False),
            "UTF-8",
        )
        marks = tf.strings.regex_replace(marks, self._pre_tokenizer.bar, rf"\1{BAR}\2\3")
        marks = tf.strings.regex_replace(marks, self._pre_tokenizer.marked, rf"\0{_END}")
        marks = tf.strings.regex_replace(marks, rf"\{BAR}", "")
        is_end = joined_bytes(marks) == ord(_END)
        passed = tf.cumsum(tf.cast(~is_end, tf.int64))
        return tf.boolean_mask(passed, is_end)


def _pieces(tokenizer):
    """The pieces of a SentencePiece model, and the ids of words that merging does not reach.

    Args:
        tokenizer: a `BytePairTokenizer`.

    Returns:
        A list of `(string, score, type)`, and a dict from tokens in `BYTE_CHARACTERS` to ids.
    """
    names = {token_id: token for token, token_id in tokenizer.vocabulary.items()}
    pieces, unreached = [], {}
    for token_id in range(tokenizer.vocabulary_size):
        name = names.get(token_id)
        kind, score = CONTROL, 0.0
        if name is not None:
            is_written = set(BYTE_CHARACTERS).issuperset(name)
            ids, rank = tokenizer.merged(read(name)) if is_written else ([], None)
            if ids == [token_id]:
                kind, score = NORMAL, -float(rank or 0)
            elif is_written:
                unreached[name] = token_id
        pieces.append((name or f"{_NO_TEXT}{token_id}", score, kind))
    return [*pieces, (f"{_NO_TEXT}unknown", 0.0, UNKNOWN)], unreached
