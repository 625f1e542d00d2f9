"""SentencePiece with bytes for what is unknown, the tokenizer of Llama 2, without TensorFlow."""

from keras_attention._validation import InputError, require, well_formed
from keras_attention.text.tokenizers.byte_fallback_files import (
    MODEL_FILE,
    PREFIXES_BLANKS,
    read_byte_fallback,
)
from keras_attention.text.tokenizers.byte_fallback_json import BLANK, json_of
from keras_attention.text.tokenizers.incremental_decoder import EACH_BYTE, IncrementalDecoder
from keras_attention.text.tokenizers.language_model_tokenizer import LanguageModelTokenizer
from keras_attention.text.tokenizers.sentencepiece_model import BPE, options_of, without_prefix
from keras_attention.text.tokenizers.special_tokens import require_findable, split_at_tokens
from keras_attention.text.tokenizers.write_tokenizer import write_files

# The options of models that read texts as Llama 2's does.
_NEEDED = {
    "model_type": (BPE,),
    "byte_fallback": (1,),
    "normalizes": (0,),
    "remove_extra_whitespaces": (0,),
    "escape_whitespaces": (1,),
    "treat_whitespace_as_suffix": (0,),
}


class ByteFallbackTokenizer(LanguageModelTokenizer):
    """Texts to the ids of a SentencePiece model of BPE with byte fallback, and back.

    The ids are those of the `sentencepiece` package. A character that is no piece becomes the
    pieces of its bytes, so nothing is unknown.

    Args:
        model: a SentencePiece model, as bytes, which changes nothing in texts.
        special_ids: `SpecialIds`.
        added_tokens: list of `AddedToken`: the special pieces that a text may name, and tokens with
            the ids after those of the model.
        adds_start, chat_template: see `LanguageModelTokenizer`.
        prefixes_all: where special tokens stand in a text, whether each part between them gets the
            blank that the model puts before a text, or only what begins the text.
        prefixes_blanks: whether what begins with a blank gets one more.

    Attributes:
        model, prefixes_all, prefixes_blanks: as given.

    Raises:
        ValueError: if `model` is not such a model, or ids do not follow those of the model.

    Reference: Kudo and Richardson 2018, "SentencePiece", https://arxiv.org/abs/1808.06226
    """

    kind = "sentencepiece"
    published_class = "LlamaTokenizer"

    def __init__(
        self,
        model,
        special_ids,
        added_tokens=(),
        adds_start=True,
        chat_template=None,
        prefixes_all=True,
        prefixes_blanks=True,
    ):
        import sentencepiece  # here, so that other tokenizers run where it is missing

        require(isinstance(model, bytes) and model, "model", "the bytes of a model", model=model)
        options = options_of(model)
        for name, values in _NEEDED.items():
            require(
                options[name] in values,
                "model",
                f"a SentencePiece model of BPE with byte fallback whose {name} is {values[0]}",
                **{name: options[name]},
            )
        self.model = model
        self.prefixes_all, self.prefixes_blanks = prefixes_all, prefixes_blanks
        self._prefix = " " if options["add_dummy_prefix"] else ""
        try:
            self._processor = sentencepiece.SentencePieceProcessor(
                model_proto=without_prefix(model)
            )
        except RuntimeError as error:
            raise ValueError(
                f"`model` must be a SentencePiece model. Received: {len(model):,} other bytes"
            ) from error
        require_findable(added_tokens)
        names = {token.id: token.content for token in added_tokens}
        count = self._processor.vocab_size()
        size = max([count - 1, *names]) + 1
        ids = {token_id for token_id in names if token_id >= count}
        require(
            ids == set(range(count, size)),
            "added_tokens",
            f"tokens of the model, or with ids from {count} on",
            ids=sorted(ids)[:5],
        )
        self._bytes = [
            names[token_id].encode() if token_id in names else self._piece_bytes(token_id)
            for token_id in range(size)
        ]
        super().__init__(size, special_ids, added_tokens, adds_start, chat_template)
        # Special pieces of the model are left out of texts whether a text may name them or not.
        is_special = (self._processor.is_control, self._processor.is_unknown)
        self._hidden |= {i for i in range(count) if any(check(i) for check in is_special)}
        self._is_byte = [i < count and self._processor.is_byte(i) for i in range(size)]

    def _piece_bytes(self, token_id):
        piece = self._processor.id_to_piece(token_id)
        if self._processor.is_byte(token_id):
            return bytes([int(piece[1:-1], 16)])  # such as <0x0A>
        return piece.replace(BLANK, " ").encode()

    def is_byte(self, token_id):
        """Whether a token is a byte that stands for a part of an unknown character."""
        return self._is_byte[token_id]

    @property
    def prefix(self):
        """What the model puts before a text: a blank, or nothing."""
        return self._prefix

    def text_ids(self, text, begins=True):
        has_prefix = begins or self.prefixes_all
        if not self.prefixes_blanks and text.startswith((" ", BLANK)):
            has_prefix = False
        prefix = self._prefix if has_prefix else ""
        return self._processor.encode(prefix + text) if text else []

    def encode_part(self, text, begins):
        """The ids of a part of a document, without start and end, as a list.

        Args:
            text: string.
            begins: whether it is the first part. No blank is put before another one.
        """
        if begins:
            return super().encode_part(text, begins)
        text = well_formed(text)
        first, _ = split_at_tokens(text, self._splitters)[0]  # what stands before any token
        return self._processor.encode(first) + self._row(text[len(first) :], begins=False)

    def token_bytes(self, token_id):
        return self._bytes[token_id]

    def incremental_decoder(self, continues=True):
        """An `IncrementalDecoder`, which gives the text of ids while they come.

        Args:
            continues: see `decode`.
        """
        is_first = not continues and bool(self._prefix)

        def shown(token_id):
            nonlocal is_first
            data = self._shown_bytes(token_id)
            if is_first and data:
                is_first = False
                if data.startswith(b" ") and not self._is_byte[token_id]:
                    return data[1:]
            return data

        return IncrementalDecoder(shown, EACH_BYTE)

    @classmethod
    def train(cls, texts, vocabulary_size=None):
        """Raises `InputError`: such models are read, and byte-level BPE is trained."""
        raise InputError(
            'A vocabulary of SentencePiece with byte fallback is only read: train one of "bpe".'
        )

    def describe(self):
        """What it is, in a few words, for `inspect`."""
        return f"SentencePiece with byte fallback, {self.vocabulary_size:,} tokens"

    def in_graph(self):
        """The same tokenizer for TensorFlow graphs: see `LanguageModelTokenizer.in_graph`."""
        from keras_attention.text.tokenizers.byte_fallback_graph import ByteFallbackGraph

        return ByteFallbackGraph(self)

    def save(self, directory):
        """Writes tokenizer.model and tokenizer_config.json, and a tokenizer.json of the same ids
        where there can be one; makes the directory if it is missing.

        A save that is interrupted leaves a directory that does not load.
        """
        write_files(
            directory,
            self,
            json_of(self, self._processor),
            others=[(MODEL_FILE, self.model)],
            settings={"legacy": self.prefixes_all, PREFIXES_BLANKS: self.prefixes_blanks},
        )

    @classmethod
    def load(cls, directory):
        """The tokenizer of a directory that `save` wrote, or of a published one.

        Raises:
            InputError: if a file is missing, cannot be read, or describes another tokenizer.
        """
        found = read_byte_fallback(directory)
        try:
            return cls(**found)
        except ValueError as error:
            raise InputError(f"{directory}: {error}") from error
