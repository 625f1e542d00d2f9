"""`keras-attention plot attention|length`: pictures of what models attend to, and of BLEU."""

import io
import json
import os
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.cli.options import (
    CUSTOM,
    ENCODING,
    RUNTIME,
    SKIP_INVALID,
    add_options,
    custom_objects,
    given,
    text,
)
from keras_attention.cli.streams import emit
from keras_attention.tasks import task_of
from keras_attention.tasks.option import Option
from keras_attention.tasks.translation.options import DECODING_NAMES, SEARCH_OPTIONS, SHORTLIST

STANDARD = "-"
PICTURE_OPTIONS = (
    Option("output", "- is standard output", metavar="F.png", required=True),
    Option("force", "overwrite an existing file", bool, const=True),
)
ATTENTION_OPTIONS = (
    Option("model", "or a HuggingFace directory of an encoder", metavar="RUN", required=True),
    CUSTOM,
    Option(
        "text",
        "a source sentence; each further --text makes a further panel",
        text,
        required=True,
        repeated=True,
    ),
    Option("pair", "the second text, of a classifier of pairs", text),
    Option(
        "attention",
        "of a translator (default: cross); encoders have no other than encoder",
        spelling="kind",
        choices=("cross", "encoder", "decoder"),
    ),
    Option("layer", "from 0 (default: the last but one)", int, metavar="L"),
    Option("head", "from 0 (default: the mean of all heads)", int, metavar="H"),
    Option("grid", "every head of every layer of an encoder", bool, const=True),
    *PICTURE_OPTIONS,
)
LENGTH_OPTIONS = (
    Option(
        "models",
        "each further --model makes a further line",
        spelling="model",
        metavar="RUN|ARTIFACT",
        required=True,
        repeated=True,
    ),
    CUSTOM,
    RUNTIME,
    Option("source", metavar="F", required=True),
    Option("reference", metavar="F", required=True),
    ENCODING,
    SKIP_INVALID,
    Option("tokenize", "sacrebleu's: 13a, none, ... (default: 13a)", default="13a", metavar="NAME"),
    Option("lowercase", "ignore case", bool, const=True),
    Option("bins", "ranges of length (default: 4)", int, default=4, metavar="N"),
    *PICTURE_OPTIONS,
    *(
        Option(**{**vars(o), "group": "how all of them translate"})
        for o in (*SEARCH_OPTIONS, SHORTLIST)
    ),
)


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    parser = subparsers.add_parser("plot", help=help)
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    attention = kinds.add_parser("attention", parents=[common], help="attention over sentences")
    add_options(attention, ATTENTION_OPTIONS)
    attention.set_defaults(run=run_attention)
    length = kinds.add_parser(
        "length",
        parents=[common],
        help="BLEU by the length of the source sentence",
        description="The numbers behind the picture go to standard output, as JSON.",
    )
    add_options(length, LENGTH_OPTIONS)
    length.set_defaults(run=run_length)


def run_attention(options):
    """Plots attention."""
    from keras_attention.visualization import save_attention_grid, save_attention_plot

    output = Output(options)
    task, user = _load(options)
    _refuse_others(
        options, f"a {task.kind}", [name for name in ("pair", "grid") if name in task.no_attention]
    )
    if options.grid:
        _refuse_others(options, "a grid", ["layer", "head"])
        if len(options.text) > 1:
            raise InputError("--grid draws one text; --text is given several times.")
        layers, words = task.attention_grid(user, options.text[0], options.pair)
        title = "encoder self-attention"
        save_attention_grid(layers, words, output.file, title, bool(options.force))
        output.end()
        return
    maps = [
        task.attention(user, each, options.pair, options.attention, options.layer, options.head)
        for each in options.text
    ]
    save_attention_plot(maps, output.file, force=bool(options.force))
    output.end()


class Output:
    """Where a picture goes: `file`, a path, or bytes that `end` writes to standard output.

    Raises:
        InputError: if the path cannot be written.
    """

    def __init__(self, options):
        from keras_attention.files import require_writable

        self.is_standard = options.output == STANDARD
        self.file = io.BytesIO() if self.is_standard else options.output
        if not self.is_standard:
            require_writable(options.output, options.force)

    def end(self):
        """Writes what goes to standard output."""
        if self.is_standard:
            emit(self.file.getvalue())


def _load(options):
    """The task and the model of a run, or of a published directory."""
    from keras_attention.runs.run_directory import is_published, read_config
    from keras_attention.tasks.load import load_run

    if not is_published(options.model):
        task = task_of(read_config(options.model)["kind"], f"{options.model} is a run")
        custom = custom_objects(options)
        return task, load_run(options.model, custom_objects=custom, kind=task.kind)
    from keras_attention.checkpoints import load_hugging_face, load_tokenizer
    from keras_attention.checkpoints.hugging_face import hugging_face_files
    from keras_attention.checkpoints.hugging_face_config import read_family
    from keras_attention.json_file import whole_read
    from keras_attention.tasks.save_run import task_of_model

    model, tokenizer = whole_read(
        options.model,
        lambda path: (
            load_hugging_face(path, task=read_family(path).bare_task),  # heads attend to nothing
            load_tokenizer(path),
        ),
        hugging_face_files,
    )
    task = task_of_model(model)
    return task, task.wrap(model, tokenizer, task.run_config(model, tokenizer))


def _refuse_others(options, what, names):
    """Raises `InputError` if one of these options is given."""
    flags = [f"--{name}" for name in given(options, names)]
    if flags:
        raise InputError(f"{', '.join(flags)}: of no meaning for {what}.")


def run_length(options):
    """Plots BLEU by length."""
    from keras_attention._validation import require_positive_integer
    from keras_attention.tasks.load import load
    from keras_attention.text.corpora.text_files import read_parallel
    from keras_attention.training.translation_scores import require_bleu_tokenizer
    from keras_attention.visualization import bleu_by_length, save_length_plot

    output = Output(options)  # all of this before any work
    require_bleu_tokenizer("tokenize", options.tokenize)
    require_positive_integer("bins", options.bins)
    names = model_names(options.models)
    sources, references = read_parallel(options.source, options.reference)
    # All are loaded before the first translates: a wrong path shows at once.
    search, custom = given(options, DECODING_NAMES), custom_objects(options)
    translators = [
        load(path, options.runtime, kind="translator", custom_objects=custom, **search)
        for path in options.models
    ]
    curves = {
        name: bleu_by_length(
            translator.translate(sources),
            sources,
            references,
            options.bins,
            options.tokenize,
            bool(options.lowercase),
        )
        for name, translator in zip(names, translators, strict=True)
    }
    save_length_plot(curves, output.file, force=bool(options.force))
    output.end()
    if not output.is_standard:
        emit(json.dumps(curves, indent=2) + "\n")


def model_names(paths):
    """A name for each model: its directory's, with as many parents as tell it from the others.

    Raises:
        InputError: if a path is given twice.

    >>> model_names(["a/run", "b/run", "old"])
    ['a/run', 'b/run', 'old']
    """
    all_parts = [Path(os.path.abspath(path)).parts for path in paths]
    for path, parts in zip(paths, all_parts, strict=True):
        if all_parts.count(parts) > 1:
            raise InputError(f"--model {path} is given twice; each model makes one line.")
    names = []
    for parts in all_parts:
        count = 1
        while sum(other[-count:] == parts[-count:] for other in all_parts) > 1:
            count += 1
        names.append(os.path.join(*parts[-count:]))
    return names
