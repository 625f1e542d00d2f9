"""SentencePiece with byte fallback inside TensorFlow graphs."""

from keras_attention.text.tokenizers.byte_fallback_json import BLANK
from keras_attention.text.tokenizers.language_model_graph import LanguageModelGraph, joined_bytes
from keras_attention.text.tokenizers.sentencepiece_model import for_graph


class ByteFallbackGraph(LanguageModelGraph):
    """`ByteFallbackTokenizer` as TensorFlow operations: see `LanguageModelGraph`.

    Its operators are TensorFlow's own, except those of SentencePiece, which stock TF Serving
    registers.
    """

    def __init__(self, tokenizer):
        import tensorflow as tf
        import tensorflow_text

        super().__init__(tokenizer)
        self._prefix, self._prefixes_all = tokenizer.prefix, tokenizer.prefixes_all
        self._prefixes_blanks = tokenizer.prefixes_blanks
        # The blank before a text is put there by this class, so that none is put before the rest.
        self._pieces = tensorflow_text.SentencepieceTokenizer(
            model=for_graph(tokenizer.model), out_type=tf.int32
        )
        # The tokens as they begin a text: those of words lose their blank, and bytes lose nothing.
        first = self._token_strings(tokenizer)
        for token_id, data in enumerate(first):
            if self._prefix and data.startswith(b" ") and not tokenizer.is_byte(token_id):
                first[token_id] = data[1:]
        self._first = tf.constant(first)

    def text_ids(self, strings, begins=None):
        import tensorflow as tf

        if self._prefix:
            has_prefix = strings != ""
            if begins is not None and not self._prefixes_all:
                has_prefix &= begins
            if not self._prefixes_blanks:
                has_prefix &= ~tf.strings.regex_full_match(strings, rf"(?s)[ {BLANK}].*")
            strings = tf.where(has_prefix, tf.strings.join([self._prefix, strings]), strings)
        return self._pieces.tokenize(strings)

    def beginning(self, token_ids, strings):
        import tensorflow as tf

        has_text = strings != ""
        is_first = has_text & (tf.cumsum(tf.cast(has_text, tf.int32), axis=1) == 1)
        return tf.where(is_first, tf.gather(self._first, token_ids), strings)

    def valid(self, strings):
        """Strings (B,) with U+FFFD for each byte that is no UTF-8, as SentencePiece has them."""
        import tensorflow as tf

        codes, starts = tf.strings.unicode_decode_with_offsets(strings, "UTF-8", errors="replace")
        sizes = tf.cast(tf.strings.length(strings), tf.int64)
        before, rows = tf.cumsum(sizes, exclusive=True), codes.value_rowids()
        starts = starts.values + tf.gather(before, rows)  # in the bytes of all strings
        ends = tf.concat([starts, [tf.reduce_sum(sizes)]], axis=0)[1:]
        first_bytes = tf.gather(joined_bytes(strings), starts)
        # Any U+FFFD of the text itself has the bytes EF BF BD.
        is_own = (first_bytes == 0xEF) & (ends - starts == 3)
        counts = tf.where((codes.values == 0xFFFD) & ~is_own, ends - starts, 1)
        lengths = tf.math.unsorted_segment_sum(counts, rows, tf.size(strings))
        codes = tf.RaggedTensor.from_row_lengths(
            tf.repeat(codes.values, counts), lengths, validate=False
        )
        return tf.strings.unicode_encode(codes, "UTF-8")
