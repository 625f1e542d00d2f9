"""Run as `python -m tests.exporting.export_small OUTPUT`: exports, telling each stage."""

import sys

from keras_attention.exporting import export_translator
from tests.exporting.small_translator import TEXTS, small_translator, tokenizer

if __name__ == "__main__":
    export_translator(
        small_translator(),
        tokenizer(),
        sys.argv[1],
        TEXTS,
        force=True,
        say=lambda s: print(s, flush=True),
    )
    print("done", flush=True)
