import json
import re
import shutil

import pytest
from tokenizers import Tokenizer

from keras_attention._validation import InputError
from keras_attention.text import WordPieceTokenizer
from keras_attention.text.tokenizers import wordpiece_files
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS
from tests.text.tokenizers.wordpiece_references import (
    BERT_TEXTS,
    PUBLISHED,
    published,
    reference_ids,
    trained,
)

SMALL = [*SPECIAL_TOKENS, "a", "##b", "É", "e"]


def state(tokenizer):
    return tokenizer.vocabulary, tokenizer.lowercase, tokenizer.strip_accents


@pytest.mark.parametrize(
    ("lowercase", "strip_accents"), [(True, None), (False, None), (True, False), (False, True)]
)
def test_saved_and_loaded(tmp_path, lowercase, strip_accents):
    tokenizer, reference = trained(lowercase, strip_accents)
    tokenizer.save(tmp_path / "new" / "tokenizer")
    assert {path.name for path in (tmp_path / "new" / "tokenizer").iterdir()} == {
        "vocab.txt",
        "tokenizer_config.json",
        "tokenizer.json",
    }
    assert state(WordPieceTokenizer.load(tmp_path / "new" / "tokenizer")) == state(tokenizer)
    for name in ("vocab.txt", "tokenizer.json"):  # either will do
        (tmp_path / name).mkdir()
        for other in (name, "tokenizer_config.json"):
            shutil.copy(tmp_path / "new" / "tokenizer" / other, tmp_path / name)
        assert state(WordPieceTokenizer.load(tmp_path / name)) == state(tokenizer)
    (tmp_path / "tokenizer.json" / "tokenizer_config.json").unlink()
    assert state(WordPieceTokenizer.load(tmp_path / "tokenizer.json")) == state(tokenizer)


@pytest.mark.parametrize("lowercase", [True, False])
def test_the_tokenizers_package_loads_what_is_saved(tmp_path, lowercase):
    tokenizer, reference = trained(lowercase)
    tokenizer.save(tmp_path)
    loaded = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert loaded.get_vocab_size() == tokenizer.vocabulary_size
    encoded = tokenizer.encode(BERT_TEXTS, max_length=10_000)
    assert reference_ids(loaded, BERT_TEXTS, special=True) == encoded.token_ids
    pairs = tokenizer.encode(BERT_TEXTS, BERT_TEXTS[::-1], max_length=20_000)
    expected = loaded.encode_batch(list(zip(BERT_TEXTS, BERT_TEXTS[::-1], strict=True)))
    assert [row.ids for row in expected] == pairs.token_ids
    assert [row.type_ids for row in expected] == pairs.segment_ids
    for row in encoded.token_ids:
        assert loaded.decode(row) == tokenizer.decode(row)


def test_the_published_directory_is_written_as_it_was(tmp_path):
    tokenizer, _ = published()
    assert tokenizer.lowercase
    tokenizer.save(tmp_path)
    assert (tmp_path / "vocab.txt").read_bytes() == (PUBLISHED / "vocab.txt").read_bytes()
    theirs = json.loads((PUBLISHED / "tokenizer.json").read_text(encoding="utf-8"))
    theirs.update(truncation=None, padding=None)  # which are of the model that it was made for
    assert json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8")) == theirs


def test_saved_over_another(tmp_path):
    WordPieceTokenizer(SMALL).save(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    WordPieceTokenizer([*SMALL, "z"], False).save(tmp_path)
    assert state(WordPieceTokenizer.load(tmp_path)) == ([*SMALL, "z"], False, None)
    assert (tmp_path / "config.json").exists()


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_save_cut_short(tmp_path, monkeypatch, written):
    """leaves nothing that loads, or the new tokenizer: never parts of two."""
    new = WordPieceTokenizer([*SMALL, "z"], False)
    WordPieceTokenizer(SMALL).save(tmp_path)
    calls = []

    def write(path, data):
        if len(calls) == written:
            raise KeyboardInterrupt
        calls.append(path)
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr(wordpiece_files, "write_atomically", write)
        with pytest.raises(KeyboardInterrupt):
            new.save(tmp_path)
    if written < 2:
        with pytest.raises(InputError, match="not a WordPiece tokenizer"):
            WordPieceTokenizer.load(tmp_path)
    else:
        assert state(WordPieceTokenizer.load(tmp_path)) == state(new)


def write_vocabulary(directory, data):
    (directory / "vocab.txt").write_bytes(data)
    return directory


def test_a_vocabulary_file_alone_is_uncased(tmp_path):
    text = "\n".join(SMALL)
    for data in (text, f"{text}\n", text.replace("\n", "\r\n"), f"\ufeff{text}\n"):
        write_vocabulary(tmp_path, data.encode())
        assert state(WordPieceTokenizer.load(tmp_path)) == (SMALL, True, None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "vocab.txt: the file is empty; expected one token a line."),
        (b"[PAD]\n[UNK]\n[CLS]\na\n", "vocab.txt: the vocabulary lacks [SEP] [MASK]; BERT needs"),
        (b"[PAD]\nx\n[CLS]\nx\n", "vocab.txt, line 4: the token 'x' stands on line 2 already."),
        (b"[PAD]\nx\n\n[CLS]\n", "vocab.txt, line 3: empty; expected one token a line."),
        (b"[PAD]\nx\ncaf\xe9\n", "vocab.txt, line 3: not UTF-8 text (byte 4 is 0xe9)."),
    ],
)
def test_a_bad_vocabulary_file(tmp_path, data, message):
    with pytest.raises(InputError) as error:
        WordPieceTokenizer.load(write_vocabulary(tmp_path, data))
    assert f"{tmp_path}/{message}" in str(error.value)


def test_no_tokenizer_at_all(tmp_path):
    for directory in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match="not a WordPiece tokenizer; expected vocab.txt"):
            WordPieceTokenizer.load(directory)


def test_a_vocabulary_that_the_operator_refuses(tmp_path):
    write_vocabulary(tmp_path, "\n".join([*SMALL, "日" * 90]).encode())
    with pytest.raises(InputError, match="at most 256 bytes, the limit of TensorFlow"):
        WordPieceTokenizer.load(tmp_path)


def saved(directory, name=None, change=None):
    """A saved tokenizer, one of its JSON files changed."""
    WordPieceTokenizer(SMALL, lowercase=False).save(directory)
    if name:
        content = json.loads((directory / name).read_text(encoding="utf-8"))
        change(content)
        (directory / name).write_text(json.dumps(content), encoding="utf-8")
    return directory


def test_settings_hold_over_the_other_file(tmp_path):
    def change(content):
        content["do_lower_case"] = True

    saved(tmp_path, "tokenizer_config.json", change)
    assert WordPieceTokenizer.load(tmp_path).lowercase
    (tmp_path / "tokenizer_config.json").write_text("{}")
    assert not WordPieceTokenizer.load(tmp_path).lowercase


def test_special_tokens_with_their_options(tmp_path):
    def change(content):
        content["mask_token"] = {"content": "[MASK]", "lstrip": False, "__type": "AddedToken"}
        content["model_max_length"] = 512

    saved(tmp_path, "tokenizer_config.json", change)
    assert WordPieceTokenizer.load(tmp_path).vocabulary == SMALL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokenize_chinese_chars", False),
        ("do_basic_tokenize", False),
        ("never_split", ["a"]),
        ("unk_token", "<unk>"),
        ("do_lower_case", "yes"),
        ("strip_accents", 1.5),
    ],
)
def test_settings_that_would_give_other_ids(tmp_path, name, value):
    saved(tmp_path, "tokenizer_config.json", lambda content: content.update({name: value}))
    received = re.escape(f"Received: {value!r}")
    with pytest.raises(InputError, match=f"config.json: `{name}` must be .* {received}"):
        WordPieceTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("model", "type", "BPE"),
        ("model", "unk_token", "<unk>"),
        ("model", "continuing_subword_prefix", "@@"),
        ("model", "max_input_chars_per_word", 200),
        ("normalizer", "type", "NFC"),
        ("normalizer", "clean_text", False),
        ("normalizer", "handle_chinese_chars", False),
        ("normalizer", "lowercase", None),
        ("pre_tokenizer", "type", "Whitespace"),
    ],
)
def test_other_tokenizers(tmp_path, part, name, value):
    saved(tmp_path, "tokenizer.json", lambda content: content[part].update({name: value}))
    with pytest.raises(InputError, match=f"tokenizer.json: `.*{name}` must be .* {value!r}"):
        WordPieceTokenizer.load(tmp_path)


def without_ids(content):
    content["model"]["vocab"]["a"] = 100


def with_an_empty_token(content):
    content["model"]["vocab"][""] = len(SMALL)


def without_special_tokens(content):
    content["model"]["vocab"] = {"[PAD]": 0, "[UNK]": 1, "a": 2}


def with_added_tokens(content):
    content["added_tokens"].append({"id": 11, "content": "<extra>"})


def with_another_vocabulary(content):
    content["model"]["vocab"]["z"] = len(SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_ids, "tokenizer.json: `model.vocab` must give tokens the ids 0, 1, 2 and so on"),
        (with_an_empty_token, "tokenizer.json: `model.vocab` holds an empty token"),
        (without_special_tokens, "tokenizer.json: the vocabulary lacks [CLS] [SEP] [MASK]"),
        (with_added_tokens, "`added_tokens` must give added tokens the ids that follow those of"),
        (with_another_vocabulary, "hold different vocabularies (9 and 10 tokens)"),
        (lambda content: content.pop("normalizer"), "not a WordPiece tokenizer; expected model"),
    ],
)
def test_a_bad_tokenizer_file(tmp_path, change, message):
    saved(tmp_path, "tokenizer.json", change)
    with pytest.raises(InputError) as error:
        WordPieceTokenizer.load(tmp_path)
    assert str(tmp_path) in str(error.value) and message in str(error.value)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff{}", "not JSON"),
        (b"[]", "expected a JSON object"),
    ],
)
def test_not_json(tmp_path, name, data, message):
    saved(tmp_path)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name}: {message}"):
        WordPieceTokenizer.load(tmp_path)


def test_a_sentencepiece_directory(tmp_path):
    from keras_attention.text import TranslationTokenizer
    from tests.text.tokenizers.tokenizer_texts import model

    TranslationTokenizer(model()).save(tmp_path)
    with pytest.raises(InputError, match=": not a WordPiece tokenizer; expected vocab.txt"):
        WordPieceTokenizer.load(tmp_path)
