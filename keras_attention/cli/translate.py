"""`keras-attention translate`: one line in, one line out, or with `--n-best N` N lines."""

from keras_attention.cli.search import add_sampling_options, add_search_options, search_options


def add_parser(subparsers, common):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "translate",
        parents=[common],
        help="translate lines of text",
        description="Reads standard input and writes standard output unless files are given.",
    )
    add_model_options(parser)
    add_search_options(parser, n_best=True)
    add_sampling_options(parser)
    parser.add_argument("--input", metavar="F", help="one sentence a line; .gz is read too")
    parser.add_argument("--output", metavar="F", help="one translation a line")
    parser.add_argument(
        "--scores", action="store_true", help="score, a tab, then the translation, on each line"
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    parser.set_defaults(run=run)


def add_model_options(parser):
    """The two options that choose what translates."""
    parser.add_argument("--model", required=True, metavar="RUN|ARTIFACT")
    parser.add_argument("--runtime", metavar="NAME", help="keras, tf_saved_model, tflite or onnx")


def run(options):
    """Translates."""
    from keras_attention import load
    from keras_attention.cli.lines import read_input, write_output
    from keras_attention.files import refuse_existing

    if options.output:
        refuse_existing(options.output, options.force)
    lines = read_input(options.input)
    translator = load(
        options.model, options.runtime, options.seed, "translator", **search_options(options)
    )
    text = "".join(
        f"{score:.4f}\t{text}\n" if options.scores else f"{text}\n"
        for hypotheses in translator.translate_n_best(lines)
        for text, score in pad(hypotheses, options.n_best or 1)
    )
    write_output(options.output, text.encode())


def pad(hypotheses, count):
    """The first `count`, empty ones where there are fewer, so that every line gives as many."""
    return [*hypotheses, *[("", 0.0)] * count][:count]
