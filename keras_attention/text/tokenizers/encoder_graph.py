"""The base class of encoders' tokenizers inside TensorFlow graphs."""

from keras_attention.text.tokenizers.encoder_rows import require_room
from keras_attention.text.tokenizers.graph_module import GraphModule


class EncoderGraph(GraphModule):
    """Texts to the inputs of an encoder as TensorFlow ops, by the `tokenize` of a subclass.

    Args:
        name: of the module.
        tokenizer: the tokenizer outside of graphs, with the same ids.
    """

    def __init__(self, name, tokenizer):
        super().__init__(name=name)
        self.padding_id = tokenizer.padding_id
        self._start_id, self._end_id = tokenizer.start_id, tokenizer.end_id

    def tokenize(self, strings):
        """The ids of each text, without [CLS] and [SEP].

        Args:
            strings: string (B,).

        Returns:
            int32 RaggedTensor (B, None).
        """
        raise NotImplementedError

    def pack(self, strings, pair_strings=None, max_length=512):
        """The inputs of an encoder: the tokenizer's `pack` of tensors.

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
