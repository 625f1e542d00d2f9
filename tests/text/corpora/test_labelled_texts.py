import csv
import gzip
import io
import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.text import (
    LabelledTexts,
    label_ids,
    label_names,
    read_labelled,
    read_texts,
    split_labelled,
)


def write(path, text):
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


ROWS = [("ein Satz, mit Komma", "gut"), ('er sagt "nein"', "schlecht"), ("größer", "gut")]
QUOTED = (
    'id,label,text\n1, gut ,"ein Satz, mit Komma"\n2,schlecht,"er sagt ""nein"""\n3,gut,größer\n'
)
TABBED = 'text\tlabel\nein Satz, mit Komma\tgut\ner sagt "nein"\tschlecht\ngrößer\tgut\n'
OBJECTS = "".join(json.dumps({"label": y, "text": x, "id": [1]}) + "\n" for x, y in ROWS)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("name, text", [("a.csv", QUOTED), ("a.tsv", TABBED), ("A.JSONL", OBJECTS)])
def test_all_kinds_hold_the_same(tmp_path, name, text, ending):
    path = write(tmp_path / (name + ending), text)
    data = read_labelled(path)
    assert list(zip(data.texts, data.labels, strict=True)) == ROWS
    assert data.pairs is None
    first = 1 if name.endswith("JSONL") else 2
    assert data.lines == [first, first + 1, first + 2]
    assert data.path == str(path)
    assert read_texts(path) == data.texts


def test_pairs_and_other_columns(tmp_path):
    path = write(tmp_path / "a.tsv", "y\tpremise\tid\thypothesis\nja\tes regnet\t7\tes ist nass\n")
    data = read_labelled(path, "premise", "y", pair_column="hypothesis")
    assert (data.texts, data.pairs, data.labels) == (["es regnet"], ["es ist nass"], ["ja"])
    assert read_texts(path, "hypothesis") == ["es ist nass"]


def test_fields_over_several_lines_empty_lines_and_a_byte_order_mark(tmp_path):
    text = '\ufefftext,label\r\n"zwei\r\nZeilen",1\r\n\r\n"",0\r\n"""",1\r\n'
    data = read_labelled(write(tmp_path / "a.csv", text))
    assert data.texts == ["zwei\nZeilen", "", '"']
    assert data.labels == ["1", "0", "1"]
    assert data.lines == [2, 5, 6]
    assert data.place(2) == f"{tmp_path / 'a.csv'}, line 6"


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")),
            st.sampled_from(["a", 'b"', "c,d"]),
        ),
        min_size=1,
    )
)
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows):
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([("text", "label"), *rows])
    path = write(tmp_path_factory.mktemp("csv") / "a.csv", file.getvalue())
    data = read_labelled(path)
    assert list(zip(data.texts, data.labels, strict=True)) == rows


def test_a_tsv_has_no_quotes(tmp_path):
    data = read_labelled(write(tmp_path / "a.tsv", 'text\tlabel\n"so\t1\nund so"\t0\n'))
    assert data.texts == ['"so', 'und so"']


def test_json_labels_become_text(tmp_path):
    values = [1, 1.5, True, "ja"]
    text = "".join(json.dumps({"text": "x", "label": value}) + "\n\n" for value in values)
    data = read_labelled(write(tmp_path / "a.jsonl", text))
    assert data.labels == ["1", "1.5", "true", "ja"]
    assert data.lines == [1, 3, 5, 7]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.csv", "", r"a\.csv: the file is empty; expected a line with the names of the columns"),
        ("a.jsonl", "", r"a\.jsonl: the file is empty; expected one JSON object a line\."),
        ("a.csv", "text,label\n\n", r"a\.csv: no rows; expected one example or more\."),
        ("a.jsonl", "\n \n", r"a\.jsonl: no rows; expected one example or more\."),
        (
            "a.csv",
            "title,label\nx,1\n",
            "line 1: no column 'text'; its columns are 'title', 'la",
        ),
        ("a.tsv", "text\ny\tx\n", "line 1: no column 'label'; its columns are 'text'"),
        ("a.tsv", f"{'x' * 50}\ty\n", f"its columns are '{'x' * 40}...', 'y'"),
        ("a.csv", "text,label,text\n", "line 1: more than one column 'text'"),
        (
            "a.csv",
            '\ntext,label\n"a\nb",1\nc\n',
            r"line 5: the row has 1 field; expected 2 \('t",
        ),
        (
            "a.tsv",
            "text\tlabel\na\t1\nb\tc\t1\n",
            r"line 3: the row has 3 fields; expected 2 \('t",
        ),
        (
            "a.csv",
            'text,label\na,1\n"b,1\nc,0\n',
            r"line 3: not comma-separated values \(unex",
        ),
        ("a.csv", 'text,label\n"a"b,1\n', r"line 2: not comma-separated values \(',' expected"),
        ("a.csv", "text,label\na,1\nb, \n", r"line 3: the label \('label'\) is empty\."),
        ("a.jsonl", '{"text": "x", "label": ""}', r"line 1: the label \('label'\) is empty\."),
        ("a.jsonl", '{"text": "x", "label": null}', r"line 1: the label \('label'\) is null; exp"),
        ("a.jsonl", '{"text": "x", "label": NaN}', r"line 1: the label \('label'\) is NaN; expec"),
        ("a.jsonl", '{"text": "x", "label": -Infinity}', r"the label \('label'\) is -Infinity; ex"),
        (
            "a.jsonl",
            '{"text": "x", "label": [1]}',
            r"the label \('label'\) is \[1\]; expected",
        ),
        ("a.jsonl", '{"text": 5, "label": 1}', "line 1: 'text' is 5; expected a string"),
        ("a.jsonl", '{"text": "\\ud800", "label": 1}', "'text' holds half a surrogate pair"),
        ("a.jsonl", '{"text": "a", "label": "\\udc00"}', r"label \('label'\) holds half a surr"),
        ("a.csv", 'text,label\na,"b\nc"\nd,e\n', r"\('label'\) is 'b\\nc'; expected a name of one"),
        (
            "a.jsonl",
            '{"text": "x", "y": 1}',
            "line 1: no column 'label'; its columns are 'text', ",
        ),
        (
            "a.jsonl",
            '{"text": "x", "label": 1}\n[1]',
            r"line 2: expected a JSON object, \{\.",
        ),
        ("a.jsonl", '{"text": "x", "label": 1}\n{"text', "line 2: not JSON .Unterminated string"),
        ("a.jsonl", "[" * 100_000, "line 1: not JSON .*recursion"),
        ("a.csv", b"text,label\ngut,1\ngr\xf6\xdfer,0\n", "line 3: not UTF-8 text .byte 3 is 0xf6"),
        (
            "a.txt",
            "text,label\na,1\n",
            r"a\.txt: unknown kind of file; expected \.csv, \.tsv",
        ),
        ("a.xlsx.gz", "text,label\na,1\n", r"a\.xlsx\.gz: unknown kind of file; expected \.csv"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, name, text, message):
    path = write(tmp_path / name, text)
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(path)
    assert str(caught.value).startswith(str(path))


def test_a_missing_file_and_a_false_gzip_file(tmp_path):
    with pytest.raises(InputError, match="a.csv: cannot be read .No such file or directory"):
        read_labelled(tmp_path / "a.csv")
    (tmp_path / "a.csv.gz").write_bytes(b"text,label\na,1\n")
    with pytest.raises(InputError, match="a.csv.gz: not a complete gzip file"):
        read_labelled(tmp_path / "a.csv.gz")


def test_texts_alone(tmp_path):
    assert read_texts(write(tmp_path / "a.txt", "eins, zwei\n\n \ndrei\n")) == [
        "eins, zwei",
        "drei",
    ]
    assert read_texts(write(tmp_path / "a.gz", "eins\n")) == ["eins"]
    assert read_texts(write(tmp_path / "a.csv", 'n,text\n1,"a\nb"\n2,\n')) == ["a\nb"]
    with pytest.raises(InputError, match="a.txt: no text; expected one line or row of it, or more"):
        read_texts(write(tmp_path / "a.txt", "\n \n"))
    with pytest.raises(InputError, match="a.jsonl, line 2: 'text' is null; expected a string"):
        read_texts(write(tmp_path / "a.jsonl", '{"text": "x"}\n{"text": null}\n'))


@pytest.mark.parametrize(
    "labels, names",
    [
        (["b", "a", "b"], ["a", "b"]),
        (["10", "9", "-1", "2.5"], ["-1", "2.5", "9", "10"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["nan", "1"], ["1", "nan"]),
    ],
)
def test_the_order_of_names(labels, names):
    assert label_names(labels) == names
    data = LabelledTexts([""] * len(labels), None, labels)
    ids = label_ids(data, names)
    assert ids.dtype == np.int32
    assert [names[i] for i in ids] == labels


def test_one_class_only():
    message = "train.csv: all 1,200 labels are 'gut'; a classifier needs two different labels"
    with pytest.raises(InputError, match=message):
        label_names(["gut"] * 1200, "train.csv")
    with pytest.raises(InputError, match="the training data: all 0 labels are missing"):
        label_names([])


def test_an_unknown_label_says_where_and_what_is_known(tmp_path):
    data = read_labelled(write(tmp_path / "a.csv", 'text,label\n"a\nb",x\nc,z\n'))
    message = "a.csv, line 4: unknown label 'z'; the known ones are 'x', 'y'"
    with pytest.raises(InputError, match=message):
        label_ids(data, ["x", "y"])
    with pytest.raises(InputError, match="^row 2: unknown label 'z'"):
        label_ids(LabelledTexts(["a", "b"], None, ["x", "z"]), ["x", "y"])


def examples(counts, pairs=False):
    labels = np.repeat([f"label {i}" for i in range(len(counts))], counts)
    labels = np.random.default_rng(0).permutation(labels).tolist()
    texts = [f"text {i}" for i in range(len(labels))]
    return LabelledTexts(texts, [f"pair {t}" for t in texts] if pairs else None, labels)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(lambda counts: max(counts) > 1),
    st.floats(0.01, 0.99),
    st.integers(0, 9),
)
def test_every_label_has_its_share_of_the_validation_data(counts, share, seed):
    data = examples(counts)
    train, valid = split_labelled(data, share, seed)
    assert sorted(train.texts + valid.texts) == sorted(data.texts)
    assert 1 <= len(valid) <= max(1, math.ceil(share * len(data)))
    label_of = dict(zip(data.texts, data.labels, strict=True))
    for part in (train, valid):
        assert [label_of[text] for text in part.texts] == part.labels
        assert part.texts == sorted(part.texts, key=lambda text: int(text.split()[1]))
    found = Counter(valid.labels)
    whole = all(share * count <= count - 1 for count in counts if count)
    for label, count in Counter(data.labels).items():
        assert found[label] <= count - 1  # one is left to train on
        if whole:
            assert abs(found[label] - share * count) <= 1
    if whole:
        assert len(valid) == max(1, round(share * len(data)))


def test_the_split_is_a_function_of_the_seed():
    data = examples([40, 25], pairs=True)
    one, same, other = (split_labelled(data, 0.2, seed)[1] for seed in (1, 1, 2))
    assert one == same
    assert one.texts != other.texts
    assert one.pairs == [f"pair {text}" for text in one.texts]


def test_what_cannot_be_split_is_refused():
    with pytest.raises(InputError, match="the data: no label has two rows or more"):
        split_labelled(examples([1, 1, 1]))
    with pytest.raises(ValueError, match="`share` must be a number between 0 and 1. Received: sha"):
        split_labelled(examples([3]), share=1.0)


def test_the_real_data(real_data):
    data = read_labelled(real_data / "sst2" / "train.tsv.gz", "sentence")
    assert len(data) == 67349
    assert Counter(data.labels) == {"1": 37569, "0": 29780}
    assert data.texts[0] == "hide new secretions from the parental units "
    names = ["Business", "Sci/Tech", "Sports", "World"]
    for part, counts in (("train", [1154, 2729, 1112, 2799]), ("dev", [123, 377, 145, 355])):
        data = read_labelled(real_data / "ag_news" / f"{part}.csv.gz")
        assert label_names(data.labels) == names
        assert np.bincount(label_ids(data, names)).tolist() == counts
