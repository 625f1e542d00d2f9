"""SentencePiece inside TensorFlow graphs: tf.data pipelines and exported SavedModels."""

from keras_attention._validation import InputError
from keras_attention.text.tokenizers.graph_module import GraphModule
from keras_attention.text.tokenizers.sentencepiece_processor import (
    SentencePieceProcessor,
    has_user_defined_pieces,
    is_unigram,
)


class SentencePieceTokenizer(GraphModule):
    """Strings to ids and back as TensorFlow ops, a `tf.Module`.

    It gives the same ids and texts as `SentencePieceProcessor`, which needs no TensorFlow.

    Args:
        model: a SentencePiece model, as bytes, with padding, start and end.

    Raises:
        ValueError: see `SentencePieceProcessor`.
        InputError: if it is a unigram model with user-defined pieces. TensorFlow's operator finds
            other ids with these than the `sentencepiece` package does.

    >>> tokenizer = SentencePieceTokenizer(train_sentencepiece(sentences, 1000))
    >>> ids = tokenizer.tokenize(tf.constant(["three hundred"]))
    >>> tokenizer.detokenize(ids.to_tensor()).numpy()
    array([b'three hundred'], dtype=object)
    """

    def __init__(self, model):
        import tensorflow as tf
        import tensorflow_text

        super().__init__(name="sentencepiece_tokenizer")
        self._processor = SentencePieceProcessor(model)
        model = self._processor.model
        if is_unigram(model) and has_user_defined_pieces(model):
            raise InputError(
                "The tokenizer's SentencePiece model is a unigram model with user-defined pieces, "
                "with which TensorFlow finds other ids than Python: train the vocabulary with the "
                'type "bpe", or without such pieces.'
            )
        self._tokenizer = tensorflow_text.SentencepieceTokenizer(model=model, out_type=tf.int32)

    @property
    def model(self):
        """The SentencePiece model, as bytes."""
        return self._processor.model

    @property
    def vocabulary_size(self):
        """Number of tokens V, special ones included."""
        return self._processor.vocabulary_size

    @property
    def special_ids(self):
        """The `SpecialIds` of the model."""
        return self._processor.special_ids

    def tokenize(self, texts, max_length=None, add_start=False, add_end=True):
        """The ids of each text.

        Args:
            texts: string (N,).
            max_length: maximum number of ids, START and END included; the rest is dropped.
            add_start: whether START comes first.
            add_end: whether END comes last.

        Returns:
            int32 RaggedTensor (N, None).
        """
        import tensorflow as tf

        ids = self._tokenizer.tokenize(texts)
        if max_length is not None:
            ids = ids[:, : max_length - add_start - add_end]
        column = tf.ones_like(texts, tf.int32)[:, None]  # (N, 1)
        special = self.special_ids
        parts = [column * special.start] * add_start + [ids] + [column * special.end] * add_end
        return tf.concat(parts, axis=1) if len(parts) > 1 else ids

    def detokenize(self, token_ids):
        """The text of each row of ids: up to the first END, special ids left out.

        Args:
            token_ids: int32 (N, T).

        Returns:
            string (N,).
        """
        import tensorflow as tf

        special = self.special_ids
        ended = tf.cumsum(tf.cast(token_ids == special.end, tf.int32), axis=1) > 0
        is_special = (token_ids == special.padding) | (token_ids == special.start)
        kept = tf.ragged.boolean_mask(token_ids, ~(ended | is_special))
        return self._tokenizer.detokenize(kept)
