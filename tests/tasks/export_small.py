"""Run as `python -m tests.tasks.export_small OUTPUT`: exports, telling each stage."""

import sys

from keras_attention.tasks.export import export
from tests.tasks.small_translator import TEXTS, small_translator, tokenizer

if __name__ == "__main__":
    export(
        small_translator(),
        sys.argv[1],
        tokenizer(),
        examples=TEXTS,
        force=True,
        say=lambda s: print(s, flush=True),
    )
    print("done", flush=True)
