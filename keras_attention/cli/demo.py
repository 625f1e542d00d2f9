"""The main job from end to end: what `make demo` runs."""

import argparse
import gc
import json
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from keras_attention._validation import printable, require_positive_integer
from keras_attention.cli.last_words import leave_last_words
from keras_attention.cli.main import hide_native_notes, message
from keras_attention.cli.signals import Stopped, leave_at_signals, run_until_signal
from keras_attention.cli.streams import open_streams

SENTENCES = 1000
SINGLE = 50  # of these, one at a time
COMPARED = 50  # the export compares on; all sentences are compared afterwards
BATCH_SIZES = (1, 32)
REPORT, PICTURE = "report.json", "alignment.png"
PICTURED = "The concert begins on Friday the third of March twenty thirty at half past eight."
# Seconds of the parts of the 266 that it took on two quiet cores (docs/results.md). They multiplied
# matrices at about `MEASURED_RATE`.
STARTING_AND_EXPORTING = 57.0  # Python and compilers, in one thread
SENTENCE = 0.015  # in all runtimes
# Of a pair in training: what more cores make no faster, and what the rate decides. The share of the
# first is an estimate: of a step two thirds are no products of matrices, but most have threads too.
PAIR, PAIR_BY_RATE = 0.0004, 0.0015
MEASURED_RATE = 160e9  # operations a second
MATRIX = 1024  # rows and columns of the products that measure a machine


def matrix_rate():
    """Operations a second in products of matrices, on this machine just now."""
    matrix = np.ones((MATRIX, MATRIX), "float32")
    matrix @ matrix  # the first product starts threads
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - started)
    return 2 * MATRIX**3 / min(seconds)


def expected_seconds(pairs, sentences, rate):
    """How long the demo will take.

    Args:
        pairs: number of pairs that training reads, each epoch anew.
        sentences: number of sentences that are translated.
        rate: of this machine, as `matrix_rate` measures it.

    >>> expected_seconds(pairs=100_000, sentences=1000, rate=160e9)
    262.0
    """
    pair = PAIR + PAIR_BY_RATE * MEASURED_RATE / rate
    return STARTING_AND_EXPORTING + pairs * pair + sentences * SENTENCE


def in_minutes(seconds):
    """Whole minutes, in words: "1 minute"."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} minute{'s' * (minutes > 1)}"


def _sizes(artifact):
    from keras_attention.artifacts.formats import FORMATS

    paths = {name: artifact / fmt.path for name, fmt in FORMATS.items()}
    return {
        name: sum(f.stat().st_size for f in [path, *path.rglob("*")] if f.is_file())
        for name, path in paths.items()
    }


def _measure(translator, sources, references, expected):
    """Exact match, agreement with Keras and speed, at each batch size."""
    results = {}
    for batch_size in BATCH_SIZES:
        translator.batch_size = batch_size
        translator.translate(sources[:batch_size])  # the first call allocates
        count = min(len(sources), SINGLE) if batch_size == 1 else len(sources)
        started = time.perf_counter()
        found = translator.translate(sources[:count])
        elapsed = time.perf_counter() - started
        results[str(batch_size)] = {
            "exact_match": sum(map(str.__eq__, found, references)) / count,
            "agreement": sum(map(str.__eq__, found, expected)) / count,
            "milliseconds_per_sentence": 1000 * elapsed / count,
        }
    return results


def run_demo(output, force=False, sentences=SENTENCES, **options):
    """Trains, exports, translates with every runtime, prints a table, draws the alignment.

    Leaves `run/`, `artifact/`, `report.json` and `alignment.png` in `output`.

    Args:
        output: path of a directory.
        force: whether to overwrite an earlier demo.
        sentences: number of held-out sentences, at least 1.
        **options: of `TranslatorConfig`.

    Returns:
        The report, a dict.
    """
    from keras_attention.tasks.translation.translator_config import TranslatorConfig

    require_positive_integer("sentences", sentences)
    # Two epochs are over before XLA would have paid, and before a trial of it would have.
    config = TranslatorConfig.for_preset("tiny", **{"jit_compile": False, **options})
    expected = expected_seconds(config.epochs * config.corpus_size, sentences, matrix_rate())
    print(f"This takes about {in_minutes(expected)} here.", flush=True)

    # What takes seconds to import comes after that sentence.
    from keras_attention.artifacts.formats import FORMATS
    from keras_attention.files import refuse_existing, write_output
    from keras_attention.tasks.export import export
    from keras_attention.tasks.load import load
    from keras_attention.tasks.train import train
    from keras_attention.text.corpora.phrase_corpus import phrase_corpus
    from keras_attention.visualization import attention_of_sentence, save_attention_plot

    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    for name in (REPORT, PICTURE):  # in another directory they would be someone else's
        refuse_existing(output / name, force)
    started = time.time()
    print(f"Training an English-to-German translator on {config.corpus_size:,} built-in phrases.")
    train(config, output / "run", force=force)
    trained = time.time()
    print("\nExporting it as SavedModel, TFLite and ONNX.")
    export(
        output / "run",
        output / "artifact",
        force=force,
        say=lambda text: print(f"- {text}"),
        examples=phrase_corpus(COMPARED, seed=config.seed, split="valid")[0],
    )
    exported = time.time()

    sources, references = phrase_corpus(sentences, seed=config.seed, split="test")
    print(f"\nTranslating {sentences:,} held-out sentences with each runtime.")
    keras_translator = load(output / "run")
    expected = keras_translator.translate(sources)
    results = {"keras": _measure(keras_translator, sources, references, expected)}
    for runtime in FORMATS:
        translator = load(output / "artifact", runtime)
        results[runtime] = _measure(translator, sources, references, expected)
    sizes = {**_sizes(output / "artifact"), "keras": (output / "run/model.keras").stat().st_size}
    _print_table(results, sizes)

    print("\nThree of them:")
    for source, translation in list(zip(sources, expected, strict=True))[:3]:
        print(f"  {source}\n    -> {translation}")
    attention = attention_of_sentence(keras_translator, PICTURED)
    save_attention_plot(attention, output / PICTURE, force=force)
    report = {
        "exact_match": results["keras"]["32"]["exact_match"],
        "agreement": {
            name: min(found["agreement"] for found in by_size.values())
            for name, by_size in results.items()
        },
        "seconds": time.time() - started,
        "seconds_by_part": {
            "train": trained - started,
            "export": exported - trained,
            "translate": time.time() - exported,
        },
        "sentences": sentences,
        "runtimes": results,
        "bytes": sizes,
    }
    write_output(output / REPORT, json.dumps(report, indent=2).encode(), force)
    print(f"\nDone in {report['seconds']:.0f} s. See {output / REPORT} and {output / PICTURE}.")
    return report


def _print_table(results, sizes):
    print(
        f"\n{'runtime':<16}{'exact match':>12}{'agreement':>11}{'ms (batch 1)':>14}"
        f"{'ms (batch 32)':>15}{'size (MB)':>11}"
    )
    for name, by_size in results.items():
        print(
            f"{name:<16}{by_size['32']['exact_match']:>12.1%}"
            f"{min(found['agreement'] for found in by_size.values()):>11.1%}"
            f"{by_size['1']['milliseconds_per_sentence']:>14.1f}"
            f"{by_size['32']['milliseconds_per_sentence']:>15.1f}{sizes[name] / 1e6:>11.1f}"
        )


def main(arguments=None):
    """The command line of the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="demo", metavar="DIRECTORY")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--sentences", type=int, default=SENTENCES)
    parser.add_argument("--force", action="store_true", help="overwrite an earlier demo")
    try:
        options = parser.parse_args(arguments)
        warnings.simplefilter("ignore")
        gc.set_threshold(100_000, 20, 20)  # as the command line does
        run_demo(options.output, options.force, options.sentences, epochs=options.epochs)
    except (Exception, Stopped) as error:
        status = getattr(error, "exit_status", None)
        if status is None:
            said, status = printable(message(error)), 1
        else:
            said = f"stopped by {signal.Signals(status - 128).name}. Run it again: it begins anew."
        print(f"demo: {said}", file=sys.stderr)
        return status
    return 0


def console():
    """What `make demo` runs."""
    leave_at_signals("demo")
    open_streams()
    leave_last_words("demo")
    hide_native_notes()
    sys.exit(run_until_signal(main, "demo"))


if __name__ == "__main__":
    console()
