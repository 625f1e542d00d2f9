"""The characters of a corpus as tokens."""

from collections import Counter

from keras_attention._validation import InputError, require, well_formed
from keras_attention.text.tokenizers.language_model_tokenizer import LanguageModelTokenizer
from keras_attention.text.tokenizers.special_tokens import END_OF_TEXT
from keras_attention.text.tokenizers.tokenizer_files import (
    KIND,
    SETTINGS,
    TOKENIZER,
    read_json,
    read_vocabulary,
    require_value,
)
from keras_attention.text.tokenizers.wordpiece_vocabulary import AddedToken
from keras_attention.text.tokenizers.write_tokenizer import tokenizer_json, write_files
from keras_attention.token_ids import SpecialIds

_UNKNOWN_TOKEN = "<unk>"
_END, _UNKNOWN, _FIRST = 0, 1, 2


class CharacterTokenizer(LanguageModelTokenizer):
    """Each character of a text as a token; 0 ends a text, and 1 is any unknown character.

    Args:
        characters: list of different characters; the first has id 2.

    Attributes:
        ids: dict of ids by characters.

    Raises:
        ValueError: if `characters` is no such list.

    >>> tokenizer = CharacterTokenizer.train(["abba"])
    >>> tokenizer.encode(["abc"]).token_ids
    [[2, 3, 1]]
    """

    kind = "characters"

    def __init__(self, characters):
        characters = list(characters)
        are_different = len(set(characters)) == len(characters)
        are_characters = all(isinstance(c, str) and len(c) == 1 for c in characters)
        require(
            characters and are_different and are_characters,
            "characters",
            "a list of different characters",
            characters=characters[:10],
        )
        super().__init__(
            vocabulary_size=_FIRST + len(characters),
            special_ids=SpecialIds(padding=None, unknown=_UNKNOWN, start=None, end=_END),
            added_tokens=[
                AddedToken(END_OF_TEXT, _END, special=True),
                AddedToken(_UNKNOWN_TOKEN, _UNKNOWN, special=True),
            ],
        )
        self.ids = {character: _FIRST + index for index, character in enumerate(characters)}
        names = [END_OF_TEXT, _UNKNOWN_TOKEN, *characters]
        self._bytes = [name.encode() for name in names]

    def text_ids(self, text, begins=True):
        ids = self.ids
        return [ids.get(character, _UNKNOWN) for character in text]

    def token_bytes(self, token_id):
        return self._bytes[token_id]

    @classmethod
    def train(cls, texts, vocabulary_size=None):
        """The tokenizer of the characters that texts have, in the order of Unicode.

        Args:
            texts: iterable of strings.
            vocabulary_size: maximum number of tokens V, special ones included; the most frequent
                characters are kept. None keeps all.

        Raises:
            InputError: if the texts hold no character, or the size has no room for one.
        """
        counts = Counter()
        for text in texts:
            counts.update(well_formed(text))
        if not counts:
            raise InputError("The corpus holds no text to train a vocabulary on.")
        if vocabulary_size is not None and vocabulary_size <= _FIRST:
            raise InputError(
                f"A vocabulary of {vocabulary_size:,} is too small: the special tokens alone need "
                f"{_FIRST}."
            )
        most = None if vocabulary_size is None else vocabulary_size - _FIRST
        by_count = sorted(counts, key=lambda character: (-counts[character], character))
        return cls(sorted(by_count[:most]))

    def describe(self):
        """What it is, in a few words, for `inspect`."""
        return f"characters, {self.vocabulary_size:,} tokens"

    def in_graph(self):
        """The same tokenizer for TensorFlow graphs: see `LanguageModelTokenizer.in_graph`."""
        from keras_attention.text.tokenizers.character_graph import CharacterGraph

        return CharacterGraph(self)

    def save(self, directory):
        """Writes HuggingFace's files, which say what it is to other libraries too."""
        names = {END_OF_TEXT: _END, _UNKNOWN_TOKEN: _UNKNOWN}
        model = {"vocab": names | self.ids, "merges": [], "unk_token": _UNKNOWN_TOKEN}
        write_files(directory, self, tokenizer_json(self, model, None, {"type": "Fuse"}))

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote.

        Raises:
            InputError: if it holds another one, or cannot be read.
        """
        kind = read_json(directory, SETTINGS).get(KIND)
        require_value(f"{directory}/{SETTINGS}", KIND, kind, (cls.kind,))
        model = read_json(directory, TOKENIZER).get("model")
        path = f"{directory}/{TOKENIZER}"
        ids = read_vocabulary(
            path, "model.vocab", model.get("vocab") if isinstance(model, dict) else None
        )
        names = sorted(ids, key=ids.get)
        is_ours = names[:_FIRST] == [END_OF_TEXT, _UNKNOWN_TOKEN] and len(names) > _FIRST
        if not is_ours or sorted(ids.values()) != list(range(len(ids))):
            raise InputError(f"{path}: `model.vocab` is not one of characters.")
        try:
            return cls(names[_FIRST:])
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error
