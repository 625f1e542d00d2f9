"""Bytes as tokens: the simplest tokenizer of any text."""

from keras_attention.text.tokenizers.byte_characters import BYTE_CHARACTERS
from keras_attention.text.tokenizers.byte_pair_files import byte_level_json
from keras_attention.text.tokenizers.language_model_tokenizer import LanguageModelTokenizer
from keras_attention.text.tokenizers.special_tokens import END_OF_TEXT
from keras_attention.text.tokenizers.tokenizer_files import (
    KIND,
    SETTINGS,
    read_json,
    require_value,
)
from keras_attention.text.tokenizers.wordpiece_vocabulary import AddedToken
from keras_attention.text.tokenizers.write_tokenizer import write_files
from keras_attention.token_ids import SpecialIds

END = 256


class ByteTokenizer(LanguageModelTokenizer):
    """The bytes of a text in UTF-8, with ids from 0 to 255, and 256 for the end of a text.

    Nothing is unknown to it, and it needs no training.

    >>> tokenizer = ByteTokenizer()
    >>> tokenizer.encode(["né"]).token_ids
    [[110, 195, 169]]
    >>> tokenizer.decode([110, 195, 169, 256])
    'né'
    """

    kind = "bytes"

    def __init__(self):
        super().__init__(
            vocabulary_size=END + 1,
            special_ids=SpecialIds(padding=None, unknown=None, start=None, end=END),
            added_tokens=[AddedToken(END_OF_TEXT, END, special=True)],
        )

    def text_ids(self, text, begins=True):
        return list(text.encode())

    def token_bytes(self, token_id):
        return bytes([token_id]) if token_id < END else END_OF_TEXT.encode()

    @classmethod
    def train(cls, texts, vocabulary_size=None):
        """The tokenizer, whatever the texts are and the size is."""
        return cls()

    def describe(self):
        """What it is, in a few words, for `inspect`."""
        return "bytes, 257 tokens"

    def in_graph(self):
        """The same tokenizer for TensorFlow graphs: see `LanguageModelTokenizer.in_graph`."""
        from keras_attention.text.tokenizers.byte_graph import ByteGraph

        return ByteGraph(self)

    def save(self, directory):
        """Writes HuggingFace's files, which say what it is to other libraries too."""
        vocabulary = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}
        write_files(directory, self, byte_level_json(self, vocabulary, [], "none"))

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote.

        Raises:
            InputError: if it holds another one.
        """
        kind = read_json(directory, SETTINGS).get(KIND)
        require_value(f"{directory}/{SETTINGS}", KIND, kind, (cls.kind,))
        return cls()
