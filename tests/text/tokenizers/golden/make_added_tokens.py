"""The ids that HuggingFace transformers gives to texts with added tokens. Run once, not by tests.

    python -m venv hf && hf/bin/pip install transformers==4.57.6
    hf/bin/python tests/text/tokenizers/golden/make_added_tokens.py

Writes added_tokens.json beside itself: the vocabulary, the texts, and of each case the files of a
directory and the ids of BertTokenizerFast, which reads it.
"""

import json
import tempfile
from pathlib import Path

import transformers

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "see url < > [ ] unused ##1 ##19 covid cov ##id ##ian ian - 19 e new york 中 文 cafe ##s s"
VOCABULARY = [*SPECIAL, "[unused1]", *WORDS.split()]
V = len(VOCABULARY)
TEXTS = [
    "see <url>",
    "see<url>see <URL> < url >",
    "[unused1] [UNUSED1] see[unused1]s",
    "covid COVID covidian Covid-19 covid-19s seecovid co\u0301vid co\u00advid COVID\u0301",
    "covid - 19 covid\u00a019 covid-\n19 [MASK]covid[MASK]",
    "new york New-York NEW-YORK-new",
    "café cafe cafés CAFÉ cafe\u0301 caf\u00e9",
    "中文 中 文 a中文b see中文see",
    "xyz xyzxy zxyz yzx XYZ",
    "<<url>> <url<url>> [[unused1]] [MASK][unused1][SEP]",
    "\x00covid\x7f \ufffdcovid \U0010fff5covid \ue000covid co\ue000vid",
    "",
    "👍👍🏽 see👍s \u200d👍",
]


def added(content, **options):
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"content": content, **plain, **options}


def described(*tokens, lowercase=True):
    """A tokenizer.json with tokens, each with its id."""
    special = [{"id": i, **added(token, special=True)} for i, token in enumerate(SPECIAL)]
    one = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    other = [
        {"Sequence": {"id": "B", "type_id": 1}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 1}},
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [*special, *tokens],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": one,
            "pair": [*one, *other],
            "special_tokens": {
                token: {"id": token, "ids": [i], "tokens": [token]}
                for token, i in (("[CLS]", 2), ("[SEP]", 3))
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: i for i, token in enumerate(VOCABULARY)},
        },
    }


def several(**options):
    contents = ["covid", "covid-19", "New-York", "café", "中文", "xy", "yzx", "👍"]
    ids = [15, *range(V, V + 7)]
    return [{"id": i, **added(c, **options)} for i, c in zip(ids, contents, strict=True)]


MIXED = [
    {"id": V, **added("COVID")},
    {"id": V + 1, **added("Covid", normalized=True)},
    {"id": V + 2, **added("vid-1", normalized=True)},
    {"id": V + 3, **added("<url>", special=True)},
    {"id": 7, **added("url", normalized=True)},
    {"id": 5, **added("[unused1]", special=True, lstrip=True, rstrip=True)},
]
CASES = {
    "added_tokens.json": {"added_tokens.json": {"<url>": V, "covid-19": V + 1}},
    "added_tokens.json, special": {
        "added_tokens.json": {"<url>": V},
        "special_tokens_map.json": {"additional_special_tokens": ["<url>"]},
    },
    "added_tokens_decoder": {
        "tokenizer_config.json": {"added_tokens_decoder": {str(V): added("<url>")}}
    },
    "added_tokens_decoder, by default": {
        "tokenizer_config.json": {
            "added_tokens_decoder": {str(V): {"content": "<url>"}, "15": {"content": "covid"}}
        }
    },
    "additional_special_tokens": {
        "tokenizer_config.json": {"additional_special_tokens": ["[unused1]"]}
    },
    "special_tokens_map.json": {
        "special_tokens_map.json": {"additional_special_tokens": [added("[unused1]")]}
    },
    "extra_special_tokens": {
        "tokenizer_config.json": {"extra_special_tokens": {"url_token": "[unused1]"}}
    },
    "eos_token": {"tokenizer_config.json": {"eos_token": "[unused1]"}},
    "as they are": {"tokenizer.json": described(*several())},
    "normalized": {"tokenizer.json": described(*several(normalized=True))},
    "normalized, cased": {
        "tokenizer.json": described(*several(normalized=True), lowercase=False),
        "tokenizer_config.json": {"do_lower_case": False},
    },
    "mixed": {"tokenizer.json": described(*MIXED)},
    "two files": {
        "tokenizer.json": described(*MIXED[:2]),
        "tokenizer_config.json": {
            "added_tokens_decoder": {
                str(V + 1): added("Covid", normalized=True),
                str(V + 2): added("<url>", special=True),
            }
        },
    },
}


def ids_of(files):
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
        for name, content in files.items():
            (directory / name).write_text(json.dumps(content), encoding="utf-8")
        tokenizer = transformers.BertTokenizerFast.from_pretrained(directory)
        return [tokenizer(text)["input_ids"] for text in TEXTS]


golden = {
    "transformers": transformers.__version__,
    "vocabulary": VOCABULARY,
    "texts": TEXTS,
    "cases": {name: {"files": files, "ids": ids_of(files)} for name, files in CASES.items()},
}
path = Path(__file__).with_name("added_tokens.json")
path.write_text(json.dumps(golden) + "\n", encoding="utf-8")
