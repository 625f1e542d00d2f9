"""Characters as tokens inside TensorFlow graphs."""

import numpy as np

from keras_attention.text.tokenizers.code_point_tables import CODES, look_up, paged
from keras_attention.text.tokenizers.language_model_graph import LanguageModelGraph


class CharacterGraph(LanguageModelGraph):
    """`CharacterTokenizer` as TensorFlow operations: see `LanguageModelGraph`."""

    def __init__(self, tokenizer):
        import tensorflow as tf

        super().__init__(tokenizer)
        ids = np.full(CODES, tokenizer.special_ids.unknown, np.int32)
        for character, token_id in tokenizer.ids.items():
            ids[ord(character)] = token_id
        self._ids = [tf.constant(table) for table in paged(ids)]

    def text_ids(self, strings, begins=None):
        import tensorflow as tf

        codes = tf.strings.unicode_decode(strings, "UTF-8")
        return codes.with_flat_values(look_up(self._ids, codes.flat_values))
