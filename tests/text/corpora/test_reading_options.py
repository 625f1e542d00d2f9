"""Encodings, delimiters, faulty rows, and files that would not end."""

import codecs
import encodings
import gzip
import json
import os
import pkgutil
import tracemalloc
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.problem_types import PROBLEM_TYPES
from keras_attention.text import read_labelled, read_lines
from keras_attention.text.corpora import text_files
from keras_attention.text.corpora.decoded_lines import MARKING
from keras_attention.text.corpora.documents import _Lines, read_documents
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


@pytest.mark.parametrize(
    "encoding", ["utf-9", "base64", "rot13", "undefined", "punycode", "idna", "", 3]
)
def test_no_encoding(encoding):
    with pytest.raises(InputError, match="`encoding` must be one that Python knows"):
        with reading_as(encoding=encoding):
            pass


ENCODINGS = sorted(
    {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    - {"aliases", "mbcs", "oem"}  # which is none, and of Windows
)


@pytest.mark.filterwarnings(LEFT_OUT, "ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_every_encoding_reads_texts_or_is_refused(tmp_path, encoding, name):
    """Also bytes of another encoding: in a sentence, or without the lines that they are in."""
    path = tmp_path / name
    text = {
        "a.csv": 'text,label\n"a, b",x\nc,y\n',
        "a.jsonl": '{"text": "a, b", "label": "x"}\n{"text": "c", "label": "y"}\n',
        "a.txt": "a, b\nc\n",
    }[name]

    def read():
        documents = "".join(part for part, _ in read_documents([path]))
        return documents, read_texts(path), None if name == "a.txt" else read_labelled(path).labels

    try:
        with reading_as(encoding=encoding):
            path.write_bytes(text.encode(encoding))
            documents, texts, labels = read()
    except InputError as error:
        assert str(error).startswith("`encoding` must be one that Python knows")
        return
    assert texts == ["a, b", "c"] and labels in (None, ["x", "y"])
    assert documents == (text if name == "a.txt" else "a, bc")
    for faulty in (bytes(range(128, 256)), b"\x81", b"\xff\xd8\x00", b"\\ud800"):
        data = text.encode(encoding) + faulty + "\n".encode(encoding)
        path.write_bytes(data)
        for skip_invalid in (False, True):
            with reading_as(encoding, skip_invalid=skip_invalid) as reading:
                try:
                    found = read()
                except InputError as error:
                    assert not skip_invalid and "\n" not in str(error), error
                else:
                    assert found[1][:2] == ["a, b", "c"] and reading.count <= 1
                    "".join((found[0], *found[1])).encode()  # UTF-8 can hold it


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


@pytest.mark.parametrize(
    "read",
    [
        read_lines,
        read_texts,
        lambda path: read_parallel(path, path),
        lambda path: list(read_documents([path])),
        lambda path: scan_shards([[str(path)]], 8),
    ],
)
def test_a_delimiter_of_what_is_no_table(tmp_path, read):
    path = table(tmp_path, "one\ntwo\n", "a.txt")
    read(path)
    with reading_as(delimiter=";"), pytest.raises(InputError, match="a.txt: `delimiter` is of"):
        read(path)


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
        assert list(read_documents([tmp_path / "a"])) == [("one\nthree\nfour\n", True)]
        assert read_lines(tmp_path / "a") == read_texts(tmp_path / "a") == ["one", "three", "four"]
        assert read_lines(tmp_path / "a", keep_invalid=True)[1] is None
        # What is left still belongs together.
        assert read_parallel(tmp_path / "a", tmp_path / "b") == (["one", "four"], ["eins", "vier"])
    assert len(reading.skipped) == 2


@pytest.mark.filterwarnings(LEFT_OUT)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_lines_that_cannot_be_decoded_of_more_bytes_a_character(tmp_path, encoding, name):
    sign = "\t" if name == "a.tsv" else ","
    half = b"\x00\xd8" if encoding != "utf-32" else b"\x00\x00\x11\x00"
    before, after = f"text{sign}label\ngood{sign}x\nb", f"d{sign}y\nbest{sign}z\n"
    if name == "a.txt":
        before, after = "good\nb", "d\nbest\n"
    data = after.encode("utf-32-le" if encoding == "utf-32" else "utf-16-le")
    (tmp_path / name).write_bytes(before.encode(encoding) + half + data)
    with reading_as(encoding), pytest.raises(InputError, match="line [23]: not UTF-(16|32)"):
        read_texts(tmp_path / name)
    with reading_as(encoding, skip_invalid=True) as reading:
        assert read_texts(tmp_path / name) == ["good", "best"]
        documents = "".join(part for part, _ in read_documents([tmp_path / name]))
    assert documents == ("good\nbest\n" if name == "a.txt" else "goodbest")
    assert reading.count == 1


@pytest.mark.filterwarnings(LEFT_OUT)
@given(
    st.lists(st.sampled_from([b"a b", "ä".encode(), b"\xff", b"a\xff b", b"", b"\r"]), max_size=9),
    st.integers(1, 5),
)
def test_a_document_in_pieces_loses_the_lines_alone(lines, size):
    good = b"".join(line + b"\n" for line in lines if b"\xff" not in line)
    data = b"".join(line + b"\n" for line in lines)
    with reading_as(skip_invalid=True) as reading:
        found = _Lines("a.txt", reading)
        decoder = codecs.getincrementaldecoder("utf-8")(MARKING)
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        text = "".join(found.sound(decoder.decode(piece), is_last=False) for piece in pieces)
        text += found.sound(decoder.decode(b"", final=True), is_last=True)
    assert text == good.decode()
    numbers = [n for n, line in enumerate(lines, start=1) if b"\xff" in line]
    assert [said.split(":")[0] for said in reading.skipped] == [f"a.txt, line {n}" for n in numbers]


def test_many_faulty_rows_are_named_up_to_a_number(tmp_path):
    path = table(tmp_path, "text,label\n" + "a,\n" * 2500 + "b,x\n")
    with reading_as(skip_invalid=True) as outer, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with reading_as(skip_invalid=True) as reading:
            assert len(read_labelled(path)) == len(read_labelled(path)) == 1
    assert (len(warned), len(reading.skipped), reading.count) == (1000, 1000, 2500)
    assert (outer.skipped, outer.count) == (reading.skipped, 2500)


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


@pytest.mark.parametrize("value", ["NaN", "nan", " NAN ", "null", "NULL"])
@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_label_that_says_there_is_none(tmp_path, value, problem_type, name):
    sign = "\t" if name == "a.tsv" else ","
    path = table(tmp_path, f"text{sign}label\na{sign}1\nb{sign}{value}\n", name)
    with pytest.raises(InputError, match=f"line 3: the label .*{value}"):
        read_labelled(path, problem_type=problem_type)
    with reading_as(skip_invalid=True), pytest.warns(UserWarning, match="line 3"):
        assert read_labelled(path, problem_type=problem_type).texts == ["a"]


def test_labels_that_are_words(tmp_path):
    path = table(tmp_path, "text,label\na,None\nb,NA\nc,nano\n")
    assert read_labelled(path).labels == ["None", "NA", "nano"]
    path = table(tmp_path, '{"text": "a", "label": "null"}\n', "a.jsonl")
    assert read_labelled(path).labels == ["null"]


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
