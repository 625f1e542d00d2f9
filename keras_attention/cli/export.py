"""`keras-attention export`: from a run directory to an artifact."""

import sys

from keras_attention.cli.search import add_sampling_options, add_search_options, search_options


def add_parser(subparsers, common):
    """Adds the command and its options."""
    parser = subparsers.add_parser(
        "export", parents=[common], help="write SavedModel, TFLite and ONNX forms of a run"
    )
    add = parser.add_argument
    add("--model", required=True, metavar="RUN")
    add("--output", required=True, metavar="ARTIFACT")
    add("--formats", default="tf_saved_model,tflite,onnx", help="separated by commas")
    add(
        "--precision",
        choices=("float32", "float16", "int8"),
        default="float32",
        help="in which TFLite and ONNX store the weights",
    )
    add(
        "--allow-loss",
        type=float,
        metavar="X",
        help="BLEU that it may lose (by default 0.05 as float16, 0.3 as int8), or points of "
        "accuracy (0.1, 0.5)",
    )
    add_search_options(parser, n_best=True)
    add_sampling_options(parser, seed=False)  # it is an input of what is exported
    add("--with-alignments", action="store_true", help="also give the attention of each token")
    add("--single-loop", action="store_true", help="no loop in a loop, for OpenVINO; slower")
    add("--valid-source", metavar="F", help="sentences to compare on")
    add("--valid-target", metavar="F", help="their references: BLEU of each form in the manifest")
    add("--valid", metavar="F", help="labelled texts to compare a classifier on")
    add("--force", action="store_true", help="overwrite an existing artifact")
    add("--quiet", action="store_true")
    parser.set_defaults(run=run)


def run(options):
    """Exports."""
    from keras_attention.tasks import export_run

    def say(text):
        if not options.quiet:
            print(text, file=sys.stderr, flush=True)

    export_run(
        options.model,
        options.output,
        formats=tuple(name for name in options.formats.split(",") if name),
        search=search_options(options),
        with_alignments=options.with_alignments,
        single_loop=options.single_loop,
        precision=options.precision,
        allow_loss=options.allow_loss,
        valid_source=options.valid_source,
        valid_target=options.valid_target,
        valid=options.valid,
        force=options.force,
        say=say,
    )
    say(f"The artifact is in {options.output}.")
