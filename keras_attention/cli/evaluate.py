"""`keras-attention evaluate translator|classifier|masked-lm|...`: only JSON on standard output."""

import json
import sys

from keras_attention.cli.options import (
    MODEL_OPTIONS,
    READING_OPTIONS,
    add_options,
    custom_objects,
    given,
)
from keras_attention.cli.streams import emit
from keras_attention.tasks import TASKS, task_of
from keras_attention.tasks.option import Option

MOST_ROWS = 10  # of a table that is printed without being asked for
TABLE = Option(
    "table", f"print the scores of each label, also of more than {MOST_ROWS}", bool, const=True
)


def add_parser(subparsers, common, help, arguments):
    """Adds the command, its kinds, and the options of the kind that `arguments` begin with."""
    parser = subparsers.add_parser("evaluate", help=help)
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind in TASKS:
        task = task_of(kind)
        if not task.evaluate_options:
            continue
        parser = kinds.add_parser(kind, parents=[common], help=task.evaluate_help)
        if arguments and arguments[0] == kind:
            add_options(parser, (*MODEL_OPTIONS, *task.evaluate_options))
            add_options(parser, (TABLE, *READING_OPTIONS))
        parser.set_defaults(run=run)


def run(options):
    """Evaluates."""
    from keras_attention.tasks.evaluate import evaluate

    task = task_of(options.kind)
    values = given(options, [option.name for option in task.evaluate_options])
    search = {name: values.pop(name) for name in task.decoding_names if name in values}
    scores = evaluate(
        options.kind,
        options.model,
        options.runtime,
        custom_objects=custom_objects(options),
        search=search,
        **values,
    )
    emit(json_of(scores if options.table else without_tables(scores)) + "\n")


def without_tables(scores):
    """The scores without what has a row for each of more labels than a screen shows at once."""
    left_out = [n for n, value in scores.items() if _is_table(value) and len(value) > MOST_ROWS]
    if left_out:
        names = " and ".join(left_out)
        print(f"{names}: {len(scores[left_out[0]]):,} rows; --table prints them.", file=sys.stderr)
    return {name: value for name, value in scores.items() if name not in left_out}


def json_of(scores):
    """A dict as JSON: numbers first, then the tables, a line for each row."""
    lines = [f"  {json.dumps(n)}: {json.dumps(v)}" for n, v in scores.items() if not _is_table(v)]
    for name, value in scores.items():
        if not _is_table(value):
            continue
        if isinstance(value, dict):
            rows, ends = [f"{json.dumps(n)}: {json.dumps(v)}" for n, v in value.items()], "{}"
        else:
            rows, ends = list(map(json.dumps, value)), "[]"
        inner = ",\n".join(f"    {row}" for row in rows)
        lines.append(f"  {json.dumps(name)}: {ends[0]}\n{inner}\n  {ends[1]}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _is_table(value):
    return isinstance(value, (dict, list)) and bool(value)
