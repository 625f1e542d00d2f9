"""`keras-attention evaluate translator`: only JSON on standard output."""

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
    translator.set_defaults(run=run)


def run(options):
    """Evaluates."""
    from keras_attention import load
    from keras_attention.text import read_parallel
    from keras_attention.training import translation_scores
    from keras_attention.training.translation_scores import require_bleu_tokenizer

    require_bleu_tokenizer("tokenize", options.tokenize)  # before any work
    sources, references = read_parallel(options.source, options.reference)
    translator = load(options.model, options.runtime, options.seed, **search_options(options))
    started = time.perf_counter()
    translations = translator.translate(sources)
    seconds = time.perf_counter() - started
    scores = translation_scores(translations, references, options.tokenize, options.lowercase)
    exact = sum(a == b for a, b in zip(translations, references, strict=True)) / len(references)
    report = {**scores, "exact_match": exact, "sentences": len(sources), "seconds": seconds}
    print(json.dumps(report, indent=2))
