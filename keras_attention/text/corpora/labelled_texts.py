"""Texts with or without labels from files, to train classifiers and masked language models on."""

import dataclasses

import numpy as np

from keras_attention._validation import InputError, require
from keras_attention.json_file import has_half_a_pair, shortened_json
from keras_attention.problem_types import SINGLE_LABEL
from keras_attention.text.corpora.kept_input import name_of
from keras_attention.text.corpora.label_values import MissingLabel, label_parser, parse_labels
from keras_attention.text.corpora.reading_options import reading_options
from keras_attention.text.corpora.tabular_files import (
    json_row,
    read_columns,
    tabular_format,
)
from keras_attention.text.corpora.text_files import read_lines


@dataclasses.dataclass
class LabelledTexts:
    """N examples: `texts`, `pairs` (second texts, or None) and `labels`, lists of N.

    Texts are strings. So are labels, but for those of `parse_labels` where a text may have several
    or is given numbers.

    `lines` holds the line of each example in the file `path`, for error messages. Both are None for
    texts that are not from a file.
    """

    texts: list
    pairs: list | None
    labels: list
    lines: list | None = None
    path: str | None = None

    def __len__(self):
        return len(self.texts)

    def take(self, indices):
        """The examples at `indices`."""
        chosen = {
            name: None if values is None else [values[index] for index in indices]
            for name, values in vars(self).items()
            if name != "path"
        }
        return LabelledTexts(**chosen, path=self.path)

    def with_text(self):
        """The examples whose texts are all more than white space."""
        parts = [values for values in (self.texts, self.pairs) if values is not None]
        rows = enumerate(zip(*parts, strict=True))
        return self.take([index for index, row in rows if all(text.strip() for text in row)])

    def place(self, index):
        """The place of example `index`, for error messages."""
        return (
            f"row {index + 1}" if self.lines is None else f"{self.path}, line {self.lines[index]}"
        )

    def require_string(self, index, column, values):
        """Raises `InputError` unless the value of example `index` in a column is a string."""
        value = values[index]
        if not isinstance(value, str):
            shown = shortened_json(value)
            raise InputError(f"{self.place(index)}: {column!r} is {shown}; expected a string.")
        if has_half_a_pair(value):
            raise InputError(f"{self.place(index)}: {column!r} holds half a surrogate pair.")

    def sound(self, columns, label_column=None, parse=None):
        """These examples, without those that `reading_as` lets skip.

        Args:
            columns: names of the columns of texts and of second texts, for messages.
            label_column: name of the column of labels, which are as the file has them.
            parse: function of labels, places and the column that raises `InputError` for a label
                that is none, such as `parse_scores`; None where they are not looked at.

        Raises:
            InputError: if one has something else than strings, or a label that is none, and may not
                be skipped; or none is left.
        """
        parts = [values for values in (self.texts, self.pairs) if values is not None]

        def check(index):
            for column, values in zip(columns, parts, strict=False):
                self.require_string(index, column, values)
            if parse is not None:
                parse([self.labels[index]], lambda _: self.place(index), label_column)

        kept = reading_options().sound(len(self), check)
        if not kept:
            raise InputError(f"{self.path}: no row can be read; expected one example or more.")
        return self if len(kept) == len(self) else self.take(kept)


def read_labelled(
    path,
    text_column="text",
    label_column="label",
    pair_column=None,
    problem_type=SINGLE_LABEL,
):
    """Texts and their labels from a `.csv`, `.tsv` or `.jsonl` file, optionally `.gz`.

    Labels are text without space around it. The JSON number 1 is the label "1". NaN and null are
    no labels, in `.csv` and `.tsv` files as in JSON. For the three formats see
    `keras_attention.text.corpora.tabular_files.read_columns`.

    Args:
        path: of the file.
        text_column: name of the column of the texts.
        label_column: name of the column of the labels.
        pair_column: name of the column of the second texts, if a label belongs to a pair of texts.
        problem_type: what a label is, one of `keras_attention.problem_types.PROBLEM_TYPES`: see
            `label_values.parse_labels`. None leaves labels as the file has them.

    Returns:
        `LabelledTexts`.

    Raises:
        InputError: if the file cannot be read, or a label is empty. The message names the line.
    """
    columns = [text_column, label_column, *([pair_column] if pair_column is not None else [])]
    (texts, labels, *pairs), lines = read_columns(path, columns)
    if tabular_format(path) != ".jsonl":  # in JSON what is missing is no string
        labels = [MissingLabel.or_label(label) for label in labels]
    data = LabelledTexts(texts, pairs[0] if pairs else None, labels, lines, str(name_of(path)))
    data = data.sound([text_column, pair_column], label_column, label_parser(problem_type))
    if problem_type is not None:
        data.labels = parse_labels(data.labels, problem_type, data.place, label_column)
    return data


def read_texts(path, text_column="text"):
    """Texts without labels: a column of a tabular file, or the lines of any other file.

    Empty texts are left out.

    Args:
        path: of the file, optionally `.gz`.
        text_column: name of the column of the texts in a `.csv`, `.tsv` or `.jsonl` file.

    Returns:
        List of strings.

    Raises:
        InputError: if the file cannot be read, or holds no text.
    """
    if tabular_format(path) is None:
        texts = read_lines(path)
    else:
        (texts,), lines = read_columns(path, [text_column])
        data = LabelledTexts(texts, None, None, lines, str(name_of(path)))
        texts = data.sound([text_column]).texts
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise InputError(f"{name_of(path)}: no text; expected one line or row of it, or more.")
    return texts


def text_of_line(line, number, path, text_column="text"):
    """The text of one line of a file as `read_texts` reads it, without the other lines.

    Args:
        line: string.
        number: the number of the line in the file, from 1.
        path: the file: `.jsonl`, or a file without columns, optionally `.gz`.
        text_column: name of the column of the texts in a `.jsonl` file.

    Raises:
        InputError: if the file is `.csv` or `.tsv`, in which one line alone cannot be read, or if
            a line of a `.jsonl` file has no text.
    """
    file_format = tabular_format(path)
    if file_format is None or not line.strip():
        return line
    if file_format != ".jsonl":
        raise InputError(
            f"{path}: a {file_format} file cannot be read by windows; .jsonl and text can."
        )
    values = json_row(line, number, [text_column], path)
    LabelledTexts(values, None, None, [number], str(path)).require_string(0, text_column, values)
    return values[0]


def split_labelled(data, share=0.1, seed=0):
    """Splits off validation data in which each label is as frequent as in `data`.

    Every label keeps at least one row for training. Where a text may have several labels, or is
    given numbers, any rows are split off.

    Args:
        data: `LabelledTexts`.
        share: the part of the rows that is split off, above 0 and below 1.
        seed: integer; the same seed gives the same split.

    Returns:
        Two `LabelledTexts`, in the order of `data`: training and validation.

    Raises:
        InputError: if no label has two rows.
    """
    require(0 < share < 1, "share", "a number between 0 and 1", share=share)
    labels = ["" if isinstance(label, list) else label for label in data.labels]
    names, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.max(initial=0) < 2:
        raise InputError(
            f"{data.path or 'the data'}: no label has two rows or more, so that one could be left "
            "to validate on; give a validation file."
        )
    exact = counts * share
    taken = np.minimum(np.floor(exact).astype(int), counts - 1)
    # The rows that rounding down left over go to the labels that lost most by it.
    missing = min(max(1, round(share * len(data))), int((counts - 1).sum())) - taken.sum()
    while missing > 0:
        loss = np.where(taken < counts - 1, exact - taken, -np.inf)
        taken[np.argmax(loss)] += 1
        missing -= 1
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(data), bool)
    for label in range(len(names)):
        held_out[random.permutation(np.flatnonzero(which == label))[: taken[label]]] = True
    return data.take(np.flatnonzero(~held_out)), data.take(np.flatnonzero(held_out))
