"""`keras-attention classify`: one text a line in, one JSON object a line out."""

import json

from keras_attention._validation import InputError
from keras_attention.cli.options import (
    MODEL_OPTIONS,
    TEXT_OPTIONS,
    add_options,
    answerable,
    custom_objects,
    read_lines,
    require_output,
    say_unknown,
    write_output,
)
from keras_attention.problem_types import REGRESSION
from keras_attention.text.corpora.kept_input import NAME


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "classify",
        parents=[common],
        help=help,
        description="Reads standard input and writes standard output unless files are given: one "
        "JSON object a line, with label and scores; of a regression with scores alone. Of a "
        "classifier of pairs each line holds the two texts with a tab between them.",
    )
    add_options(parser, (*MODEL_OPTIONS, *TEXT_OPTIONS))
    parser.set_defaults(run=run)


def run(options):
    """Classifies."""
    from keras_attention.tasks.load import load

    require_output(options)
    lines = read_lines(options.input)
    classifier = load(
        options.model,
        options.runtime,
        kind="classifier",
        custom_objects=custom_objects(options),
    )
    if classifier.takes_pairs:
        texts, pairs = split_pairs(lines, options.input or NAME)
    else:
        texts, pairs = answerable(lines)[0], None
    scores = classifier.scores(texts, pairs)
    lines = [json.dumps(_answer(classifier, row), ensure_ascii=False) + "\n" for row in scores]
    write_output(options, "".join(lines).encode())
    say_unknown(classifier)


def _answer(classifier, row):
    """What is said of one text, from its scores (C,): a dict of JSON values."""
    named = zip(classifier.labels, row, strict=True)
    label = {"label": classifier.labels[row.argmax()]}
    scores = {"scores": {name: round(float(value), 6) for name, value in named}}
    return scores if classifier.problem_type == REGRESSION else {**label, **scores}


def split_pairs(lines, name):
    """The texts before and after the tab of each line; of a faulty one that is skipped none.

    Raises:
        InputError: if a line has not exactly one tab, and may not be skipped.
    """

    def require_tab(line, number):
        tabs = line.count("\t")
        if tabs != 1:
            raise InputError(
                f"{name}, line {number}: {tabs} tabs; a classifier of pairs expects two texts with "
                "one tab between them."
            )

    lines, _ = answerable(lines, require_tab)
    pairs = [line.partition("\t") for line in lines]
    return [first for first, _, _ in pairs], [second for _, _, second in pairs]
