"""The base class of language models' tokenizers inside TensorFlow graphs."""

import numpy as np

from keras_attention.text.tokenizers.graph_module import GraphModule
from keras_attention.text.tokenizers.special_tokens import in_stages, longest_first

# Around a token that is found. No UTF-8 has this byte.
_MARK = b"\xff"


class LanguageModelGraph(GraphModule):
    """Texts to ids and back as TensorFlow operations that stock TF Serving registers.

    It gives the same ids and texts as a `LanguageModelTokenizer`. A subclass provides `text_ids`.

    Args:
        tokenizer: a `LanguageModelTokenizer`.
    """

    def __init__(self, tokenizer):
        import tensorflow as tf

        super().__init__(name=f"{tokenizer.kind}_tokenizer")
        self._start = tokenizer.special_ids.start if tokenizer.adds_start else None
        self._stages = in_stages(tokenizer.added_tokens)
        self._size = tokenizer.vocabulary_size
        self._table = tf.constant(self._token_strings(tokenizer))

    def _token_strings(self, tokenizer):
        """The bytes that each token shows in a text, (V,)."""
        strings = np.empty(self._size, object)
        for token_id in range(self._size):
            hidden = token_id in tokenizer.hidden_ids
            strings[token_id] = b"" if hidden else tokenizer.token_bytes(token_id)
        return strings

    def text_ids(self, strings, begins=None):
        """The ids of texts without special and added tokens.

        Args:
            strings: string (P,), UTF-8.
            begins: boolean (P,), whether each begins a row; None where all do.

        Returns:
            int32 RaggedTensor (P, None), with int64 row splits.
        """
        raise NotImplementedError

    def tokenize(self, strings):
        """The ids of each text, with START first where the tokenizer adds it.

        Args:
            strings: string (B,). Bytes that are no UTF-8 are read as U+FFFD.

        Returns:
            int32 RaggedTensor (B, None).
        """
        import tensorflow as tf

        strings = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
        ids = self._with_tokens(strings) if self._stages else self.text_ids(strings)
        if self._start is None:
            return ids
        column = tf.fill([tf.size(strings), 1], tf.constant(self._start, tf.int32))
        return tf.concat([column, ids], axis=1)

    def _with_tokens(self, strings):
        """The ids of texts that may hold special and added tokens."""
        import tensorflow as tf

        count = tf.size(strings, tf.int64)
        parts, rows = strings, tf.range(count)  # the parts of all texts, and the text of each
        token_ids = tf.fill(tf.shape(strings), -1)  # of the parts that are a token
        for stage in self._stages:
            parts, owners, is_odd = _split(parts, stage, token_ids < 0)
            known = tf.constant(list(stage))
            places = tf.argmax(parts[:, None] == known[None, :], axis=1)
            found = tf.gather(tf.constant(list(stage.values()), tf.int32), places)
            token_ids = tf.where(is_odd, found, tf.gather(token_ids, owners))
            rows = tf.gather(rows, owners)
        is_token = token_ids >= 0
        begins = tf.concat([[True], rows[1:] != rows[:-1]], axis=0)[: tf.size(rows)]
        texts = self.text_ids(tf.where(is_token, "", parts), begins)
        tokens = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(token_ids, is_token), tf.cast(is_token, tf.int64), validate=False
        )
        ids = tf.concat([texts, tokens], axis=1)  # of a part one of both is empty
        lengths = tf.math.unsorted_segment_sum(ids.row_lengths(), rows, count)
        return tf.RaggedTensor.from_row_lengths(ids.values, lengths, validate=False)

    def detokenize(self, token_ids, lengths=None, continues=False):
        """The text of each row of ids. Special tokens, and ids beyond the vocabulary, are left out.

        Args:
            token_ids: int32 (B, T).
            lengths: int32 (B,), the ids of each row; None for all.
            continues: see `LanguageModelTokenizer.decode`.

        Returns:
            string (B,), UTF-8.
        """
        import tensorflow as tf

        shown = (token_ids >= 0) & (token_ids < self._size)
        if lengths is not None:
            shown &= tf.sequence_mask(lengths, tf.shape(token_ids)[1])
        ids = tf.where(shown, token_ids, 0)
        strings = tf.where(shown, tf.gather(self._table, ids), "")
        if not continues:
            strings = self.beginning(ids, strings)
        return self.valid(tf.strings.reduce_join(strings, axis=1))

    def beginning(self, token_ids, strings):
        """The strings of tokens, (B, T), of rows that go on after no other text."""
        return strings

    def valid(self, strings):
        """Strings (B,) with U+FFFD in the place of what is no UTF-8."""
        import tensorflow as tf

        return tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")


def _split(parts, stage, is_text):
    """Parts cut at the tokens of a stage.

    Args:
        parts: string (P,).
        stage: dict from the content of a token to its id.
        is_text: boolean (P,), false where a part is a token already.

    Returns:
        The parts (Q,), the part that each was of (Q,), and whether each is a token of the stage.
    """
    import tensorflow as tf

    literals = ["".join(f"\\x{{{ord(c):x}}}" for c in token) for token in longest_first(stage)]
    marked = tf.strings.regex_replace(parts, "|".join(literals), _MARK + rb"\0" + _MARK)
    split = tf.strings.split(tf.where(is_text, marked, parts), sep=_MARK)
    within = tf.ragged.range(split.row_lengths(), row_splits_dtype=tf.int64).values
    return split.values, split.value_rowids(), within % 2 == 1


def joined_bytes(strings):
    """The bytes of all strings (P,), one after the other, as int32 (N,)."""
    import tensorflow as tf

    data = tf.io.decode_raw(tf.strings.reduce_join(strings), tf.uint8)
    return tf.cast(data, tf.int32)
