"""What a published directory says about ids is applied, or refused by name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from keras_attention._validation import InputError
from keras_attention.text import WordPieceTokenizer
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS

VOCABULARY = [*SPECIAL_TOKENS, "[unused1]", "see", "url", "<", ">", "[", "]", "unused", "##1"]
PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


def directory_of(path, files, vocabulary=VOCABULARY):
    """A directory with vocab.txt and JSON files, a dict by name."""
    path.mkdir(exist_ok=True)
    (path / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    for name, content in files.items():
        (path / name).write_text(json.dumps(content))
    return path


def refusal(path, files):
    with pytest.raises(InputError) as caught:
        WordPieceTokenizer.load(directory_of(path, files))
    return str(caught.value).removeprefix(f"{path}/")


def added(content, token_id, **options):
    return {"id": token_id, "content": content, "special": True, **PLAIN, **options}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "tokenizer_config.json",
            {"tokenizer_class": "BertJapaneseTokenizer"},
            "`tokenizer_class` must",
        ),
        ("config.json", {"tokenizer_class": "BertJapaneseTokenizer"}, "`tokenizer_class` must"),
        (
            "tokenizer_config.json",
            {"tokenizer_class": "RobertaTokenizer"},
            "`tokenizer_class` must",
        ),
        (
            "tokenizer_config.json",
            {"auto_map": {"AutoTokenizer": ["a.B", None]}},
            "`auto_map` must",
        ),
        (
            "tokenizer_config.json",
            {"subword_tokenizer_type": "character"},
            "`subword_tokenizer_type`",
        ),
        ("tokenizer_config.json", {"truncation_side": "left"}, "`truncation_side` must be 'right'"),
        ("tokenizer_config.json", {"clean_text": False}, "`clean_text` must be True"),
        ("tokenizer_config.json", {"clean_text": 1}, "`clean_text` must be True"),
        ("tokenizer_config.json", {"split_special_tokens": True}, "`split_special_tokens` must"),
        ("tokenizer_config.json", {"cls_token": "<s>"}, "`cls_token` must be '[CLS]' here"),
        ("special_tokens_map.json", {"cls_token": "<s>"}, "`cls_token` must be '[CLS]' here"),
        ("special_tokens_map.json", {"unk_token": None}, "`unk_token` must be '[UNK]' here"),
        (
            "special_tokens_map.json",
            {"mask_token": {"content": "[MASK]", "single_word": True}},
            "`mask_token: single_word of [MASK]` must be False",
        ),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {"4": added("[MASK]", 4, normalized=True)}},
            "`added_tokens_decoder: normalized of [MASK]` must be False",
        ),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {"3": added("[MASK]", 4)}},
            "must give [MASK] the id that it has in the vocabulary, 4. Received: 3",
        ),
        (
            "added_tokens.json",
            {"[MASK]": 7},
            "must give [MASK] the id that it has in the vocabulary, 4",
        ),
        ("tokenizer_config.json", {"added_tokens_decoder": [1]}, "must be an object of tokens"),
        (
            "tokenizer_config.json",
            {"additional_special_tokens": "<url>"},
            "must be a list of tokens",
        ),
        ("added_tokens.json", ["<url>"], "expected a JSON object"),
        ("tokenizer_config.json", {"add_cls_token": False}, "`add_cls_token` must be True"),
        ("tokenizer_config.json", {"add_eos_token": True}, "`add_eos_token` must be False"),
        ("tokenizer_config.json", {"add_special_tokens": False}, "`add_special_tokens` must"),
        ("tokenizer_config.json", {"token_type_ids_pattern": "all_zeros"}, "must be 'bert_style'"),
        (
            "tokenizer_config.json",
            {"model_input_names": ["input_ids", "attention_mask"]},
            "`model_input_names` must hold 'token_type_ids'",
        ),
        (
            "tokenizer_config.json",
            {"model_specific_special_tokens": {"url_token": "<url>"}},
            "`model_specific_special_tokens` names the token '<url>'",
        ),
        ("tokenizer_config.json", {"bos_token": 0}, "`bos_token` must hold tokens"),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {"9" * 5000: added("[MASK]", 4)}},
            "must give [MASK] the id that it has in the vocabulary, 4",
        ),
    ],
)
def test_other_ids(tmp_path, name, content, message):
    said = refusal(tmp_path, {name: content})
    assert said.startswith(f"{name}: ") and message in said


def test_files_that_add_nothing(tmp_path):
    special = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": added("[MASK]", 4, lstrip=True),
        "bos_token": None,
        "additional_special_tokens": [],
        "extra_special_tokens": {},
    }
    decoder = {str(i): added(token, i) for i, token in enumerate(SPECIAL_TOKENS)}
    files = {
        "config.json": {"model_type": "bert", "tokenizer_class": None},
        "special_tokens_map.json": special,
        "added_tokens.json": {"[MASK]": 4},
        "tokenizer_config.json": {
            **special,
            "added_tokens_decoder": decoder,
            "tokenizer_class": "BertTokenizerFast",
            "truncation_side": "right",
            "add_bos_token": False,
            "model_max_length": 512,
        },
    }
    tokenizer = WordPieceTokenizer.load(directory_of(tmp_path, files))
    assert tokenizer.encode(["see [unused1] [MASK]"]).token_ids == [[2, 6, 10, 12, 13, 11, 4, 3]]


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": {"model_type": "distilbert"}},
        {"config.json": {"model_type": "distilbert", "tokenizer_class": "TokenizersBackend"}},
        {"tokenizer_config.json": {"tokenizer_class": "DistilBertTokenizer"}},
        {"tokenizer_config.json": {"tokenizer_class": "DistilBertTokenizerFast"}},
    ],
)
def test_a_model_without_segments_needs_none(files, tmp_path):
    """What their tokenizers hand to a model changes no ids."""
    settings = files.setdefault("tokenizer_config.json", {})
    settings["model_input_names"] = ["input_ids", "attention_mask"]
    if "TokenizersBackend" in str(files):
        WordPieceTokenizer(VOCABULARY).save(tmp_path / "own")
    tokenizer = WordPieceTokenizer.load(directory_of(tmp_path / "own", files))
    assert tokenizer.encode(["see"], ["url"]).token_ids == [[2, 6, 3, 7, 3]]
    settings["model_input_names"] = ["attention_mask"]
    said = refusal(tmp_path / "own", files)
    assert said.startswith("tokenizer_config.json: `model_input_names` must hold 'input_ids' here.")


def described(path, change, **settings):
    """A directory whose tokenizer.json was changed, and the `tokenizers` package's own."""
    WordPieceTokenizer(VOCABULARY).save(path)
    content = json.loads((path / "tokenizer.json").read_text())
    change(content)
    (path / "tokenizer.json").write_text(json.dumps(content))
    if settings:
        (path / "tokenizer_config.json").write_text(json.dumps(settings))
    return path


ROWS = {
    "BertProcessing": {"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]},
    "other ids": {"type": "BertProcessing", "cls": ["[CLS]", 3], "sep": ["[SEP]", 2]},
    "RobertaProcessing": {
        "type": "RobertaProcessing",
        "cls": ["[CLS]", 2],
        "sep": ["[SEP]", 3],
        "trim_offsets": True,
        "add_prefix_space": False,
    },
    "none": None,
    "ends twice": {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            token: {"id": token, "ids": [i], "tokens": [token]}
            for token, i in (("[CLS]", 2), ("[SEP]", 3))
        },
    },
}


@pytest.mark.parametrize("name", ROWS)
def test_what_stands_around_a_text(tmp_path, name):
    described(tmp_path, lambda content: content.update(post_processor=ROWS[name]))
    theirs = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    if name == "BertProcessing":
        found = WordPieceTokenizer.load(tmp_path).encode(["see url"], ["url"])
        expected = theirs.encode("see url", "url")
        assert found.token_ids == [expected.ids] and found.segment_ids == [expected.type_ids]
        return
    assert theirs.encode("see url").ids != [2, 6, 7, 3] or theirs.encode("see", "url").type_ids != (
        [0, 0, 0, 1, 1]
    )
    with pytest.raises(InputError, match="tokenizer.json: `post_processor.* must be "):
        WordPieceTokenizer.load(tmp_path)


def test_a_row_that_is_cut_at_its_beginning(tmp_path):
    cut = {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Left"}
    described(tmp_path, lambda content: content.update(truncation=cut))
    with pytest.raises(InputError, match="`truncation.direction` must be 'Right' here"):
        WordPieceTokenizer.load(tmp_path)


def test_a_class_that_reads_tokenizer_json_alone(tmp_path):
    def cased(content):
        content["normalizer"]["lowercase"] = False

    described(tmp_path / "a", cased, tokenizer_class="PreTrainedTokenizerFast", do_lower_case=True)
    assert not WordPieceTokenizer.load(tmp_path / "a").lowercase
    described(tmp_path / "b", cased, tokenizer_class="BertTokenizer", do_lower_case=True)
    assert WordPieceTokenizer.load(tmp_path / "b").lowercase
    (tmp_path / "a" / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="PreTrainedTokenizerFast needs tokenizer.json"):
        WordPieceTokenizer.load(tmp_path / "a")


def test_a_class_whose_special_tokens_are_text(tmp_path):
    """Without a file that says so, such a class reads [MASK] as three words."""

    def without_mask(content):
        content["added_tokens"] = [t for t in content["added_tokens"] if t["content"] != "[MASK]"]

    described(tmp_path, without_mask, tokenizer_class="PreTrainedTokenizerFast")
    theirs = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert len(theirs.encode("[MASK]").ids) > 3
    with pytest.raises(InputError, match=r"must name .* as special tokens. Missing: \[MASK\]"):
        WordPieceTokenizer.load(tmp_path)
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"mask_token": "[MASK]"}))
    assert WordPieceTokenizer.load(tmp_path).encode(["[MASK]"]).token_ids == [[2, 4, 3]]


def test_a_tokenizer_saved_over_one_with_added_tokens(tmp_path):
    directory_of(
        tmp_path, {"added_tokens.json": {"<url>": 14}, "special_tokens_map.json": {"a": 1}}
    )
    WordPieceTokenizer(VOCABULARY).save(tmp_path)
    assert WordPieceTokenizer.load(tmp_path).vocabulary == VOCABULARY


OPTIONS = st.fixed_dictionaries(
    {name: st.booleans() for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}
)
TEXTS = st.lists(
    st.sampled_from([*SPECIAL_TOKENS, "[mask]", "[unused1]", "see", " ", "see", "<", "x", "é"])
).map("".join)


@settings(max_examples=60)
@given(st.sampled_from(SPECIAL_TOKENS), OPTIONS, st.lists(TEXTS, min_size=1, max_size=5))
def test_the_ids_are_those_of_the_reference_or_the_options_are_refused(
    tmp_path_factory, token, options, texts
):
    def change(content):
        content["added_tokens"][SPECIAL_TOKENS.index(token)].update(options)

    path = described(tmp_path_factory.getbasetemp() / "options", change)
    try:
        found = WordPieceTokenizer.load(path).encode(texts).token_ids
    except InputError as error:
        assert options["single_word"] or options["normalized"]
        assert f" of {token}` must be False here" in str(error)
        return
    theirs = Tokenizer.from_file(str(path / "tokenizer.json"))
    assert found == [row.ids for row in theirs.encode_batch(texts)]
