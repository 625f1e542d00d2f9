"""Encodings, delimiters, faulty rows, and files that would not end."""

import gzip
import json
import os
import tracemalloc

import pytest

from keras_attention._validation import InputError
from keras_attention.text import read_labelled, read_lines
from keras_attention.text.corpora import text_files
from keras_attention.text.corpora.labelled_texts import read_texts
from keras_attention.text.corpora.reading_options import reading_as, reading_options
from keras_attention.text.corpora.scan_shards import scan_shards
from keras_attention.text.corpora.text_files import read_parallel
from keras_attention.text.corpora.text_pairs import read_pairs

LEFT_OUT = "ignore:.* It is left out.:UserWarning"


def table(tmp_path, text, name="a.csv", encoding="utf-8"):
    (tmp_path / name).write_bytes(text.encode(encoding))
    return tmp_path / name


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-32", "utf-16-le"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_an_encoding(tmp_path, encoding, name):
    text = "text,label\nStraße,ä\r\nnaïve,ö\n"
    path = tmp_path / name
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with reading_as(encoding=encoding):
        data = read_labelled(path)
    assert (data.texts, data.labels, data.lines) == (["Straße", "naïve"], ["ä", "ö"], [2, 3])
    with pytest.raises(InputError, match="line 2: not UTF-8 text|line 1: not UTF-8 text|no column"):
        read_labelled(path)
    assert reading_options().encoding == "utf-8"


def test_an_encoding_that_does_not_fit_names_the_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntw\x81\n")
    with reading_as(encoding="cp1252"), pytest.raises(InputError, match="line 2: not CP1252 text"):
        read_lines(path)
    path.write_bytes("one\ntwo\n".encode("utf-16-le") + b"\x00\xd8")
    with reading_as(encoding="utf-16-le"):
        with pytest.raises(InputError, match="line 3: not UTF-16-LE text"):
            read_lines(path)


@pytest.mark.parametrize("encoding", ["utf-9", "base64", "rot13", "", 3])
def test_no_encoding(encoding):
    with pytest.raises(InputError, match="`encoding` must be one that Python knows"):
        with reading_as(encoding=encoding):
            pass


@pytest.mark.parametrize("delimiter", [";", "|", "\t", "\\t", "tab"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_delimiter(tmp_path, delimiter, name):
    sign = "\t" if len(delimiter) > 1 else delimiter
    path = table(tmp_path, f"text{sign}label\none, two{sign}x\nthree{sign}y\n", name)
    with reading_as(delimiter=delimiter):
        data = read_labelled(path)
    assert (data.texts, data.labels) == (["one, two", "three"], ["x", "y"])


@pytest.mark.parametrize("delimiter", ["", ",,", "\n", '"', 3])
def test_no_delimiter(delimiter):
    with pytest.raises(ValueError, match="`delimiter` must be one character"):
        with reading_as(delimiter=delimiter):
            pass


def test_a_file_without_delimiters(tmp_path):
    path = table(tmp_path, '{"text": "a", "label": "b"}\n', "a.jsonl")
    with reading_as(delimiter=";"), pytest.raises(InputError, match="`delimiter` is of .csv and"):
        read_labelled(path)


FAULTY = {
    "a.csv": 'text,label\ngood,x\nno label,\none,two,three\nbad,y\n"open,x\n',
    "a.tsv": "text\tlabel\ngood\tx\nno label\t \nalone\none\ttwo\tthree\nbad\ty\n",
    "a.jsonl": '{"text": "good", "label": "x"}\n{"text": "a", "label": NaN}\n{"text": 3, "label": '
    '"x"}\nno json\n["x"]\n{"text": "a"}\n{"text": "\\ud800", "label": "x"}\n{"text": "bad", '
    '"label": "y"}\n',
}


@pytest.mark.filterwarnings(LEFT_OUT)
@pytest.mark.parametrize("name", FAULTY)
def test_every_faulty_row_is_named_and_left_out(tmp_path, name):
    path = table(tmp_path, FAULTY[name], name)
    with pytest.raises(InputError):
        read_labelled(path)
    with reading_as(skip_invalid=True) as reading:
        data = read_labelled(path)
        read_labelled(path)  # the same rows are not counted twice
    assert (data.texts, data.labels) == (["good", "bad"], ["x", "y"])
    lines = FAULTY[name].count("\n")
    faulty = [n for n in range(2 - name.endswith("l"), lines + 1) if n not in data.lines]
    found = [int(said.removeprefix(f"{path}, line ").split(":")[0]) for said in reading.skipped]
    assert sorted(found) == faulty and len(faulty) >= 3


def test_a_warning_names_each_row(tmp_path):
    path = table(tmp_path, FAULTY["a.csv"])
    with reading_as(skip_invalid=True), pytest.warns(UserWarning) as warned:
        read_labelled(path)
    assert any(
        "line 3: the label ('label') is empty. It is left out." in str(w.message) for w in warned
    )


@pytest.mark.filterwarnings(LEFT_OUT)
def test_nothing_left_is_an_error(tmp_path):
    path = table(tmp_path, "text,label\na,\nb,\n")
    with reading_as(skip_invalid=True), pytest.raises(InputError, match="no row can be read"):
        read_labelled(path)


@pytest.mark.filterwarnings(LEFT_OUT)
def test_lines_that_cannot_be_decoded(tmp_path):
    (tmp_path / "a").write_bytes(b"one\n\xff\nthree\nfour\n")
    (tmp_path / "b").write_bytes(b"eins\nzwei\n\xfe\nvier\n")
    with reading_as(skip_invalid=True) as reading:
        assert read_lines(tmp_path / "a") == read_texts(tmp_path / "a") == ["one", "three", "four"]
        assert read_lines(tmp_path / "a", keep_invalid=True)[1] is None
        # What is left still belongs together.
        assert read_parallel(tmp_path / "a", tmp_path / "b") == (["one", "four"], ["eins", "vier"])
    assert len(reading.skipped) == 2


@pytest.mark.filterwarnings(LEFT_OUT)
def test_rows_of_a_corpus_that_is_streamed(tmp_path):
    (tmp_path / "a").write_bytes(b"one\n\xff\nthree\n" * 3)
    with pytest.raises(InputError, match="a, line 2: not UTF-8"):
        scan_shards([[str(tmp_path / "a")]], 8)
    with reading_as(skip_invalid=True) as reading:
        corpus, (sample,) = scan_shards([[str(tmp_path / "a")]], 8)[:2]
        assert sample == ["one", "three"] * 3
        assert [text for w in range(len(corpus)) for text in corpus.read(w)[0]] == sample
    assert (corpus.lines, corpus.blank, len(reading.skipped)) == (9, 3, 3)
    (tmp_path / "b").write_bytes("Straße\nnaïve\n".encode("latin-1"))
    with reading_as(encoding="latin-1"):
        assert scan_shards([[str(tmp_path / "b")]], 8)[1] == [["Straße", "naïve"]]
    with reading_as(encoding="utf-16"), pytest.raises(InputError, match="cannot be read by window"):
        scan_shards([[str(tmp_path / "b")]], 8)


@pytest.mark.filterwarnings(LEFT_OUT)
def test_pairs_and_their_scores(tmp_path):
    path = table(tmp_path, "a,b,score\none,eins,1\ntwo,zwei,nan\nthree,drei,x\nfour,vier,0.5\n")
    with reading_as(skip_invalid=True) as reading:
        data = read_pairs(path)
    assert (data.pairs, data.labels) == (["eins", "vier"], [1.0, 0.5])
    assert len(reading.skipped) == 2


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "null", "[]", "{}"])
def test_a_missing_label(tmp_path, value):
    path = table(
        tmp_path, f'{{"text": "a", "label": 1}}\n{{"text": "b", "label": {value}}}\n', "a.jsonl"
    )
    with pytest.raises(InputError, match="line 2: the label"):
        read_labelled(path)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz"])
def test_a_field_of_any_length(tmp_path, name):
    long = "word " * 30_000
    sign = "\t" if ".tsv" in name else ","
    data = f"text{sign}label\n{long}{sign}x\nshort{sign}y\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert read_labelled(tmp_path / name).texts == [long, "short"]


@pytest.mark.parametrize("read", [read_lines, read_labelled, read_texts])
def test_a_compressed_file_that_would_fill_the_memory(tmp_path, read, monkeypatch):
    monkeypatch.setattr(text_files, "SMALL_TEXT", 1 << 20)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(bytes(20 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="a.csv.gz: it holds more than 100 times its own size"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


def test_shards_that_would_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "SMALL_TEXT", 1 << 20)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(20 << 20)))
    with pytest.raises(InputError, match="it holds more than 100 times its own size"):
        scan_shards([[str(path)]], 8)


def test_a_text_that_compresses_well_is_read(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"the same line\n" * 100_000))
    assert len(read_lines(tmp_path / "a.gz")) == 100_000


def test_a_device_and_a_pipe(tmp_path):
    (tmp_path / "a.csv").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="a.csv: cannot be read .it is a device"):
        read_labelled(tmp_path / "a.csv")
    # A shell gives the names of pipes for what a command writes.
    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo\n")
    os.close(writer)
    try:
        assert read_lines(f"/dev/fd/{reader}") == ["one", "two"]
    finally:
        os.close(reader)


def test_json_that_nests(tmp_path):
    path = table(tmp_path, '{"text": "a", "label": ' + "[" * 9999 + "\n", "a.jsonl")
    with pytest.raises(InputError, match="line 1: not JSON") as error:
        read_labelled(path)
    assert "\n" not in str(error.value)
    json.dumps(str(error.value))
