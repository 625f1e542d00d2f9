"""WordPiece, BERT's tokenizer, inside TensorFlow graphs and beside them."""

import tensorflow as tf
import tensorflow_text

from keras_attention._validation import InputError, require
from keras_attention.text.tokenizers.wordpiece_files import read_tokenizer, write_tokenizer
from keras_attention.text.tokenizers.wordpiece_packing import Encoded, pack_rows
from keras_attention.text.tokenizers.wordpiece_splitter import (
    DROPPED,
    LONGEST_WORD,
    MARKS,
    WordSplitter,
)
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS

# Of one call of the operators in `encode`: characters, so that memory stays bounded.
_CHUNK = 1 << 20

# Characters that no word has, and that would be in the way if a vocabulary had them.
_NEVER = {"\x00", DROPPED, *MARKS.values()}

# What the reference's decoder closes up again, as far as a token can show it.
_CLOSED = (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're")


class WordPieceTokenizer(tf.Module):
    """Texts to the ids of a BERT vocabulary, in TensorFlow graphs or as lists.

    The ids are those of HuggingFace's BertTokenizer, cased and uncased, for every text (the two
    exceptions, in characters that hardly any vocabulary has, are named in `wordpiece_characters`):
    control characters are dropped, punctuation marks and CJK ideographs are words, a word of more
    than 100 characters or with an unknown part is [UNK], and the name of a special token in a text
    is that token. Of the operators that do it, all but `FastWordpieceTokenizeWithOffsets` are
    TensorFlow's own, and stock TF Serving registers that one.

    Args:
        vocabulary: list of strings, the token of id 0 first; [PAD], [UNK], [CLS], [SEP] and [MASK]
            must be among them.
        lowercase: whether the vocabulary is uncased: texts are lowered and lose their accents.
        strip_accents: whether texts lose their accents; None does as `lowercase` says.

    Attributes:
        padding_id, unknown_id, start_id, end_id, mask_id: ids of [PAD], [UNK], [CLS], [SEP] and
            [MASK].

    Raises:
        ValueError: if `vocabulary` is not such a list.

    >>> tokenizer = WordPieceTokenizer(train_wordpiece(["low lower lowest"] * 9, 30))
    >>> tokenizer.encode(["Lowest!"]).token_ids
    [[2, 24, 1, 3]]
    >>> tokenizer.decode([2, 24, 1, 3])
    'lowest'
    """

    def __init__(self, vocabulary, lowercase=True, strip_accents=None):
        super().__init__(name="wordpiece_tokenizer")
        vocabulary = list(vocabulary)
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
        self._vocabulary = tuple(vocabulary)
        self.lowercase, self.strip_accents = bool(lowercase), strip_accents
        self.padding_id, self.unknown_id, self.start_id, self.end_id, self.mask_id = (
            ids[token] for token in SPECIAL_TOKENS
        )
        self._splitter = WordSplitter(self.lowercase, strip_accents)
        try:
            self._pieces = tensorflow_text.FastWordpieceTokenizer(
                [_key(token, i) for i, token in enumerate(vocabulary)],
                max_bytes_per_word=4 * LONGEST_WORD,  # the splitter counts in characters
                token_out_type=tf.int32,
                unknown_token=MARKS["[UNK]"],
                no_pretokenization=True,
            )
        except RuntimeError as error:
            raise ValueError(f"`vocabulary` must suit tensorflow_text: {error}") from error

    @property
    def vocabulary(self):
        """The tokens as a list of strings, that of id 0 first."""
        return list(self._vocabulary)

    @property
    def vocabulary_size(self):
        """Number of tokens V, special ones included."""
        return len(self._vocabulary)

    def tokenize(self, strings):
        """The ids of each text, without [CLS] and [SEP].

        Args:
            strings: string (B,).

        Returns:
            int32 RaggedTensor (B, None).
        """
        words = self._splitter.split(strings)
        pieces = self._pieces.tokenize(words.values)
        splits = tf.gather(pieces.row_splits, words.row_splits)
        return tf.RaggedTensor.from_row_splits(pieces.values, splits, validate=False)

    def pack(self, strings, pair_strings=None, max_length=512):
        """What a BERT encoder takes: [CLS] text [SEP], or [CLS] text [SEP] other text [SEP].

        Args:
            strings: string (B,).
            pair_strings: string (B,), the second texts; None where there are none.
            max_length: tokens of a row at most. Of a pair that is longer, the longer text is cut.

        Returns:
            Dictionary of int32 (B, T), T the longest row: `token_ids`, `segment_ids` (1 for the
            second text) and `padding_mask` (1 where there is a token).
        """
        token_ids, segment_ids, _ = self._rows(strings, pair_strings, max_length)
        return {
            "token_ids": token_ids.to_tensor(self.padding_id),
            "segment_ids": segment_ids.to_tensor(0),
            "padding_mask": tf.ones_like(token_ids).to_tensor(0),
        }

    def _rows(self, strings, pair_strings, max_length):
        least = 2 if pair_strings is None else 3
        require(
            isinstance(max_length, int) and max_length >= least,
            "max_length",
            f"an integer of at least {least}, the special tokens",
            max_length=max_length,
        )
        first = self.tokenize(strings)
        second = None if pair_strings is None else self.tokenize(pair_strings)
        return pack_rows(first, second, max_length, self.start_id, self.end_id)

    def encode(self, texts, pairs=None, max_length=512):
        """The ids of texts, or of pairs of them, as lists.

        Args:
            texts: list of B strings.
            pairs: list of B strings, the second texts; None where there are none.
            max_length: tokens of a row at most. Of a pair that is longer, the longer text is cut.

        Returns:
            `Encoded`: `token_ids`, `segment_ids` and `truncated`, a list each.
        """
        require(not isinstance(texts, str), "texts", "a list of strings", texts=texts)
        if pairs is not None:
            both = {"texts": len(texts), "pairs": len(pairs)}
            require(len(texts) == len(pairs), "pairs", "as many as `texts`", **both)
        encoded = Encoded([], [], [])
        for chunk in _chunks(texts, pairs):
            others = None if pairs is None else _strings(pairs[chunk])
            token_ids, segment_ids, truncated = self._rows(
                _strings(texts[chunk]), others, max_length
            )
            encoded.token_ids.extend(_lists(token_ids))
            encoded.segment_ids.extend(_lists(segment_ids))
            encoded.truncated.extend(truncated.numpy().tolist())
        return encoded

    def decode(self, token_ids):
        """The text of ids, special ones left out: words with a blank between, pieces joined.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        text = ""
        for token_id in token_ids:
            known = f"ids below {self.vocabulary_size}"
            require(0 <= token_id < self.vocabulary_size, "token_ids", known, token_id=token_id)
            token = self._vocabulary[token_id]
            if token in SPECIAL_TOKENS:
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
        """Writes the directory, made if missing, in HuggingFace's format.

        `vocab.txt`, `tokenizer_config.json`, and `tokenizer.json` for the `tokenizers` package and
        its JavaScript build. A save cut short leaves no other tokenizer than this one.
        """
        write_tokenizer(directory, self._vocabulary, self.lowercase, self.strip_accents)

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote, or of any BERT of HuggingFace's.

        Raises:
            InputError: if a file is missing, cannot be read, or describes another tokenizer.
        """
        found = read_tokenizer(directory)
        try:
            return cls(**found)
        except ValueError as error:
            raise InputError(f"{directory}: {error}") from error


def _key(token, token_id):
    """What finds a token in words: of a special one its mark."""
    is_found = len(token) <= LONGEST_WORD + len("##") and not _NEVER & set(token)
    # The operator takes no NUL, and no key twice.
    return MARKS.get(token, token if is_found else f"{DROPPED}{token_id}")


def _chunks(texts, pairs):
    """Slices of texts of about a million characters each."""
    start, size = 0, 0
    for index, text in enumerate(texts):
        size += len(text) + (0 if pairs is None else len(pairs[index]))
        if size >= _CHUNK:
            yield slice(start, index + 1)
            start, size = index + 1, 0
    if start < len(texts):
        yield slice(start, len(texts))


def _strings(texts):
    """Texts as a tensor; halves of surrogate pairs, which JSON may hold, become bytes to drop."""
    return tf.constant([text.encode("utf-8", "surrogatepass") for text in texts], tf.string)


def _lists(rows):
    values, splits = rows.values.numpy().tolist(), rows.row_splits.numpy().tolist()
    return [values[start:end] for start, end in zip(splits[:-1], splits[1:], strict=True)]
