"""Two texts a row, and perhaps a score."""

import gzip
import json

import pytest

from keras_attention._validation import InputError
from keras_attention.text import read_pairs

ROWS = [("a dog runs", "ein Hund rennt", 4.5), ("a, cat", "", 0)]


def write(folder, name, header, rows):
    path = folder / name
    if ".jsonl" in name:
        lines = [json.dumps(dict(zip(header, row, strict=True))) for row in rows]
    elif ".tsv" in name:
        lines = ["\t".join(map(str, row)) for row in (header, *rows)]
    else:
        lines = [",".join(f'"{value}"' for value in row) for row in (header, *rows)]
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["p.tsv", "p.csv", "p.jsonl", "p.tsv.gz", "p.jsonl.gz"])
def test_the_first_two_columns(name, tmp_path):
    path = write(tmp_path, name, ("sentence1", "sentence2", "score"), ROWS)
    data = read_pairs(path)
    assert data.texts == ["a dog runs", "a, cat"] and data.pairs == ["ein Hund rennt", ""]
    assert data.labels == [4.5, 0]
    path = write(tmp_path, name, ("anchor", "positive"), [row[:2] for row in ROWS])
    assert read_pairs(path).labels is None


def test_columns_by_name(tmp_path):
    header, row = ("id", "score", "en", "de", "gold"), (7, 1, "one", "eins", 0.5)
    path = write(tmp_path, "p.jsonl", header, [row, row])
    data = read_pairs(path, text_column="de", pair_column="en", score_column="gold")
    assert (data.texts[0], data.pairs[0], data.labels[0]) == ("eins", "one", 0.5)
    data = read_pairs(path, text_column="en", pair_column="de")
    assert (data.texts[0], data.labels[0]) == ("one", 1)
    # The next column after the one that is named.
    path = write(tmp_path, "r.tsv", ("id", "en", "de"), [(7, "one", "eins")])
    assert read_pairs(path, text_column="en").pairs == ["eins"]
    assert read_pairs(path, pair_column="en").texts == ["7"]
    # The scores stand before the texts: they are none of these.
    path = write(tmp_path, "q.tsv", ("score", "en", "de"), [(2, "one", "eins")])
    assert read_pairs(path).texts == ["one"] and read_pairs(path).pairs == ["eins"]
    assert read_pairs(path, text_column="de").pairs == ["one"]


FAULTS = [
    ("p.txt", ("a", "b"), [("x", "y")], "unknown kind of file"),
    ("p.tsv", ("a",), [("x",)], "expected two columns of texts; its columns are 'a'"),
    ("p.tsv", ("a", "score"), [("x", "1")], "expected two columns of texts"),
    ("p.tsv", ("a", "b"), [], "no rows"),
    ("p.jsonl", (), [], "the file is empty"),
    ("p.jsonl", ("a", "b"), [("x", 3)], "line 1: 'b' is 3; expected a string"),
    ("p.tsv", ("a", "b", "score"), [("x", "y", "much")], "line 2.*much"),
    ("p.tsv", ("a", "b", "score"), [("x", "y", "nan")], "line 2.*nan"),
]


@pytest.mark.parametrize(("name", "header", "rows", "message"), FAULTS)
def test_what_it_refuses(name, header, rows, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        read_pairs(write(tmp_path, name, header, rows))
    assert name in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no column 'other'"):
        read_pairs(write(tmp_path, "q.tsv", ("a", "b"), [("x", "y")]), text_column="other")


@pytest.mark.parametrize("two", [("text", "pair"), ("text", "score"), ("pair", "score")])
def test_two_meanings_of_one_column_are_refused(two, tmp_path):
    path = write(tmp_path, "p.tsv", ("en", "de"), [("one", "eins")])
    with pytest.raises(InputError, match="expected different columns .* Received: 'en', 'en'"):
        read_pairs(path, **{f"{name}_column": "en" for name in two})
