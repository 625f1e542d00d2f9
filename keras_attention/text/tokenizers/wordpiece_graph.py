"""WordPiece inside TensorFlow graphs: tf.data pipelines and exported SavedModels."""

from keras_attention.text.tokenizers.encoder_graph import EncoderGraph
from keras_attention.text.tokenizers.word_splitter import (
    ADDED_MARKS,
    DROPPED,
    MARKS,
    WordSplitter,
)
from keras_attention.text.tokenizers.wordpiece_vocabulary import LONGEST_WORD

# Characters that no word has. A token may have them, but the operator must not see it: it takes no
# NUL, and a mark must find its special token.
_NEVER = {"\x00", DROPPED, *MARKS.values(), *ADDED_MARKS}


class WordPieceGraph(EncoderGraph):
    """Texts to ids as TensorFlow ops, a `tf.Module`.

    It gives the same ids as `WordPieceTokenizer`, which needs no TensorFlow, for every text. Its
    operators are TensorFlow's own, except `FastWordpieceTokenizeWithOffsets`, which stock TF
    Serving registers.

    Args:
        tokenizer: a `WordPieceTokenizer`.

    Raises:
        ValueError: if the operator refuses the vocabulary.

    >>> graph = tokenizer.in_graph()
    >>> graph.tokenize(tf.constant(["Lowest!"])).to_list()
    [[24, 1]]
    """

    def __init__(self, tokenizer):
        import tensorflow as tf
        import tensorflow_text

        super().__init__("wordpiece_tokenizer", tokenizer)
        added = tokenizer.added_tokens
        self._splitter = WordSplitter(tokenizer.lowercase, tokenizer.strip_accents, added)
        # An added token may be a word of the vocabulary too, so that its mark has an id of its own.
        self._words, self._added_ids = tokenizer.word_count, tuple(t.id for t in added)
        words = tokenizer.vocabulary[: self._words]
        try:
            self._pieces = tensorflow_text.FastWordpieceTokenizer(
                [*map(_key, words, range(len(words))), *ADDED_MARKS[: len(added)]],
                max_bytes_per_word=4 * LONGEST_WORD,  # the splitter counts in characters
                token_out_type=tf.int32,
                unknown_token=MARKS["[UNK]"],
                no_pretokenization=True,
            )
        except RuntimeError as error:
            raise ValueError(f"`vocabulary` must suit tensorflow_text: {error}") from error

    def tokenize(self, strings):
        """The ids of each text, without [CLS] and [SEP].

        Args:
            strings: string (B,).

        Returns:
            int32 RaggedTensor (B, None).
        """
        import tensorflow as tf

        words = self._splitter.split(strings)
        pieces = self._pieces.tokenize(words.values)
        splits = tf.gather(pieces.row_splits, words.row_splits)
        ids = pieces.values
        if self._added_ids:
            added = tf.gather(self._added_ids, tf.maximum(ids - self._words, 0))
            ids = tf.where(ids < self._words, ids, added)
        return tf.RaggedTensor.from_row_splits(ids, splits, validate=False)


def _key(token, token_id):
    """The operator's string for a token: a mark for a special one, else the token itself.

    A token that no word can contain gets a string that no word can contain either.
    """
    is_found = len(token) <= LONGEST_WORD + len("##") and not _NEVER & set(token)
    return MARKS.get(token, token if is_found else f"{DROPPED}{token_id}")  # no string twice
