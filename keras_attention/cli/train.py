"""`keras-attention train translator|classifier|masked-lm|...`: written once over all tasks."""

import contextlib
import dataclasses

from keras_attention.cli.options import READING_OPTIONS, add_options, custom_objects, given
from keras_attention.runs.described_default import described_default
from keras_attention.tasks import TASKS, task_of
from keras_attention.tasks.option import Option

JIT = {"auto": "auto", "yes": True, "no": False}

# What every training takes: fields of its config, and options of the run.
CONFIG_OPTIONS = (
    Option(
        "jit_compile",
        "compile with XLA: auto times a few steps of both kinds and takes what makes this training "
        "shorter (default: auto)",
        choices=("auto", "yes", "no"),
        spelling="jit",
    ),
    Option(
        "lora_rank",
        "keep the initial weights as they are, and train adapters of this rank (LoRA) beside the "
        "matrices of attention and feed-forward layers (default: none; all weights are trained)",
        int,
        metavar="R",
    ),
    Option("seed", "seed of all random numbers (default: 0)", int, metavar="N"),
    Option(
        "snapshot_every",
        "save a snapshot every so many updates too (default: only after each epoch)",
        int,
        metavar="STEPS",
    ),
)
RUN_OPTIONS = (
    Option("output", "the run directory to make", metavar="RUN", required=True),
    Option("resume", "go on from the last snapshot, if there is one", bool, const=True),
    Option(
        "distribute",
        "over the GPUs of this machine, or of those that TF_CONFIG lists (default: none)",
        choices=("none", "mirrored", "multi-worker"),
        default="none",
    ),
    Option("custom", "Python file that defines layers of the initial weights", metavar="F.py"),
    Option("force", "overwrite an existing run", bool, const=True),
    Option("quiet", "print nothing", bool, const=True),
)


def add_parser(subparsers, common, help, arguments):
    """Adds the command, its kinds, and the options of the kind that `arguments` begin with."""
    parser = subparsers.add_parser("train", help=help)
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind in TASKS:
        task = task_of(kind)
        if not task.trains:
            continue
        parser = kinds.add_parser(
            kind, parents=[common], help=task.train_help, description=task.train_description
        )
        if arguments and arguments[0] == kind:
            fields = with_defaults((*task.train_options, *CONFIG_OPTIONS), task.config_class())
            add_options(parser, (*fields, *RUN_OPTIONS))
            add_options(parser, READING_OPTIONS)
        parser.set_defaults(run=run)


def with_defaults(options, config_class):
    """The options, of which each that takes a value says what it is where it is not given."""
    for option in options:
        said = None
        if option.type is not bool and "default:" not in option.help:
            said = described_default(config_class, option.name)
        if said is None or option.name in config_class.data:
            yield option
        else:
            yield dataclasses.replace(option, help=f"{option.help} (default: {said})")


def run(options):
    """Trains."""
    from keras_attention.tasks.train import asked_config, train

    task = task_of(options.kind)
    fields = (*task.train_options, *CONFIG_OPTIONS, *READING_OPTIONS)
    values = given(options, [option.name for option in fields])
    if "jit_compile" in values:
        values["jit_compile"] = JIT[values["jit_compile"]]
    resume = bool(options.resume)
    # A wrong option of a new run shows before the workers wait for each other.
    config = None if resume else task.make_config(**values)
    with distributed(options.distribute):
        train(
            config or asked_config(options.kind, options.output, resume, **values),
            options.output,
            resume=resume,
            force=bool(options.force),
            quiet=bool(options.quiet),
            custom_objects=custom_objects(options),
        )


def distributed(name):
    """The block in which a training runs on the devices that `--distribute` names."""
    if name == "none":
        return contextlib.nullcontext()
    from keras_attention.training.distribution import make_strategy

    return make_strategy(name).scope()
