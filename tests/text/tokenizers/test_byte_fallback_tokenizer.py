"""SentencePiece with byte fallback: ids and texts are those of the `sentencepiece` package."""

import functools
import io
import json

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from keras_attention._validation import InputError
from keras_attention.text import phrase_corpus
from keras_attention.text.tokenizers import load_language_model_tokenizer
from keras_attention.text.tokenizers.byte_fallback_tokenizer import ByteFallbackTokenizer
from keras_attention.text.tokenizers.wordpiece_vocabulary import AddedToken
from keras_attention.token_ids import SpecialIds
from tests.text.tokenizers.language_model_texts import TEXTS, texts

SIZE = 600
SPECIAL = [
    AddedToken(name, token_id, special=True)
    for token_id, name in enumerate(("<unk>", "<s>", "</s>"))
]


@functools.cache
def llama_model(**options):
    """A model trained as that of Llama 2."""
    model, sentences = io.BytesIO(), phrase_corpus(400)[0]
    settings = {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        **options,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*sentences, "  two   blanks"]),
        model_writer=model,
        vocab_size=SIZE,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
        **settings,
    )
    return model.getvalue()


@functools.cache
def llama(**options):
    special = SpecialIds(padding=None, unknown=0, start=1, end=2)
    return ByteFallbackTokenizer(llama_model(), special, SPECIAL, **options)


@functools.cache
def package():
    return sentencepiece.SentencePieceProcessor(model_proto=llama_model())


@given(text=texts)
def test_ids_of_any_text(text):
    assert llama().encode([text]).token_ids == [[1, *package().encode(text)]]
    assert llama().encode([text], add_start=False).token_ids == [package().encode(text)]


@given(ids=st.lists(st.one_of(st.integers(3, SIZE - 1), st.integers(3, 258)), max_size=10))
def test_texts_of_any_ids(ids):
    text = llama().decode([1, *ids, 2])
    assert text == package().decode(ids)
    decoder = llama().incremental_decoder(continues=False)
    parts = [decoder.decode([token_id]) for token_id in ids] + [decoder.decode([], final=True)]
    assert "".join(parts) == text


def test_the_first_blank_of_what_continues_a_text():
    (ids,) = llama().encode(["a man"]).token_ids
    assert llama().decode(ids) == "a man"
    assert llama().decode(ids[1:], continues=True) == " a man"


def test_special_tokens_in_a_text():
    """Llama 2's first tokenizer puts a blank before each part; the later one before the first."""
    for prefixes_all, later in ((True, " a"), (False, "a")):
        tokenizer = llama(prefixes_all=prefixes_all)
        (ids,) = tokenizer.encode(["a</s>a<unk>"]).token_ids
        assert "".join(tokenizer.pieces(ids)) == f"<s> a</s>{later}<unk>"
        assert tokenizer.decode(ids, continues=True) == f" a{later}"


def test_parts_of_a_document_have_the_ids_of_the_whole():
    # Special tokens, and what looks like a blank, are not what documents are made of.
    plain = [text for text in TEXTS if not {"<", "\u2581"} & set(text)]
    for text in (*plain, " a man  and a woman "):
        places = [i for i, c in enumerate(text) if i and c == " " and not text[i - 1].isspace()]
        whole = llama().encode([text], add_start=False).token_ids[0]
        for place in places:
            parts = (
                llama().encode_part(text[:place], True),
                llama().encode_part(text[place:], False),
            )
            assert [*parts[0], *parts[1]] == whole


def test_a_directory_comes_back(tmp_path):
    added = [*SPECIAL, AddedToken("<tool>", SIZE, special=False)]
    special = SpecialIds(padding=None, unknown=0, start=1, end=2)
    tokenizer = ByteFallbackTokenizer(
        llama_model(), special, added, adds_start=False, chat_template="x", prefixes_all=False
    )
    tokenizer.save(tmp_path)
    loaded = load_language_model_tokenizer(tmp_path)
    assert isinstance(loaded, ByteFallbackTokenizer)
    assert loaded.vocabulary_size == SIZE + 1 and loaded.special_ids == special
    assert (loaded.adds_start, loaded.prefixes_all, loaded.chat_template) == (False, False, "x")
    text = "a <tool>man</s>"
    assert loaded.encode([text]).token_ids == tokenizer.encode([text]).token_ids
    assert loaded.decode(loaded.encode([text]).token_ids[0]) == "a <tool>man"


def test_a_published_directory(tmp_path):
    """Only the model, and beside it tokenizer.json, which says what is around a text."""
    (tmp_path / "tokenizer.model").write_bytes(llama_model())
    loaded = load_language_model_tokenizer(tmp_path)
    assert loaded.special_ids == SpecialIds(padding=None, unknown=0, start=1, end=2)
    assert loaded.adds_start and loaded.prefixes_all and loaded.added_tokens == SPECIAL
    described = {
        "added_tokens": [
            {"id": token.id, "content": token.content, "special": True, "normalized": False}
            for token in SPECIAL
        ],
        "pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first"},
        "post_processor": None,
        "model": {"type": "BPE", "byte_fallback": True},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    loaded = load_language_model_tokenizer(tmp_path)
    assert not loaded.adds_start and not loaded.prefixes_all


@pytest.mark.parametrize(
    "options, name",
    [
        ({"model_type": "unigram", "hard_vocab_limit": False}, "model_type"),
        ({"byte_fallback": False}, "byte_fallback"),
        ({"normalization_rule_name": "nmt_nfkc"}, "normalizes"),
        ({"remove_extra_whitespaces": True}, "remove_extra_whitespaces"),
        ({"treat_whitespace_as_suffix": True}, "treat_whitespace_as_suffix"),
    ],
)
def test_other_models_are_refused_by_name(tmp_path, options, name):
    (tmp_path / "tokenizer.model").write_bytes(llama_model(**options))
    with pytest.raises(InputError, match=f"whose {name} is"):
        load_language_model_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("tokenizer.model", "no model", "not a SentencePiece model"),
        ("tokenizer_config.json", '{"add_eos_token": true}', "`add_eos_token` must be"),
        ("tokenizer_config.json", '{"tokenizer_class": "T5Tokenizer"}', "`tokenizer_class` must"),
        ("tokenizer_config.json", '{"bos_token": "<bos>"}', "`bos_token` must be a token"),
        ("added_tokens.json", '{"<x>": 5}', "<x> is given the id 5"),
        ("added_tokens.json", '{"<x>": 900}', "ids from 600 on"),
        ("tokenizer_config.json", "[]", "expected a JSON object"),
    ],
)
def test_spoiled_directories(tmp_path, name, content, message):
    (tmp_path / "tokenizer.model").write_bytes(llama_model())
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        load_language_model_tokenizer(tmp_path)


def test_it_is_not_trained():
    with pytest.raises(InputError, match="only read"):
        ByteFallbackTokenizer.train(["a"])


def described(pre_tokenizer=None):
    """The tokenizer.json of a Llama 2, of a model trained by the `tokenizers` package."""
    blank = "\u2581"
    normalizer = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": blank},
            {"type": "Replace", "pattern": {"String": " "}, "content": blank},
        ],
    }
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    package = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    package.pre_tokenizer = pre_tokenizers.Metaspace(replacement=blank)
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=special, show_progress=False)
    package.train_from_iterator([*phrase_corpus(400)[0], *TEXTS[:12]], trainer)
    content = json.loads(package.to_str())
    start = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    return {
        **content,
        "added_tokens": [token for token in content["added_tokens"] if token["id"] < 3],
        "normalizer": normalizer if pre_tokenizer is None else None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [start, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
    }


@pytest.fixture(scope="module", params=["normalizer", "first", "always"])
def of_json(request, tmp_path_factory):
    """A tokenizer that a tokenizer.json alone describes, and the `tokenizers` package's."""
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "split": False}
    metaspace["prepend_scheme"] = request.param
    content = described(None if request.param == "normalizer" else metaspace)
    path = tmp_path_factory.mktemp(request.param)
    (path / "tokenizer.json").write_text(json.dumps(content))
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (path / "tokenizer_config.json").write_text(json.dumps(names))
    return load_language_model_tokenizer(path), Tokenizer.from_file(str(path / "tokenizer.json"))


@given(text=texts)
def test_ids_of_a_tokenizer_json_alone(of_json, text):
    tokenizer, reference = of_json
    assert tokenizer.encode([text]).token_ids == [reference.encode(text).ids]
    marked = f"a</s>{text} b<s>b"
    assert tokenizer.encode([marked]).token_ids == [reference.encode(marked).ids]


def test_a_tokenizer_json_alone_comes_back_as_a_model(of_json, tmp_path):
    tokenizer, _ = of_json
    tokenizer.save(tmp_path)
    loaded = load_language_model_tokenizer(tmp_path)
    assert (
        loaded.encode(TEXTS + [" </s> a"]).token_ids
        == tokenizer.encode(TEXTS + [" </s> a"]).token_ids
    )
    assert isinstance(loaded, ByteFallbackTokenizer) and (tmp_path / "tokenizer.model").exists()
    assert loaded.special_ids == SpecialIds(padding=None, unknown=0, start=1, end=2)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"normalizer": {"type": "NFKC"}}, "`normalizer` and `pre_tokenizer` must put a blank"),
        ({"pre_tokenizer": {"type": "Metaspace"}}, "`normalizer` and `pre_tokenizer` must put"),
        ({"post_processor": {"type": "BertProcessing"}}, "`post_processor.type` must be"),
    ],
)
def test_other_tokenizer_json_are_refused(tmp_path, changes, message):
    (tmp_path / "tokenizer.json").write_text(json.dumps({**described(), **changes}))
    with pytest.raises(InputError, match=message):
        load_language_model_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"dropout": 0.1}, "`model.dropout` must be"),
        ({"vocab": {"<unk>": 0}}, "must hold 256 bytes"),
        ({"vocab": {"<unk>": 7}}, "ids 0, 1, 2"),
        ({"merges": [["a", "\u2581\u2581\u2581\u2581q"]]}, "merges must be pairs"),
        ({"unk_token": None}, "must hold 256 bytes"),
        ({"unk_token": []}, "must hold 256 bytes"),
    ],
)
def test_spoiled_models_of_a_tokenizer_json(tmp_path, changes, message):
    content = described()
    content["model"].update(changes)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        load_language_model_tokenizer(tmp_path)


@pytest.fixture(scope="module", params=[(True, True), (True, False), (False, False)])
def saved(request, tmp_path_factory):
    """A tokenizer of a model, and the `tokenizers` package's of the tokenizer.json beside it."""
    path = tmp_path_factory.mktemp("saved")
    prefixes_all, prefixes_blanks = request.param
    llama(prefixes_all=prefixes_all, prefixes_blanks=prefixes_blanks).save(path)
    loaded = load_language_model_tokenizer(path)
    assert (loaded.prefixes_all, loaded.prefixes_blanks) == request.param
    return loaded, Tokenizer.from_file(str(path / "tokenizer.json"))


@given(text=texts)
def test_the_tokenizer_json_of_a_model_has_its_ids(saved, text):
    tokenizer, reference = saved
    for each in (text, f"a</s>{text} b<s>b"):
        assert tokenizer.encode([each]).token_ids == [reference.encode(each).ids]


def test_where_no_tokenizer_json_has_the_ids_none_is_written(tmp_path):
    llama(prefixes_all=False).save(tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
    assert not load_language_model_tokenizer(tmp_path).prefixes_all
