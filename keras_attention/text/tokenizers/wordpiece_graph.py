"""WordPiece inside TensorFlow graphs: tf.data pipelines and exported SavedModels."""

from keras_attention.text.tokenizers.graph_module import GraphModule
from keras_attention.text.tokenizers.word_splitter import (
    ADDED_MARKS,
    DROPPED,
    MARKS,
    WordSplitter,
)
from keras_attention.text.tokenizers.wordpiece_tokenizer import require_room
from keras_attention.text.tokenizers.wordpiece_vocabulary import LONGEST_WORD

# Characters that no word has. A token may have them, but the operator must not see it: it takes no
# NUL, and a mark must find its special token.
_NEVER = {"\x00", DROPPED, *MARKS.values(), *ADDED_MARKS}


class WordPieceGraph(GraphModule):
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

        super().__init__(name="wordpiece_tokenizer")
        self.padding_id = tokenizer.padding_id
        self._start_id, self._end_id = tokenizer.start_id, tokenizer.end_id
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

    def pack(self, strings, pair_strings=None, max_length=512):
        """The inputs of a BERT encoder: `WordPieceTokenizer.pack` of tensors.

        Args:
            strings: string (B,).
            pair_strings: string (B,), the second texts; None where there are none.
            max_length: maximum number of tokens in a row. Of a pair that has more, the longer text
                is cut.

        Returns:
            Dictionary of int32 (B, T), T the longest row: `token_ids`, `segment_ids` (1 for the
            second text) and `padding_mask` (1 where there is a token).
        """
        import tensorflow as tf

        require_room(max_length, pair_strings is not None)
        first = self.tokenize(strings)
        second = None if pair_strings is None else self.tokenize(pair_strings)
        token_ids, segment_ids = _pack_rows(first, second, max_length, self._start_id, self._end_id)
        return {
            "token_ids": token_ids.to_tensor(self.padding_id),
            "segment_ids": segment_ids.to_tensor(0),
            "padding_mask": tf.ones_like(token_ids).to_tensor(0),
        }


def _key(token, token_id):
    """The operator's string for a token: a mark for a special one, else the token itself.

    A token that no word can contain gets a string that no word can contain either.
    """
    is_found = len(token) <= LONGEST_WORD + len("##") and not _NEVER & set(token)
    return MARKS.get(token, token if is_found else f"{DROPPED}{token_id}")  # no string twice


def _pack_rows(first, second, max_length, start_id, end_id):
    """Rows with special tokens, cut to `max_length`.

    Args:
        first: int32 RaggedTensor (B, None).
        second: the same of the second texts, or None.
        max_length: maximum number of tokens in a row, special ones included.
        start_id: id of [CLS].
        end_id: id of [SEP].

    Returns:
        `(token_ids, segment_ids)`: int32 RaggedTensors (B, None).
    """
    import tensorflow as tf

    lengths = first.row_lengths()
    if second is None:
        room = tf.cast(max_length, lengths.dtype) - 2
        rows = [_first_tokens(first, tf.minimum(lengths, room))]
    else:
        room = tf.cast(max_length, lengths.dtype) - 3
        kept = _pair_lengths(lengths, second.row_lengths(), room)
        rows = [_first_tokens(first, kept[0]), _first_tokens(second, kept[1])]
    column = tf.ones_like(lengths, first.dtype)[:, tf.newaxis]  # (B, 1)
    token_ids, segment_ids = [column * start_id], [0 * column]
    for segment, row in enumerate(rows):
        token_ids += [row, column * end_id]
        segment_ids += [tf.zeros_like(row) + segment, column * segment]
    return tf.concat(token_ids, 1), tf.concat(segment_ids, 1)


def _pair_lengths(first, second, room):
    """`wordpiece_tokenizer.pair_lengths` of tensors (B,)."""
    import tensorflow as tf

    shorter = tf.minimum(tf.minimum(first, second), room // 2)
    first_kept = tf.where(first <= second, shorter, room - shorter)
    fits = first + second <= room
    return tf.where(fits, first, first_kept), tf.where(fits, second, room - first_kept)


def _first_tokens(rows, lengths):
    """The first `lengths` (B,) tokens of each row."""
    import tensorflow as tf

    starts = rows.row_starts()
    places = tf.ragged.range(starts, starts + lengths, row_splits_dtype=starts.dtype)
    return places.with_values(tf.gather(rows.values, places.values))
