"""The base class of the tokenizers of language models."""

import dataclasses
import numbers

from keras_attention._validation import require, require_texts, well_formed
from keras_attention.text.tokenizers.incremental_decoder import IncrementalDecoder
from keras_attention.text.tokenizers.special_tokens import split_at_tokens, token_splitters


@dataclasses.dataclass(frozen=True)
class EncodedTexts:
    """The ids of texts.

    Attributes:
        token_ids: list of lists of ids, one a text.
    """

    token_ids: list


class LanguageModelTokenizer:
    """Texts to the ids that a language model reads, and the ids that it writes to text.

    It needs no TensorFlow. `in_graph` gives the same tokenizer for TensorFlow graphs.

    A subclass provides `kind`, `published_class`, `text_ids`, `token_bytes`, `train`, `load`,
    `save`, `describe` and `in_graph`. It stands in the table `LANGUAGE_MODEL_TOKENIZERS`, whose key
    is its `kind`.

    Args:
        vocabulary_size: number of tokens V, special and added ones included.
        special_ids: `SpecialIds`: what ends a text, and what may begin one.
        added_tokens: list of `AddedToken`, which are found in a text before anything else. Those
            that are special are left out of texts.
        adds_start: whether `encode` puts the start before a text.
        chat_template: Jinja template of a published chat model, or None.

    Attributes:
        vocabulary_size, special_ids, added_tokens, adds_start, chat_template: as given.

    Raises:
        ValueError: if a start is to be added and there is none.
    """

    kind = None
    # What tokenizer_config.json calls it, so that transformers reads it.
    published_class = "PreTrainedTokenizerFast"

    def __init__(
        self, vocabulary_size, special_ids, added_tokens=(), adds_start=False, chat_template=None
    ):
        require(
            not adds_start or special_ids.start is not None,
            "adds_start",
            "False where `special_ids` has no start",
            adds_start=adds_start,
        )
        self.vocabulary_size, self.special_ids = vocabulary_size, special_ids
        self.added_tokens = sorted(added_tokens, key=lambda token: token.id)
        self.adds_start, self.chat_template = adds_start, chat_template
        self._hidden = frozenset(token.id for token in self.added_tokens if token.special)
        self._ids_of_added = {token.content: token.id for token in self.added_tokens}
        self._splitters = token_splitters(self.added_tokens)

    @property
    def hidden_ids(self):
        """The ids that stand for nothing in a text, a frozenset."""
        return self._hidden

    def text_ids(self, text, begins=True):
        """The ids of a text without special and added tokens, as a list.

        Args:
            text: string, well formed.
            begins: whether the text begins a row; SentencePiece puts a blank before such a one.
        """
        raise NotImplementedError

    def token_bytes(self, token_id):
        """The bytes that a token stands for, those of its name where it is special."""
        raise NotImplementedError

    def in_graph(self):
        """The same tokenizer as TensorFlow operations, a `tf.Module`.

        It has `tokenize(strings)`, which gives an int32 RaggedTensor (B, None) for strings (B,),
        and `detokenize(token_ids, lengths=None, continues=False)`, which gives strings (B,) for
        int32 (B, T).
        """
        raise NotImplementedError

    def encode(self, texts, add_start=True):
        """The ids of texts, as lists. The name of a special token in a text is that token.

        Nothing is cut, and no end is added. Half a surrogate pair is read as U+FFFD.

        Args:
            texts: list of B strings.
            add_start: whether the start is put before a text where the tokenizer `adds_start`.

        Returns:
            `EncodedTexts`.
        """
        require_texts("texts", texts)
        start = [self.special_ids.start] if add_start and self.adds_start else []
        return EncodedTexts([start + self._row(well_formed(text)) for text in texts])

    def encode_part(self, text, begins):
        """The ids of a part of a document, without start and end, as a list.

        Args:
            text: string.
            begins: whether it is the first part.
        """
        return self._row(well_formed(text), begins)

    def _row(self, text, begins=True):
        if not self._splitters:
            return self.text_ids(text, begins)
        ids = []
        for part, token_id in split_at_tokens(text, self._splitters):
            if token_id is not None:
                ids.append(token_id)
            elif part:
                ids += self.text_ids(part, begins)
            begins = False
        return ids

    def decode(self, token_ids, continues=False):
        """The text of one row of ids. Special tokens are left out.

        Bytes that are no UTF-8 become U+FFFD.

        Args:
            token_ids: list of ids, or an integer array (T,).
            continues: whether the row goes on after other text. SentencePiece drops the blank
                before the first word of a row that does not.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        decoder = self.incremental_decoder(continues)
        return decoder.decode(token_ids, final=True)

    def incremental_decoder(self, continues=True):
        """An `IncrementalDecoder`, which gives the text of ids while they come.

        Args:
            continues: see `decode`.
        """
        return IncrementalDecoder(self._shown_bytes)

    def _shown_bytes(self, token_id):
        """The bytes of a token in a text: none of a special one."""
        self._require_id(token_id)
        return b"" if token_id in self._hidden else self.token_bytes(int(token_id))

    def _require_id(self, token_id):
        is_id = isinstance(token_id, numbers.Integral) and 0 <= token_id < self.vocabulary_size
        known = f"ids below {self.vocabulary_size}"
        require(is_id, "token_ids", known, token_id=token_id)

    def pieces(self, token_ids):
        """What each token stands for, as a list of strings that can be printed.

        A part of a character is shown as its bytes.

        >>> ByteTokenizer().pieces([104, 195, 256])
        ['h', '<0xC3>', '<|endoftext|>']
        """
        for token_id in token_ids:
            self._require_id(token_id)
        return [_printed(self.token_bytes(int(token_id))) for token_id in token_ids]

    def token_id(self, token):
        """The id of a special or added token by its name, or None where there is no such token."""
        return self._ids_of_added.get(token)


def _printed(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in data)
