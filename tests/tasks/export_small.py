"""Run as `python -m tests.tasks.export_small OUTPUT`: exports, telling each stage."""

import sys

from keras_attention.tasks.translation import export_translator
from tests.tasks.small_translator import TEXTS, small_translator, tokenizer

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
