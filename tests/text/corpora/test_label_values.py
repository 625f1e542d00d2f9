"""Labels of a column: several of a text, and numbers."""

import gzip

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from keras_attention.text import class_names, label_targets, read_labelled, split_labelled


def read(path, text, problem_type):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return read_labelled(path, problem_type=problem_type)


SEVERAL = [["funny", "sad"], [], ["sad"], ["3"]]
NUMBERS = [[0.5], [-2.0], [3.0], [1e-3]]


@pytest.mark.parametrize(
    ("name", "text", "problem_type", "expected"),
    [
        ("a.csv", "text,label\na,funny|sad\nb,\nc,sad\nd,3\n", MULTI_LABEL, SEVERAL),
        ("a.tsv.gz", "label\ttext\nfunny | sad\ta\n \tb\nsad\tc\n3\td\n", MULTI_LABEL, SEVERAL),
        (
            "a.jsonl",
            '{"text": "a", "label": ["funny", "sad"]}\n{"text": "b", "label": []}\n'
            '{"text": "c", "label": "sad"}\n{"text": "d", "label": 3}\n',
            MULTI_LABEL,
            SEVERAL,
        ),
        ("b.csv", "text,label\na,0.5\nb,-2\nc, 3 \nd,1e-3\n", REGRESSION, NUMBERS),
        (
            "b.jsonl",
            '{"text": "a", "label": 0.5}\n{"text": "b", "label": "-2"}\n'
            '{"text": "c", "label": [3]}\n{"text": "d", "label": 0.001}\n',
            REGRESSION,
            NUMBERS,
        ),
        ("c.tsv", "text\tlabel\na\t1|2.5\nb\t-3 | 4\n", REGRESSION, [[1.0, 2.5], [-3.0, 4.0]]),
    ],
)
def test_what_a_column_holds(tmp_path, name, text, problem_type, expected):
    data = read(tmp_path / name, text, problem_type)
    assert data.labels == expected
    assert read_labelled(tmp_path / name, problem_type=None).texts == data.texts
    names = class_names(data, problem_type, "label")
    targets = label_targets(data, names, problem_type)
    assert targets.dtype == np.float32 and targets.shape == (len(expected), len(names))
    if problem_type == REGRESSION:
        assert names == (["label"] if len(expected[0]) == 1 else ["label_0", "label_1"])
        np.testing.assert_array_equal(targets, np.float32(expected))
    else:
        assert names == ["3", "funny", "sad"]
        assert targets.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("labels", "problem_type", "message"),
    [
        (["a|b", "a|a"], MULTI_LABEL, "line 3: the labels .*'a|a'; expected each of them once"),
        (["a||b"], MULTI_LABEL, "line 2: the label .'label'. is empty"),
        (["many"], REGRESSION, "line 2: the label .* of a regression is 'many'; expected a number"),
        (["1", ""], REGRESSION, "line 3: .* of a regression is ''; expected a number"),
        (["nan"], REGRESSION, "line 2: .* is 'nan'; expected a number"),
        (["1", "2|inf"], REGRESSION, "line 3: .*'2|inf'; expected a number"),
        (["1|"], REGRESSION, "line 2: "),
    ],
)
def test_what_it_may_not_hold(tmp_path, labels, problem_type, message):
    rows = "".join(f"x,{label}\n" for label in labels)
    with pytest.raises(InputError, match=message.replace("|", r"\|")):
        read(tmp_path / "a.csv", f"text,label\n{rows}", problem_type)


@pytest.mark.parametrize(
    ("label", "problem_type"),
    [("null", MULTI_LABEL), ("[[1]]", MULTI_LABEL), ("{}", MULTI_LABEL), ("[null]", MULTI_LABEL)]
    + [(label, REGRESSION) for label in ("null", "true", "[]", "[true]", "NaN", "{}", "[[1]]")],
)
def test_json_that_is_no_label(tmp_path, label, problem_type):
    with pytest.raises(InputError, match="a.jsonl, line 1: the label"):
        read(tmp_path / "a.jsonl", f'{{"text": "x", "label": {label}}}\n', problem_type)


def test_labels_that_a_model_does_not_have(tmp_path):
    data = read(tmp_path / "a.csv", "text,label\na,x\nb,x|z\n", MULTI_LABEL)
    with pytest.raises(InputError, match="line 3: unknown label 'z'; the known ones are 'x', 'y'"):
        label_targets(data, ["x", "y"], MULTI_LABEL)
    data = read(tmp_path / "b.csv", "text,label\na,1\nb,1|2\n", REGRESSION)
    with pytest.raises(InputError, match="line 3: expected 1 number .'stars'.. Received: 2"):
        label_targets(data, ["stars"], REGRESSION)
    data = read(tmp_path / "c.csv", "text,label\na,\nb,\n", MULTI_LABEL)
    with pytest.raises(InputError, match="c.csv: no text has a label"):
        class_names(data, MULTI_LABEL)


@pytest.mark.parametrize("problem_type", [MULTI_LABEL, REGRESSION])
def test_a_part_to_validate_on(tmp_path, problem_type):
    rows = "".join(f"t{i},{i}|{i + 1}\n" for i in range(20))
    data = read(tmp_path / "a.csv", f"text,label\n{rows}", problem_type)
    train, valid = split_labelled(data, 0.1)
    assert (len(train), len(valid)) == (18, 2)
    assert sorted(train.texts + valid.texts) == sorted(data.texts)
    assert valid.labels == [data.labels[data.texts.index(text)] for text in valid.texts]


def test_one_label_a_text(tmp_path):
    data = read(tmp_path / "a.csv", "text,label\na,x|y\nb,z\n", SINGLE_LABEL)
    assert data.labels == ["x|y", "z"]
    assert class_names(data, SINGLE_LABEL) == ["x|y", "z"]
    assert label_targets(data, ["x|y", "z"], SINGLE_LABEL).tolist() == [0, 1]
