"""Processor seconds of an export: each format alone, and all of them.

python benchmarks/export_time.py [--vocabulary-size 500]

A translator of the preset tiny with random weights, decoded greedily. Every export is compared with
Keras on sixteen sentences, as `keras-attention export` does. Imports are not counted.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent))

import keras_attention
from benchmarks.figures import add_json_option, write_figures
from keras_attention.models import TransformerTranslator
from keras_attention.text import TranslationTokenizer, phrase_corpus, train_sentencepiece

import keras

FORMATS = ("tf_saved_model", "tflite", "onnx")


def main():
    """Prints a line for each export."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary-size", type=int, default=500)
    add_json_option(parser)
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    source, target = phrase_corpus(2000)
    pieces = train_sentencepiece([*source, *target], options.vocabulary_size)
    tokenizer = TranslationTokenizer(pieces)
    model = TransformerTranslator.from_preset("tiny", vocabulary_size=options.vocabulary_size)
    rows = []
    for formats in (*((name,) for name in FORMATS), FORMATS):
        with tempfile.TemporaryDirectory() as folder:
            before, started = time.process_time(), time.perf_counter()
            keras_attention.export(
                model, Path(folder) / "artifact", tokenizer, examples=source[:16], formats=formats
            )
            row = {
                "formats": ", ".join(formats),
                "processor_seconds": round(time.process_time() - before, 1),
                "seconds": round(time.perf_counter() - started, 1),
            }
        rows.append(row)
        print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    write_figures(options.json, rows)


if __name__ == "__main__":
    main()
