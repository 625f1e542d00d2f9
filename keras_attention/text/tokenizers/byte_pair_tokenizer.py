"""Byte-level BPE, the tokenizer of GPT-2, SmolLM2 and Llama 3, in plain Python."""

from itertools import chain

from keras_attention._validation import InputError, require
from keras_attention.text.tokenizers.byte_characters import BYTE_CHARACTERS, read
from keras_attention.text.tokenizers.byte_pair_files import byte_level_json, read_byte_pairs
from keras_attention.text.tokenizers.language_model_tokenizer import LanguageModelTokenizer
from keras_attention.text.tokenizers.pre_tokenizers import PRE_TOKENIZERS
from keras_attention.text.tokenizers.special_tokens import END_OF_TEXT, require_findable
from keras_attention.text.tokenizers.train_byte_pairs import train_byte_pairs
from keras_attention.text.tokenizers.word_ids import WordIds
from keras_attention.text.tokenizers.wordpiece_vocabulary import AddedToken
from keras_attention.text.tokenizers.write_tokenizer import write_files
from keras_attention.token_ids import SpecialIds

SIZE = 8192  # tokens of a vocabulary, where none is asked for


class BytePairTokenizer(LanguageModelTokenizer):
    """Texts to the ids of a byte-level BPE vocabulary, and back.

    The ids are those of the `tokenizers` package for every text. A text is split into words as the
    model's publisher does it, and the bytes of each word are merged. So nothing is unknown, and
    decoding restores every text. Only where a published vocabulary lacks bytes, as SmolLM2's does,
    these are dropped.

    Args:
        vocabulary: dict of ids by tokens, in which `BYTE_CHARACTERS` write bytes.
        merges: list of pairs of tokens, the first to be merged first.
        added_tokens: list of `AddedToken`.
        special_ids: `SpecialIds`; None where there are none.
        pre_tokenizer: how texts are split into words: "gpt2", "smollm" (digits one by one) or
            "llama3"; "none" for no splitting.
        ignore_merges: whether a word that is a token is that token, whatever the merges say.
        adds_start, chat_template: see `LanguageModelTokenizer`.

    Attributes:
        vocabulary, merges, pre_tokenizer: as given.

    Raises:
        ValueError: if the vocabulary holds no byte, ids are not those from 0 on, or a merge is no
            pair of tokens.

    >>> tokenizer = BytePairTokenizer.train(["low lower lowest"] * 9, 270)
    >>> tokenizer.pieces(tokenizer.encode(["lowest!"]).token_ids[0])
    ['low', 'est', '!']

    References: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units",
    https://arxiv.org/abs/1508.07909; Radford et al. 2019, "Language Models are Unsupervised
    Multitask Learners", section 2.2
    """

    kind = "bpe"

    def __init__(
        self,
        vocabulary,
        merges,
        added_tokens=(),
        special_ids=None,
        pre_tokenizer="gpt2",
        ignore_merges=False,
        adds_start=False,
        chat_template=None,
    ):
        require(
            pre_tokenizer in PRE_TOKENIZERS,
            "pre_tokenizer",
            f"one of {tuple(PRE_TOKENIZERS)}",
            pre_tokenizer=pre_tokenizer,
        )
        count = sum(character in vocabulary for character in BYTE_CHARACTERS)
        require(count, "vocabulary", "one with bytes among its tokens", count=count)
        require_findable(added_tokens)
        tokens = {token_id: token for token, token_id in vocabulary.items()}
        added = {token.id: token.content for token in added_tokens}
        size = len(tokens | added)
        require(
            len(tokens) == len(vocabulary) and set(tokens | added) == set(range(size)),
            "vocabulary",
            "one with the ids from 0 on, with those of `added_tokens`",
            ids=f"{size:,} ids",
        )
        none = SpecialIds(padding=None, unknown=None, start=None, end=None)
        special_ids = none if special_ids is None else special_ids
        super().__init__(size, special_ids, added_tokens, adds_start, chat_template)
        self.vocabulary, self.merges = dict(vocabulary), [tuple(pair) for pair in merges]
        self.pre_tokenizer, self.ignore_merges = pre_tokenizer, ignore_merges
        self._bytes = [
            added[token_id].encode() if token_id in added else read(tokens[token_id])
            for token_id in range(size)
        ]
        self._words = PRE_TOKENIZERS[pre_tokenizer].words()
        self._ids = self._word_ids()

    def _word_ids(self):
        ids, ranks = self.vocabulary, {}
        for rank, (left, right) in enumerate(self.merges):
            known = left in ids and right in ids and left + right in ids
            require(known, "merges", "pairs of tokens that are one together", merge=(left, right))
            ranks[ids[left], ids[right]] = rank, ids[left + right]
        whole = {}
        if self.ignore_merges:
            written = set(BYTE_CHARACTERS)
            whole = {read(token): ids[token] for token in ids if written.issuperset(token)}
        return WordIds([ids.get(character) for character in BYTE_CHARACTERS], ranks, whole)

    def text_ids(self, text, begins=True):
        return list(chain.from_iterable(map(self._ids.__getitem__, self._words(text))))

    def token_bytes(self, token_id):
        return self._bytes[token_id]

    def merged(self, data):
        """`(ids, rank)` of the bytes of one word by merging alone: see `WordIds.merged`."""
        return self._ids.merged(data)

    @classmethod
    def train(cls, texts, vocabulary_size=None, pre_tokenizer="gpt2"):
        """A tokenizer whose merges are learned from texts, with one special token for their end.

        Args:
            texts: iterable of strings.
            vocabulary_size: maximum number of tokens V, at least 257; None for 8,192. A small
                corpus gives a smaller vocabulary.
            pre_tokenizer: see this class.

        Raises:
            ValueError: if `vocabulary_size` is no such integer.
            InputError: if the texts hold no text.
        """
        size = SIZE if vocabulary_size is None else vocabulary_size
        vocabulary, merges = train_byte_pairs(texts, size, (END_OF_TEXT,), pre_tokenizer)
        return cls(
            vocabulary,
            merges,
            [AddedToken(END_OF_TEXT, 0, special=True)],
            SpecialIds(padding=None, unknown=None, start=None, end=0),
            pre_tokenizer,
        )

    def describe(self):
        """What it is, in a few words, for `inspect`."""
        return f"byte-level BPE ({self.pre_tokenizer}), {self.vocabulary_size:,} tokens"

    def in_graph(self):
        """The same tokenizer for TensorFlow graphs: see `LanguageModelTokenizer.in_graph`."""
        from keras_attention.text.tokenizers.byte_pair_graph import BytePairGraph

        return BytePairGraph(self)

    def save(self, directory):
        """Writes the directory in HuggingFace's format; makes it if it is missing.

        The files are tokenizer.json, for the `tokenizers` package and all that reads its files, and
        tokenizer_config.json. A save that is interrupted leaves a directory that does not load.
        """
        described = byte_level_json(
            self, self.vocabulary, self.merges, self.pre_tokenizer, self.ignore_merges
        )
        write_files(directory, self, described)

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote, or of a published one.

        Raises:
            InputError: if a file is missing, cannot be read, or describes another tokenizer.
        """
        found = read_byte_pairs(directory)
        try:
            return cls(**found)
        except ValueError as error:
            raise InputError(f"{directory}: {error}") from error
