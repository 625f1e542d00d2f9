"""Texts that break tokenizers, and a vocabulary trained on some of them."""

import functools

from keras_attention.text import phrase_corpus, train_sentencepiece

DIFFICULT_TEXTS = [
    "",
    " ",
    "  two  spaces  ",
    "three hundred and two",
    "Straße, naïve, façade",
    "e\u0301 combines, \u00e9 does not",  # the same letter twice
    "\u0915\u094d\u0937\u093f Devanagari",
    "日本語の文章。",
    "👩‍👩‍👧‍👦 a family, 🇩🇪 a flag, 👍🏽",
    "\U0001f9ff rare",
    "tab\there, line\nfeed, return\rhere",
    "\x01\x02\x1b[31m control \x7f",
    "before\x00after",
    "\u2028 line separator \u2029\x0b\x85",
    "\u00a0no-break\u2009thin\u3000wide",
    "\u200bzero\u200dwidth\ufeff",
    "‮right to left‬ עברית العربية",
    "\ufffd replacement, \uffff noncharacter, \U0010ffff last",
    "▁▁under▁score",
    "▅ and <unk> <s> </s> <pad> as text",
    "ﬁ ligature, ① circled, Ａ wide",
    "x" * 300,
    "a b " * 25_000,
    "ß日👍" * 33_334,
]

# Halves of surrogate pairs, which Python's strings and JSON may hold and UTF-8 may not.
HALVES = ["\ud83d", "three\udc4d hundred", "a \ud83d\udc4d b", "\udfff\ud800 two", "日\udbff本"]


@functools.cache
def model(model_type="bpe", normalization="nmt_nfkc", byte_fallback=False, size=500):
    """A small SentencePiece model."""
    sources, targets = phrase_corpus(400)
    sentences = [*sources, *targets, "e\u0301 é", "日本語", "👍 ok", "▁ _ <s>"]
    return train_sentencepiece(sentences, size, model_type, normalization, byte_fallback)
