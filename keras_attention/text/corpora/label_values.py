"""What the column of labels in a table holds: one label, several labels, or numbers."""

import json
import math
import re

import numpy as np

from keras_attention._validation import InputError
from keras_attention.json_file import has_half_a_pair, has_line_break, shortened
from keras_attention.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from keras_attention.text.corpora.tabular_files import listed

SEPARATOR = "|"  # between the labels or the numbers of one text, as in pandas' `str.get_dummies`
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


class MissingLabel(str):
    """What a table without types, as a `.csv` file is, holds where there is no label."""

    @classmethod
    def or_label(cls, value):
        """The value; as a `MissingLabel` where programs such as pandas write it for none."""
        is_missing = isinstance(value, str) and value.strip().lower() in ("nan", "null")
        return cls(value) if is_missing else value


def parse_scores(values, place, column):
    """The number that each pair of texts is given: as `parse_labels`, a list of N floats."""
    return [_score(value, place(i), column) for i, value in enumerate(values)]


def _score(value, place, column):
    numbers = _floats([value])
    if numbers is None:
        raise InputError(
            f"{place}: the score ({column!r}) is {shortened(value)}; expected a number."
        )
    return numbers[0]


def parse_labels(values, problem_type, place, column):
    """The labels of texts, from what a column holds.

    Args:
        values: list of N strings, or of any JSON values.
        problem_type: one of `keras_attention.problem_types.PROBLEM_TYPES`.
        place: function from the index of a value to its place in the file, for messages.
        column: name of the column, for messages.

    Returns:
        List of N: a string each where a text has one label; a list of different strings, which may
        be empty, where any number of labels may hold; a list of floats for a regression.

    Raises:
        InputError: if a value is none of these.

    >>> parse_labels(["funny | sad", ""], "multi_label_classification", str, "label")
    [['funny', 'sad'], []]
    """
    parse = {MULTI_LABEL: _label_set, REGRESSION: _numbers}.get(problem_type, _label)
    return [parse(value, place(i), column) for i, value in enumerate(values)]


def label_parser(problem_type):
    """`parse_labels` as a function of values, places and a column; None where the type is None."""
    if problem_type is None:
        return None
    return lambda values, place, column: parse_labels(values, problem_type, place, column)


def _label(value, place, column):
    # A data frame writes a missing label as NaN.
    is_missing = value is None or (isinstance(value, float) and not math.isfinite(value))
    if isinstance(value, MissingLabel):
        raise InputError(
            f"{place}: the label ({column!r}) is {shortened(value)}, as tables have it where there "
            "is none; expected a label."
        )
    if isinstance(value, (list, dict)) or is_missing:
        raise InputError(
            f"{place}: the label ({column!r}) is {json.dumps(value)}; expected a string or a "
            "number."
        )
    label = (value if isinstance(value, str) else json.dumps(value)).strip()
    if not label:
        raise InputError(f"{place}: the label ({column!r}) is empty.")
    if has_half_a_pair(label):
        raise InputError(f"{place}: the label ({column!r}) holds half a surrogate pair.")
    if has_line_break(label):
        raise InputError(
            f"{place}: the label ({column!r}) is {shortened(label)}; expected a name of one line."
        )
    return label


def _parts(value):
    """The values of one text: the items of a JSON list, or what stands between separators."""
    if isinstance(value, list):
        return value
    if not isinstance(value, str) or isinstance(value, MissingLabel):
        return [value]
    return value.split(SEPARATOR) if value.strip() else []


def _label_set(value, place, column):
    labels = [_label(part, place, column) for part in _parts(value)]
    if len(set(labels)) < len(labels):
        raise InputError(
            f"{place}: the labels ({column!r}) are {shortened(value)}; expected each of them once."
        )
    return labels


def _numbers(value, place, column):
    numbers = _floats(_parts(value))
    if not numbers:
        raise InputError(
            f"{place}: the label ({column!r}) of a regression is {shortened(value)}; expected a "
            f"number, or several with {SEPARATOR!r} between them."
        )
    return numbers


def _floats(values):
    """Finite floats from values of a table; None where one is none."""
    try:
        if any(isinstance(value, (bool, list, dict)) for value in values):
            return None
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def label_names(labels, source="the training data"):
    """The different labels in order: by value if all are numbers, else alphabetically.

    Args:
        labels: list of strings.
        source: where they come from, for the error message.

    Raises:
        InputError: if there are fewer than two.

    >>> label_names(["10", "9", "10"])
    ['9', '10']
    """
    names = set(labels)
    if len(names) < 2:
        raise InputError(
            f"{source}: all {len(labels):,} labels are {listed(names) or 'missing'}; a classifier "
            "needs two different labels or more."
        )
    return _in_order(names)


def _in_order(names):
    names = sorted(names)
    if all(_NUMBER.fullmatch(name) for name in names):
        names.sort(key=float)
    return names


def label_ids(data, names):
    """The index of each example's label in `names`, int32 (N,).

    Args:
        data: `LabelledTexts`.
        names: list of strings, from `label_names`.

    Raises:
        InputError: if a label is not among `names`. The message says where it is and lists them.
    """
    index_of = {name: index for index, name in enumerate(names)}
    rows = ([label] for label in data.labels)
    return np.array([i for (i,) in _indices(data, rows, index_of)], np.int32)


def _indices(data, rows, index_of):
    """The indices of the labels in each of `rows`, an iterator of lists."""
    for index, labels in enumerate(rows):
        for label in labels:
            if label not in index_of:
                raise InputError(
                    f"{data.place(index)}: unknown label {label!r}; the known ones are "
                    f"{listed(index_of)}."
                )
        yield [index_of[label] for label in labels]


def class_names(data, problem_type, label_column="label"):
    """The names of what a classifier of these texts gives scores to, a list of strings.

    Args:
        data: `LabelledTexts` with labels as `problem_type` has them.
        problem_type: one of `keras_attention.problem_types.PROBLEM_TYPES`.
        label_column: the name of a regression's number; of several with _0, _1 ...

    Raises:
        InputError: if there are too few labels: fewer than two where each text has one.
    """
    source = data.path or "the training data"
    if problem_type == REGRESSION:
        count = len(data.labels[0])
        names = [label_column, *(f"{label_column}_{i}" for i in range(count))]
        return names[:1] if count == 1 else names[1:]
    if problem_type != MULTI_LABEL:
        return label_names(data.labels, source)
    names = set().union(*data.labels)
    if not names:
        raise InputError(f"{source}: no text has a label.")
    return _in_order(names)


def label_targets(data, names, problem_type):
    """What the scores of each text should be.

    Args:
        data, problem_type: those of `class_names`.
        names: list of C strings.

    Returns:
        The index of the label, int32 (N,); where any number of labels may hold float32 (N, C) of 0
        and 1; the numbers of a regression, float32 (N, C).

    Raises:
        InputError: if a label is not among `names`, or a text has other than C numbers.
    """
    if problem_type == SINGLE_LABEL:
        return label_ids(data, names)
    targets = np.zeros((len(data), len(names)), np.float32)
    if problem_type == MULTI_LABEL:
        index_of = {name: index for index, name in enumerate(names)}
        for index, indices in enumerate(_indices(data, data.labels, index_of)):
            targets[index, indices] = 1
        return targets
    for index, numbers in enumerate(data.labels):
        if len(numbers) != len(names):
            raise InputError(
                f"{data.place(index)}: expected {len(names)} number{'s'[: len(names) != 1]} "
                f"({listed(names)}). Received: {len(numbers)}"
            )
        targets[index] = numbers
    return targets
