"""Training of SentencePiece vocabularies (Kudo and Richardson 2018)."""

import io
import re

from keras_attention._validation import (
    InputError,
    one_line,
    require,
    require_positive_integer,
    well_formed,
)
from keras_attention.text.tokenizers.sentencepiece_processor import exact_scores
from keras_attention.token_ids import SpecialIds

MODEL_TYPES = ("bpe", "unigram")
NORMALIZATIONS = ("nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity")
_TOO_LARGE = re.compile(r"Please set it to a value <= (\d+)")
# What stands in the trainer's own checks of what normalization leaves.
_NO_CHARACTERS = re.compile(r"sentences_\.empty|all_chars_count")
_TOO_SMALL = re.compile(r"smaller than required_chars. \d+ vs (\d+)")


def train_sentencepiece(
    sentences,
    vocabulary_size,
    model_type="bpe",
    normalization="nmt_nfkc",
    byte_fallback=False,
    special_ids=None,
    symbols=(),
):
    """A SentencePiece model; by default padding is 0, unknown 1, start 2 and end 3.

    Both trainers are deterministic: the same sentences and options give the same model.

    A small corpus gives the largest vocabulary that it allows, which may be smaller than
    `vocabulary_size`. The tokenizer made from the model tells its `vocabulary_size`.

    Args:
        sentences: iterable of strings.
        vocabulary_size: number of tokens V, special ones included.
        model_type: "bpe" or "unigram". The scores of a unigram model are rounded to multiples of
            1/32: see `exact_scores`.
        normalization: SentencePiece's rule. "nmt_nfkc" is for plain text, and "identity" for text
            that decoding must restore exactly. The others are "nfkc", "nmt_nfkc_cf" and "nfkc_cf".
        byte_fallback: whether a character that is not in the corpus becomes 1 to 4 byte tokens
            instead of the unknown token. The 256 byte tokens count in the vocabulary size.
        special_ids: `SpecialIds` of the model, all four; `SpecialIds()` by default.
        symbols: names of further pieces that no text contains; they have the first ids that are
            free.

    Returns:
        The model, as bytes.

    Raises:
        ValueError: if an argument is out of range.
        InputError: if the sentences hold no text, also where normalization leaves no character, or
            SentencePiece cannot be trained on them for another reason.

    Reference: Kudo and Richardson 2018, "SentencePiece", https://arxiv.org/abs/1808.06226
    """
    import sentencepiece

    require_positive_integer("vocabulary_size", vocabulary_size)
    require(model_type in MODEL_TYPES, "model_type", f"one of {MODEL_TYPES}", model_type=model_type)
    require(
        normalization in NORMALIZATIONS,
        "normalization",
        f"one of {NORMALIZATIONS}",
        normalization=normalization,
    )
    sentences = [well_formed(sentence) for sentence in sentences if sentence.strip()]
    if not sentences:
        raise InputError("The corpus holds no text to train a vocabulary on.")
    longest = max(len(sentence.encode()) for sentence in sentences)
    special = SpecialIds() if special_ids is None else special_ids

    def train(size):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            vocab_size=size,
            model_type=model_type,
            normalization_rule_name=normalization,
            character_coverage=1.0,
            max_sentence_length=max(longest + 1, 10),  # which is the least it takes
            pad_id=special.padding,
            unk_id=special.unknown,
            bos_id=special.start,
            eos_id=special.end,
            control_symbols=list(symbols),
            num_threads=1,
            byte_fallback=byte_fallback,
            minloglevel=2,  # its own messages would mix with the caller's progress
        )
        return exact_scores(model.getvalue())

    try:
        return train(vocabulary_size)
    except RuntimeError as error:
        too_large, too_small = (rule.search(str(error)) for rule in (_TOO_LARGE, _TOO_SMALL))
        if too_large:
            return train(int(too_large.group(1)))
        if too_small:
            raise InputError(
                f"A vocabulary of {vocabulary_size:,} is too small for the corpus: its characters "
                f"and the special tokens alone need {int(too_small.group(1)):,}."
            ) from error
        if _NO_CHARACTERS.search(str(error)):
            raise InputError(
                "The corpus holds no text to train a vocabulary on: its normalization, "
                f"{normalization}, leaves no character of it that SentencePiece reads."
            ) from error
        raise InputError(
            f"SentencePiece cannot train a vocabulary on the corpus: {one_line(error)}"
        ) from error
