"""WordPiece, BERT's tokenizer, in plain Python."""

import numbers
from itertools import chain

from keras_attention._validation import InputError, require
from keras_attention.text.tokenizers.chunk_ids import ChunkIds, split_chunks
from keras_attention.text.tokenizers.encoder_rows import encode_rows, pack_rows
from keras_attention.text.tokenizers.wordpiece_files import read_tokenizer, write_tokenizer
from keras_attention.text.tokenizers.wordpiece_vocabulary import (
    LONGEST_TOKEN,
    SPECIAL_TOKENS,
    fits_graph,
    require_added_tokens,
    train_wordpiece,
)
from keras_attention.token_ids import SpecialIds

# The reference's decoder deletes the blank before these, where a token shows it.
_CLOSED = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")


class WordPieceTokenizer:
    """Texts to the ids of a BERT vocabulary, and back.

    It needs no TensorFlow. `in_graph` gives the same tokenizer for TensorFlow graphs.

    The ids are those of HuggingFace's BertTokenizer, cased and uncased, for every text but the two
    exceptions that `wordpiece_characters` names. Control characters are dropped. Punctuation marks
    and CJK ideographs are words. A word is [UNK] if it has more than 100 characters or an unknown
    part. The name of a special token in a text is that token.

    Args:
        vocabulary: list of strings, the token of id 0 first; [PAD], [UNK], [CLS], [SEP] and [MASK]
            must be among them.
        lowercase: whether the vocabulary is uncased. If so, texts are lowercased and lose their
            accents.
        strip_accents: whether texts lose their accents; None means the same as `lowercase`.
        added_tokens: list of `AddedToken`, which are found before a text is split into words. Those
            that are not in `vocabulary` have the ids that follow it.

    Attributes:
        word_count: number of tokens that words are made of: the length of `vocabulary` as given.
        padding_id, unknown_id, start_id, end_id, mask_id: ids of [PAD], [UNK], [CLS], [SEP] and
            [MASK].

    Raises:
        ValueError: if `vocabulary` is not such a list, a token has more than 256 bytes, or an added
            one holds a blank or has another id.

    >>> tokenizer = WordPieceTokenizer(train_wordpiece(["low lower lowest"] * 9, 30))
    >>> tokenizer.encode(["Lowest!"]).token_ids
    [[2, 24, 1, 3]]
    >>> tokenizer.decode([2, 24, 1, 3])
    'lowest'
    """

    def __init__(self, vocabulary, lowercase=True, strip_accents=None, added_tokens=()):
        vocabulary, added_tokens = list(vocabulary), sorted(added_tokens, key=lambda t: t.id)
        require(
            all(isinstance(token, str) and token for token in vocabulary),
            "vocabulary",
            "a list of strings that are not empty",
            others=[token for token in vocabulary if not isinstance(token, str) or not token][:5],
        )
        ids = {token: i for i, token in enumerate(vocabulary)}
        require(
            len(ids) == len(vocabulary),
            "vocabulary",
            "a list of different strings",
            repeated=[token for i, token in enumerate(vocabulary) if ids[token] != i][:5],
        )
        missing = [token for token in SPECIAL_TOKENS if token not in ids]
        require(not missing, "vocabulary", f"one with {SPECIAL_TOKENS}", missing=missing)
        unfit = [token for token in vocabulary if not fits_graph(token)]
        require(
            not unfit,
            "vocabulary",
            f"a list of UTF-8 strings of at most {LONGEST_TOKEN} bytes, the limit of TensorFlow's "
            "operator",
            others=unfit[:5],
        )
        require_added_tokens(added_tokens, vocabulary, lowercase, strip_accents)
        self.added_tokens, self.word_count = tuple(added_tokens), len(vocabulary)
        beyond = [token.content for token in added_tokens if token.content not in ids]
        self._vocabulary = (*vocabulary, *beyond)
        self._hidden = {*SPECIAL_TOKENS, *(t.content for t in added_tokens if t.special)}
        self.lowercase, self.strip_accents = bool(lowercase), strip_accents
        self.padding_id, self.unknown_id, self.start_id, self.end_id, self.mask_id = (
            ids[token] for token in SPECIAL_TOKENS
        )
        self._chunks = ChunkIds(ids, self.lowercase, strip_accents, added_tokens)

    @property
    def vocabulary(self):
        """The tokens as a list of strings, that of id 0 first."""
        return list(self._vocabulary)

    @property
    def vocabulary_size(self):
        """Number of tokens V, special and added ones included."""
        return len(self._vocabulary)

    @property
    def is_continuation(self):
        """Whether each token continues the word of the token before it: a list of V booleans."""
        return [token.startswith("##") for token in self._vocabulary]

    def pieces(self, token_ids, texts=()):
        """The tokens as SentencePiece writes them: the first of each word begins with "▁".

        An unknown word is as it stands in `texts`, those that the ids were made of, if given.
        """
        chunks = chain.from_iterable(map(split_chunks, texts))
        unknown = chain.from_iterable(map(self._chunks.unknown, chunks))
        tokens = [
            next(unknown, "[UNK]") if token_id == self.unknown_id else self._vocabulary[token_id]
            for token_id in token_ids
        ]
        return [t[2:] if t.startswith("##") and t != "##" else f"▁{t}" for t in tokens]

    def describe(self):
        """What it is, in a few words."""
        added = f", {len(self.added_tokens)} added" if self.added_tokens else ""
        case = "uncased" if self.lowercase else "cased"
        return f"WordPiece, {case}, {self.vocabulary_size:,} tokens{added}"

    @property
    def special_ids(self):
        """The `SpecialIds`: [CLS] starts a row and [SEP] ends it."""
        return SpecialIds(self.padding_id, self.unknown_id, self.start_id, self.end_id)

    def in_graph(self):
        """The `WordPieceGraph`, a `tf.Module` with the same ids, for TensorFlow graphs."""
        from keras_attention.text.tokenizers.wordpiece_graph import WordPieceGraph

        return WordPieceGraph(self)

    def encode(self, texts, pairs=None, max_length=512):
        """The ids of texts, or of pairs of texts, as lists.

        A row is [CLS] text [SEP], or [CLS] text [SEP] other text [SEP].

        Args:
            texts: list of B strings.
            pairs: list of B strings, the second texts; None where there are none.
            max_length: maximum number of tokens in a row. Of a pair that has more, the longer text
                is cut.

        Returns:
            `Encoded`: `token_ids`, `segment_ids` and `truncated`, a list each.
        """
        special = self.start_id, self.end_id
        return encode_rows(self._text_ids, texts, pairs, max_length, *special)

    def _text_ids(self, text):
        """The ids of one text, without [CLS] and [SEP]."""
        return list(chain.from_iterable(map(self._chunks.__getitem__, split_chunks(text))))

    def pack(self, texts, pairs=None, max_length=512):
        """The inputs of a BERT encoder: `encode` as arrays with padding.

        Args:
            texts, pairs, max_length: see `encode`.

        Returns:
            Dictionary of int32 arrays (B, T), T the longest row: `token_ids`, `segment_ids` (1 for
            the second text) and `padding_mask` (1 where there is a token).
        """
        return pack_rows(self.encode(texts, pairs, max_length), self.padding_id)

    def decode(self, token_ids):
        """The text of ids: words with a blank between them. Special tokens are left out.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        text, known = "", f"ids below {self.vocabulary_size}"
        for token_id in token_ids:
            is_id = isinstance(token_id, numbers.Integral) and 0 <= token_id < self.vocabulary_size
            require(is_id, "token_ids", known, token_id=token_id)
            token = self._vocabulary[token_id]
            if token in self._hidden:
                continue
            if text and token.startswith("##"):
                token = token.removeprefix("##")
            elif text:
                token = f" {token}"
            for closed in _CLOSED:
                token = token.replace(closed, closed[1:])
            text += token
        return text

    def save(self, directory):
        """Writes the directory in HuggingFace's format; makes it if it is missing.

        The files are `vocab.txt`, `tokenizer_config.json`, and `tokenizer.json` for the
        `tokenizers` package and its JavaScript build. A save that is interrupted leaves this
        tokenizer or a directory that does not load.
        """
        words = self._vocabulary[: self.word_count]
        write_tokenizer(directory, words, self.lowercase, self.strip_accents, self.added_tokens)

    @classmethod
    def train(cls, texts, vocabulary_size, lowercase=True):
        """A tokenizer whose vocabulary is made of texts: see `train_wordpiece`."""
        return cls(train_wordpiece(texts, vocabulary_size, lowercase), lowercase)

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote, or of any HuggingFace BERT.

        Raises:
            InputError: if a file is missing, cannot be read, or describes another tokenizer.
        """
        found = read_tokenizer(directory)
        try:
            return cls(**found)
        except ValueError as error:
            raise InputError(f"{directory}: {error}") from error
