"""`keras-attention evaluate translator|classifier|masked-lm|...`: only JSON on standard output."""

import json

from keras_attention.cli.options import MODEL_OPTIONS, add_options, custom_objects, given
from keras_attention.tasks import TASKS, task_of


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
    print(json.dumps(scores, indent=2))
