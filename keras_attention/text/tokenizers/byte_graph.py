"""Bytes as tokens inside TensorFlow graphs."""

from keras_attention.text.tokenizers.language_model_graph import LanguageModelGraph, joined_bytes


class ByteGraph(LanguageModelGraph):
    """`ByteTokenizer` as TensorFlow operations: see `LanguageModelGraph`."""

    def text_ids(self, strings, begins=None):
        import tensorflow as tf

        lengths = tf.cast(tf.strings.length(strings), tf.int64)
        return tf.RaggedTensor.from_row_lengths(joined_bytes(strings), lengths, validate=False)
