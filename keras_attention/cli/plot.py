"""`keras-attention plot attention|length`: pictures of what models attend to, and of BLEU."""

import json
import os
from pathlib import Path

from keras_attention.cli.search import add_search_options, search_options


def add_parser(subparsers, common):
    """Adds the command and its options."""
    parser = subparsers.add_parser("plot", help="draw a picture of a model, or of several")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    _add_attention(kinds, common)
    _add_length(kinds, common)


def _add_attention(kinds, common):
    parser = kinds.add_parser("attention", parents=[common], help="attention over sentences")
    add = parser.add_argument
    add("--model", required=True, metavar="RUN", help="or a HuggingFace directory of BERT")
    add(
        "--text",
        required=True,
        action="append",
        help="a source sentence; each further --text makes a further panel",
    )
    add("--pair", help="the second text, of a classifier of pairs")
    add(
        "--kind",
        dest="attention",
        choices=("cross", "encoder", "decoder"),
        help="cross by default for a translator; encoders have no other than encoder",
    )
    add("--layer", type=int, metavar="L", help="from 0 (default: the last but one)")
    add("--head", type=int, metavar="H", help="from 0 (default: the mean of all heads)")
    add("--grid", action="store_true", help="every head of every layer of an encoder")
    _add_output(add)
    parser.set_defaults(run=run_attention)


def _add_length(kinds, common):
    parser = kinds.add_parser(
        "length",
        parents=[common],
        help="BLEU by the length of the source sentence",
        description="The numbers behind the picture go to standard output, as JSON.",
    )
    add = parser.add_argument
    add(
        "--model",
        dest="models",
        required=True,
        action="append",
        metavar="RUN|ARTIFACT",
        help="each further --model makes a further line",
    )
    add("--runtime", metavar="NAME", help="keras, tf_saved_model, tflite or onnx")
    add("--source", required=True, metavar="F")
    add("--reference", required=True, metavar="F")
    add("--tokenize", default="13a", metavar="NAME", help="sacrebleu's: 13a (default), none, ...")
    add("--lowercase", action="store_true", help="ignore case")
    add("--bins", type=int, default=4, metavar="N", help="ranges of length (default: 4)")
    _add_output(add)
    add_search_options(parser.add_argument_group("how all of them translate"))
    parser.set_defaults(run=run_length)


def _add_output(add):
    add("--output", required=True, metavar="F.png")
    add("--force", action="store_true", help="overwrite an existing file")


def run_attention(options):
    """Plots attention."""
    from keras_attention.runs.run_files import read_config
    from keras_attention.tasks import load_run
    from keras_attention.visualization import attention_of_sentence, save_attention_plot

    require_writable(options.output, options.force)
    if read_config(options.model).get("kind") in (None, "classifier", "masked-lm"):
        return _run_encoder(options)
    _refuse_others(options, "a translator", grid=options.grid, pair=options.pair)
    translator = load_run(options.model)
    kind = options.attention or "cross"
    attentions = [
        attention_of_sentence(translator, text, kind, options.layer, options.head)
        for text in options.text
    ]
    save_attention_plot(attentions, options.output, force=options.force)


def _run_encoder(options):
    """Plots the attention of a classifier, of a masked language model, or of published weights."""
    from keras_attention._validation import InputError
    from keras_attention.checkpoints import load_hugging_face
    from keras_attention.runs.run_files import read_config, read_model
    from keras_attention.text import WordPieceTokenizer
    from keras_attention.visualization import (
        attention_of_text,
        encoder_scores,
        save_attention_grid,
        save_attention_plot,
    )

    if options.attention not in (None, "encoder"):
        raise InputError(
            f"{options.model} is an encoder: it has no {options.attention} attention; it has only "
            "encoder."
        )
    config, directory = read_config(options.model), Path(options.model)
    if "kind" in config:
        model, files = read_model(directory), directory / "tokenizer"
        length = config["max_sequence_length"]
    else:  # of HuggingFace
        model, files = load_hugging_face(directory, task="encoder"), directory
        length = model.max_sequence_length
    tokenizer = WordPieceTokenizer.load(files)
    if options.grid:
        _refuse_others(options, "a grid", layer=options.layer, head=options.head)
        if len(options.text) > 1:
            raise InputError("--grid draws one text; --text is given several times.")
        (text,) = options.text
        layers, words = encoder_scores(model, tokenizer, text, options.pair, length)
        save_attention_grid(layers, words, options.output, "encoder self-attention", options.force)
        return
    attentions = [
        attention_of_text(model, tokenizer, text, options.pair, options.layer, options.head, length)
        for text in options.text
    ]
    save_attention_plot(attentions, options.output, force=options.force)


def _refuse_others(options, what, **others):
    """Raises `InputError` if one of these options is given."""
    from keras_attention._validation import InputError

    given = [
        f"--{name}" for name, value in others.items() if value is not None and value is not False
    ]
    if given:
        raise InputError(f"{', '.join(given)}: of no meaning for {what}.")


def run_length(options):
    """Plots BLEU by length."""
    from keras_attention import load
    from keras_attention._validation import require_positive_integer
    from keras_attention.text import read_parallel
    from keras_attention.training.translation_scores import require_bleu_tokenizer
    from keras_attention.visualization import bleu_by_length, save_length_plot

    require_writable(options.output, options.force)  # all of this before any work
    require_bleu_tokenizer("tokenize", options.tokenize)
    require_positive_integer("bins", options.bins)
    names = model_names(options.models)
    sources, references = read_parallel(options.source, options.reference)
    # All are loaded before the first translates: a wrong path shows at once.
    search = search_options(options)
    translators = [
        load(path, options.runtime, kind="translator", **search) for path in options.models
    ]
    curves = {
        name: bleu_by_length(
            translator.translate(sources),
            sources,
            references,
            options.bins,
            options.tokenize,
            options.lowercase,
        )
        for name, translator in zip(names, translators, strict=True)
    }
    save_length_plot(curves, options.output, force=options.force)
    print(json.dumps(curves, indent=2))


def require_writable(path, force):
    """Raises `InputError` unless a file can be written at `path`."""
    from keras_attention._validation import InputError
    from keras_attention.files import refuse_existing

    refuse_existing(path, force)
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a directory; the picture needs the name of a file.")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no directory {path.parent}.")


def model_names(paths):
    """A name for each model: its directory's, with as many parents as tell it from the others.

    Raises:
        InputError: if a path is given twice.

    >>> model_names(["a/run", "b/run", "old"])
    ['a/run', 'b/run', 'old']
    """
    from keras_attention._validation import InputError

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
