"""`keras-attention plot attention`: a heatmap of who attends to whom."""


def add_parser(subparsers, common):
    """Adds the command and its options."""
    parser = subparsers.add_parser("plot", help="draw a picture of a model")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    attention = kinds.add_parser("attention", parents=[common], help="attention over a sentence")
    add = attention.add_argument
    add("--model", required=True, metavar="RUN")
    add("--text", required=True, help="the source sentence")
    add("--kind", dest="attention", choices=("cross", "encoder", "decoder"), default="cross")
    add("--layer", type=int, metavar="L", help="from 0 (default: the last but one)")
    add("--head", type=int, metavar="H", help="from 0 (default: the mean of all heads)")
    add("--output", required=True, metavar="F.png")
    add("--force", action="store_true", help="overwrite an existing file")
    attention.set_defaults(run=run)


def run(options):
    """Plots."""
    from keras_attention.loading import load_run
    from keras_attention.visualization import attention_of_sentence, save_attention_plot

    translator = load_run(options.model)
    attention = attention_of_sentence(
        translator, options.text, options.attention, options.layer, options.head
    )
    save_attention_plot(attention, options.output, force=options.force)
