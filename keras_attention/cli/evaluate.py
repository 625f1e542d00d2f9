"""`keras-attention evaluate translator|classifier`: only JSON on standard output."""

import json
import time

from keras_attention.cli.search import add_sampling_options, add_search_options, search_options
from keras_attention.cli.translate import add_model_options


def add_parser(subparsers, common):
    """Adds the command and its options."""
    parser = subparsers.add_parser("evaluate", help="measure a model")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    translator = kinds.add_parser("translator", parents=[common], help="BLEU and chrF")
    add_model_options(translator)
    add_search_options(translator)
    add_sampling_options(translator)
    translator.add_argument("--source", required=True, metavar="F")
    translator.add_argument("--reference", required=True, metavar="F")
    translator.add_argument(
        "--tokenize", default="13a", metavar="NAME", help="sacrebleu's: 13a (default), none, ..."
    )
    translator.add_argument("--lowercase", action="store_true", help="ignore case")
    translator.set_defaults(run=run_translator)
    classifier = kinds.add_parser("classifier", parents=[common], help="accuracy and macro F1")
    add_model_options(classifier)
    add = classifier.add_argument
    add("--data", required=True, metavar="F", help="labelled texts: .csv, .tsv, .jsonl; .gz")
    add("--text-column", default="text", metavar="NAME", help="text by default")
    add("--label-column", default="label", metavar="NAME", help="label by default")
    add("--pair-column", metavar="NAME", help="of the second texts, where pairs are classified")
    add("--confusion", metavar="F.png", help="also draw which labels are taken for which")
    add("--force", action="store_true", help="overwrite an existing picture")
    classifier.set_defaults(run=run_classifier)


def run_translator(options):
    """Evaluates a translator."""
    from keras_attention import load
    from keras_attention.text import read_parallel
    from keras_attention.training import translation_scores
    from keras_attention.training.translation_scores import require_bleu_tokenizer

    require_bleu_tokenizer("tokenize", options.tokenize)  # before any work
    sources, references = read_parallel(options.source, options.reference)
    translator = load(
        options.model, options.runtime, options.seed, "translator", **search_options(options)
    )
    started = time.perf_counter()
    translations = translator.translate(sources)
    seconds = time.perf_counter() - started
    scores = translation_scores(translations, references, options.tokenize, options.lowercase)
    exact = sum(a == b for a, b in zip(translations, references, strict=True)) / len(references)
    report = {**scores, "exact_match": exact, "sentences": len(sources), "seconds": seconds}
    print(json.dumps(report, indent=2))


def run_classifier(options):
    """Evaluates a classifier."""
    from keras_attention import load
    from keras_attention._validation import InputError
    from keras_attention.cli.plot import require_writable
    from keras_attention.text import label_ids, read_labelled
    from keras_attention.training import classification_scores
    from keras_attention.visualization import save_confusion_plot

    if options.confusion:
        require_writable(options.confusion, options.force)
    data = read_labelled(
        options.data, options.text_column, options.label_column, options.pair_column
    )
    classifier = load(options.model, options.runtime, kind="classifier")
    if classifier.takes_pairs != (data.pairs is not None):
        raise InputError(
            f"{options.model} classifies pairs: name the column of the second texts by "
            "--pair-column."
            if classifier.takes_pairs
            else f"{options.model} classifies single texts, which --pair-column does not concern."
        )
    expected = label_ids(data, classifier.labels)
    started = time.perf_counter()
    predicted = classifier.probabilities(data.texts, data.pairs).argmax(axis=1)
    seconds = time.perf_counter() - started
    scores = classification_scores(expected, predicted, classifier.labels)
    if options.confusion:
        save_confusion_plot(
            scores["confusion"], classifier.labels, options.confusion, force=options.force
        )
    print(json.dumps({**scores, "texts": len(data), "seconds": seconds}, indent=2))
