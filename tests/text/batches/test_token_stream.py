import json

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.text import BytePairTokenizer, ByteTokenizer, TokenStream
from keras_attention.token_ids import SpecialIds
from tests.text.tokenizers.language_model_texts import TEXTS, trained

PARTS = [("ab", True), (" é", False), ("c", True), ("d\ud83d", True)]


def test_documents_end_with_the_end():
    stream = TokenStream.of(PARTS, ByteTokenizer())
    text = [*b"ab \xc3\xa9", 256, *b"c", 256, *b"d\xef\xbf\xbd", 256]
    assert stream.ids.tolist() == text and stream.begins.tolist() == [0, 6, 8]
    assert (stream.tokens, stream.documents, stream.characters, stream.bytes) == (13, 3, 7, 10)
    assert stream.ids.dtype == np.uint16


def test_documents_begin_with_the_start_where_it_is_added():
    base = trained("gpt2", 300)
    special = SpecialIds(padding=None, unknown=None, start=0, end=None)
    tokenizer = BytePairTokenizer(
        base.vocabulary, base.merges, base.added_tokens, special, adds_start=True
    )
    stream = TokenStream.of(PARTS, tokenizer)
    rows = [ids for ids in np.split(stream.ids, stream.begins[1:])]
    assert [row[0] for row in rows] == [0, 0, 0] and stream.documents == 3
    assert [tokenizer.decode(row) for row in rows] == ["ab é", "c", "d\ufffd"]


def test_in_files_it_is_the_same(tmp_path):
    tokenizer, said = trained("gpt2", 300), []
    parts = [(text, True) for text in TEXTS]
    stream = TokenStream.of(parts, tokenizer)
    for opened in (
        TokenStream.write(tmp_path, iter(parts), tokenizer, said.append),
        TokenStream.open(tmp_path),
    ):
        assert isinstance(opened.ids, np.memmap)
        for name in ("ids", "begins", "tokens", "documents", "bytes", "characters"):
            assert np.array_equal(getattr(opened, name), getattr(stream, name)), name
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "documents.bin",
        "tokens.bin",
        "tokens.json",
    ]
    assert said[-1].endswith(" characters")


def test_no_documents_at_all(tmp_path):
    assert TokenStream.write(tmp_path, [], ByteTokenizer()).tokens == 0


def test_a_large_vocabulary_takes_four_bytes(tmp_path):
    base = trained("gpt2", 300)
    tokenizer = BytePairTokenizer(base.vocabulary, base.merges, base.added_tokens)
    tokenizer.vocabulary_size = 70_000
    assert TokenStream.write(tmp_path, PARTS, tokenizer).ids.dtype == np.int32


@pytest.mark.parametrize("name", ["tokens.bin", "documents.bin", "tokens.json"])
def test_files_that_are_not_as_written(tmp_path, name):
    TokenStream.write(tmp_path, PARTS, ByteTokenizer())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1])
    with pytest.raises(InputError, match=name):
        TokenStream.open(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"{name}: cannot be read"):
        TokenStream.open(tmp_path)


def test_a_description_of_something_else(tmp_path):
    TokenStream.write(tmp_path, PARTS, ByteTokenizer())
    found = json.loads((tmp_path / "tokens.json").read_text())
    for field, value in (("dtype", "float64"), ("tokens", -1), ("documents", None)):
        (tmp_path / "tokens.json").write_text(json.dumps({**found, field: value}))
        with pytest.raises(InputError, match=f"`{field}` must be"):
            TokenStream.open(tmp_path)


def test_a_write_that_fails_leaves_nothing_that_opens(tmp_path):
    TokenStream.write(tmp_path, PARTS, ByteTokenizer())

    def parts():
        yield PARTS[0]
        raise InputError("a file is gone")

    with pytest.raises(InputError, match="a file is gone"):
        TokenStream.write(tmp_path, parts(), ByteTokenizer())
    with pytest.raises(InputError, match="tokens.json"):
        TokenStream.open(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
