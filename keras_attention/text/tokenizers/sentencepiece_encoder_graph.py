"""SentencePiece for encoders inside TensorFlow graphs."""

from keras_attention._validation import InputError
from keras_attention.text.tokenizers.encoder_graph import EncoderGraph
from keras_attention.text.tokenizers.sentencepiece_processor import (
    has_user_defined_pieces,
    is_unigram,
)


class SentencePieceEncoderGraph(EncoderGraph):
    """Texts to ids as TensorFlow ops, a `tf.Module`.

    It gives the same ids as `SentencePieceEncoderTokenizer`, which needs no TensorFlow. Its
    operator is that of `SentencePieceTokenizer`, which stock TF Serving registers.

    Args:
        tokenizer: a `SentencePieceEncoderTokenizer`.

    Raises:
        InputError: if it is a unigram model with user-defined pieces. TensorFlow's operator finds
            other ids with these than the `sentencepiece` package does.

    >>> graph = tokenizer.in_graph()
    >>> graph.tokenize(tf.constant(["lower"])).to_list()
    [[14, 9]]
    """

    def __init__(self, tokenizer):
        import tensorflow as tf
        import tensorflow_text

        super().__init__("sentencepiece_encoder_tokenizer", tokenizer)
        model = tokenizer.model
        if is_unigram(model) and has_user_defined_pieces(model):
            raise InputError(
                "The tokenizer's SentencePiece model is a unigram model with user-defined pieces, "
                "with which TensorFlow finds other ids than Python: no SavedModel of strings can "
                "be made with it."
            )
        self._tokenizer = tensorflow_text.SentencepieceTokenizer(model=model, out_type=tf.int32)

    def tokenize(self, strings):
        return self._tokenizer.tokenize(strings)
