"""Texts and tokenizers for the tests of language models' tokenizers."""

import functools
import gzip

from hypothesis import strategies as st

from keras_attention.text import phrase_corpus
from keras_attention.text.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from tests.text.tokenizers.tokenizer_texts import DIFFICULT_TEXTS

CODE = [
    "def f(x):\n    return {'a': x[0], **y}  # 10 %\n\n\nclass B:\n\t\tpass\n",
    '<div class="x">\r\n\r\n  a &amp; b   </div>\r\n',
    "for (int i=0;i<1234567;++i){a[i]^=~b[i]>>3;}",
    "I'll he'd we've they're 'tis isn't IT'S I'M 'sa it\u2019s 'llx",
    "3.14159 1,000,000 ２３４ ٣٤ ½ Ⅷ x2 2x",
    " \n \n\n  a\t\t b \u3000\u3000c\u00a0 \u2028 d  ",
    "end<|endoftext|>  <|endoftext|><|endof text|>",
]
TEXTS = [text for text in DIFFICULT_TEXTS if len(text) < 1000] + CODE

# What rules of splitting speak of: contractions, runs of blanks, digits, and what looks like them.
_PARTS = (
    [" ", "  ", "\t", "\n", "\r\n", "\n\n", "\x0b", "\x1c", "\x85", "\u00a0", "\u2028", "\u3000"]
    + ["'s", "'S", "'\u017f", "'ll", "'Re", "'ve", "'d", "'", "\u2019s", "ll", "re"]
    + ["1", "12345", "\u00b2", "\u0663", "\u2167", "\U00011de1", "0"]
    + ["a", "The", "\u00e9", "e\u0301", "\u65e5\u672c", "\u3007", "\u01c5", "\u0130", "\U0002ebf5"]
    + [
        "!",
        "?!",
        "_",
        "--",
        "\u200b",
        "\ufeff",
        "\x00",
        "\x7f",
        "\U0001f600",
        "\U0001f1e9\U0001f1ea",
    ]
    + ["<|endoftext|>", "<|endof", "text|>", "\ufffd", "\ufffe", "\U0010ffff"]
)
texts = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(_PARTS), max_size=12).map("".join),
    st.lists(st.one_of(st.sampled_from(_PARTS), st.text(max_size=3)), max_size=10).map("".join),
)
lists_of_texts = st.lists(texts, min_size=1, max_size=6)


@functools.cache
def trained(pre_tokenizer, size=700):
    """A small tokenizer; `phrase_corpus` and `TEXTS` are its corpus."""
    sources, targets = phrase_corpus(300)
    return BytePairTokenizer.train([*sources, *targets, *(TEXTS * 3)], size, pre_tokenizer)


def write_gpt2(folder, directory):
    """Writes GPT-2's vocab.json and merges.txt, of the folder of real corpora."""
    for name in ("vocab.json", "merges.txt"):
        data = gzip.decompress((folder / "gpt2_bpe" / f"{name}.gz").read_bytes())
        (directory / name).write_bytes(data)
