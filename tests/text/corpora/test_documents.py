import gzip
import json

import pytest

from keras_attention._validation import InputError
from keras_attention.text import read_documents
from keras_attention.text.corpora import documents
from keras_attention.text.corpora.documents import cut
from tests.text.tokenizers.language_model_texts import TEXTS, trained


def test_a_text_is_a_document_and_a_row_is_one(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n\r\nmore\n")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("zwei ä\n".encode()))
    (tmp_path / "c.jsonl").write_text('{"text": "three\\nlines"}\n\n{"text": " "}\n{"text": "4"}\n')
    (tmp_path / "d.csv").write_text('id,text\n1,"five, in\ntwo lines"\n')
    (tmp_path / "e.tsv").write_text("text\tid\nsix\t2\n")
    paths = sorted(tmp_path.iterdir())
    assert list(read_documents(paths)) == [
        ("one\r\n\r\nmore\n", True),
        ("zwei ä\n", True),
        ("three\nlines", True),
        ("4", True),
        ("five, in\ntwo lines", True),
        ("six", True),
    ]
    assert list(read_documents(paths[-1:], "id")) == [("2", True)]


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(documents, "PART", 8)
    monkeypatch.setattr(documents, "_LONGEST", 40)


def test_a_long_document_comes_in_parts(tmp_path, small_parts):
    text = "To be, or  not to be,\n that is the question, äöü €€€ 👍👍👍 " * 20
    (tmp_path / "a.txt").write_text(text)
    parts = list(read_documents([tmp_path / "a.txt"]))
    assert "".join(part for part, _ in parts) == text
    assert [begins for _, begins in parts] == [True] + [False] * (len(parts) - 1)
    assert len(parts) > 20 and max(len(part) for part, _ in parts) < 60
    for (before, _), (after, _) in zip(parts, parts[1:], strict=False):
        assert after[0] == " " and not before[-1].isspace()
    row = tmp_path / "b.jsonl"
    row.write_text(json.dumps({"text": text}))
    assert list(read_documents([row])) == list(cut([text]))


@pytest.mark.parametrize("name", ["gpt2", "smollm", "llama3"])
def test_the_ids_of_parts_are_those_of_the_document(small_parts, monkeypatch, name):
    monkeypatch.setattr(documents, "_LONGEST", 1000)  # no word is cut
    tokenizer, text = trained(name), " ".join(TEXTS)
    parts = list(cut([text]))
    ids = [token_id for part, begins in parts for token_id in tokenizer.encode_part(part, begins)]
    assert len(parts) > 20 and [ids] == tokenizer.encode([text]).token_ids


def test_without_a_place_to_cut_at_the_text_is_cut_somewhere(small_parts):
    text = "日" * 100
    parts = list(cut(text))
    assert "".join(part for part, _ in parts) == text and max(len(p) for p, _ in parts) <= 48


def test_blank_beginnings_stay_and_blank_files_are_left_out(tmp_path, small_parts):
    (tmp_path / "a.txt").write_text(" \n" * 50 + "text")
    (tmp_path / "b.txt").write_text(" \n" * 50)
    (tmp_path / "c.txt").write_text("")
    found = list(read_documents(sorted(tmp_path.iterdir())))
    assert "".join(part for part, _ in found) == " \n" * 50 + "text"
    assert [begins for _, begins in found].count(True) == 1


@pytest.mark.parametrize(
    "name, data, message",
    [
        ("a.txt", b"good\nb\xffd", r"a.txt, line 2: not UTF-8 text \(0xff"),
        ("a.txt", b"half \xe2\x82", r"a.txt, line 1: not UTF-8 text \(0xe2"),
        ("a.txt", b" \n ", "no text; expected one document"),
        ("a.txt.gz", b"no gzip", "not a complete gzip file"),
        ("a.jsonl", b'{"text": 3}', "line 1: 'text' is 3; expected a string"),
        ("a.jsonl", b'{"text": "\\ud83d"}', "half a surrogate pair"),
        ("a.jsonl", b'{"body": "x"}', "no column 'text'"),
        ("a.jsonl", b'{"text": "ok"}\n{', "line 2: not JSON"),
        ("a.csv", b"id\n1\n", "no column 'text'"),
        ("a.csv", b'text\n"open', "not comma-separated"),
        ("a.tsv", b"text\tid\na\n", "the row has 1 field"),
    ],
)
def test_what_cannot_be_read(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        list(read_documents([tmp_path / name]))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_documents([tmp_path / f"missing-{name}"]))


def test_a_field_of_a_csv_may_be_long(tmp_path):
    (tmp_path / "a.csv").write_text(f"text\n{'word ' * 50_000}\n")
    assert [text for text, _ in read_documents([tmp_path / "a.csv"])] == ["word " * 50_000]
