"""What a faulty row of comma-separated values leaves of the others."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.text import read_labelled
from keras_attention.text.corpora import csv_rows
from keras_attention.text.corpora.csv_rows import CsvRows
from keras_attention.text.corpora.documents import read_documents
from keras_attention.text.corpora.reading_options import reading_as

pytestmark = pytest.mark.filterwarnings("ignore:.* It is left out.:UserWarning")


def rows_of(lines, **options):
    """The rows after the first, and what was said of those that were left out."""
    with reading_as(skip_invalid=True, **options) as reading:
        rows = list(CsvRows(["text,label", *lines], "a.csv", ","))
    return rows[1:], reading.skipped


@pytest.mark.parametrize(
    ("lines", "rows", "faulty"),
    [
        # A quote that opens a field takes all rows after it ...
        (['"open,x', "good,y", "better,z"], [(3, "good"), (4, "better")], [2]),
        (['good,"x', "better,y"], [(3, "better")], [2]),
        # ... or those up to the next quote, where a row of several lines may begin.
        (['"open,x', "good,y", '"two', 'lines",z'], [(3, "good"), (4, "two\nlines")], [2]),
        (['"open,x', '"a ""quoted"" one",y'], [(3, 'a "quoted" one')], [2]),
        (['"open,x', '"open too,y', "good,z"], [(4, "good")], [2, 3]),
        # What looks like the end of the field is not one where another quote shows it.
        (['"open,x', '", good",y'], [(3, ", good")], [2]),
        (['"a"b,x', "good,y"], [(3, "good")], [2]),
        (["good,x", '"open'], [(2, "good")], [3]),
        # A row of several lines whose quotes fit is one row: nothing is made of its parts.
        (['"two,', 'lines",x,y', "good,z"], [(4, "good")], []),
        (['a 5" pipe,x', "good,y"], [(2, 'a 5" pipe'), (3, "good")], []),
    ],
)
def test_a_quote_that_does_not_fit(lines, rows, faulty):
    found, skipped = rows_of(lines)
    assert [(line, fields[0]) for line, fields in found if len(fields) == 2] == rows
    assert [said.split(":")[0] for said in skipped] == [f"a.csv, line {n}" for n in faulty]


text = st.text(st.sampled_from('ab ,"\nß'), max_size=8).map(lambda text: f"a{text}")


@given(st.lists(st.tuples(text, text), max_size=4), st.lists(st.tuples(text, text), max_size=4))
def test_every_row_around_a_quote_that_opens_is_read(before, after):
    """Rows whose quotes stand where they should, as the csv module writes them."""

    def written(rows):
        file = io.StringIO()
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        return file.getvalue()

    lines = f'{written(before)}"open,x\n{written(after)}'.split("\n")[:-1]
    found, skipped = rows_of(lines)
    assert len(skipped) >= 1
    good = iter(tuple(fields) for _, fields in found)
    assert all(row in good for row in [*before, *after])  # in order


def test_a_line_that_cannot_be_decoded_changes_no_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'text,label\n"one\n\xff\nthree",x\n"f\xffour",y\ngood,z\n"\xff,x\nbest,y\n')
    with reading_as(skip_invalid=True) as reading:
        data = read_labelled(path)
        documents = list(read_documents([path]))
    assert (data.texts, data.labels, data.lines) == (["good", "best"], ["z", "y"], [6, 8])
    assert documents == [("good", True), ("best", True)]
    lines = [int(said.split("line ")[1].split(":")[0]) for said in reading.skipped]
    assert lines == [3, 5, 7] and reading.count == 3  # one of each row


def test_the_names_of_the_columns_are_never_skipped(tmp_path):
    for name, data in (
        ("a.csv", b'"text,label\na,b\n'),
        ("b.csv", b"t\xffext,label\na,b\n"),
        ("a.tsv", b"t\xffext\tlabel\na\tb\n"),
    ):
        (tmp_path / name).write_bytes(data)
        with reading_as(skip_invalid=True), pytest.raises(InputError, match="line 1: not "):
            read_labelled(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends(tmp_path, name, end):
    sign = "\t" if name == "a.tsv" else ","
    lines = [f"text{sign}label", f"ä{sign}x", f"b{sign}y"]
    if name == "a.jsonl":
        lines = ['{"text": "ä", "label": "x"}', '{"text": "b", "label": "y"}']
    for last in ("", end):
        (tmp_path / name).write_bytes((end.join(lines) + last).encode())
        data = read_labelled(tmp_path / name)
        assert (data.texts, data.labels) == (["ä", "b"], ["x", "y"])
        assert data.lines == ([1, 2] if name == "a.jsonl" else [2, 3])
        assert [text for text, _ in read_documents([tmp_path / name])] == ["ä", "b"]
    (tmp_path / name).write_bytes((end.join(lines) + end).encode("latin-1"))
    with reading_as(skip_invalid=True) as reading:
        assert read_labelled(tmp_path / name).texts == ["b"]
    assert f"line {1 + (name != 'a.jsonl')}: not UTF-8" in reading.skipped[0]


def test_a_return_within_quotes_is_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'text,label\r"one\rtwo\nthree",x\r')
    assert read_labelled(tmp_path / "a.csv").texts == ["one\rtwo\nthree"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_a_line_of_white_space_is_no_row(tmp_path, name):
    sign = "\t" if name == "a.tsv" else ","
    row = '{"text": "a", "label": "x"}' if name == "a.jsonl" else f"a{sign}x"
    header = "" if name == "a.jsonl" else f"text{sign}label\n"
    (tmp_path / name).write_text(f"{header} \n{row}\n   \n{row}\n")
    assert read_labelled(tmp_path / name).texts == ["a", "a"]


@pytest.mark.parametrize("line", ['"open,x', 'x",y,"', 'x","', '"'])
def test_faults_in_every_line_take_time_in_proportion(line, monkeypatch):
    """Of lines that each open a field, and of such as leave it open."""
    read = []
    reader = csv.reader

    def counted(lines, **options):
        return reader((read.append(None) or line for line in lines), **options)

    monkeypatch.setattr(csv_rows.csv, "reader", counted)
    rows_of([line] * 400)
    assert 400 < len(read) <= 3 * 402
