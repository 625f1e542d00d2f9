"""How many batches a second the input pipeline makes, and how many the training step takes.

python benchmarks/input_pipeline.py --train-source F --train-target F [--window 10000 ...]

F may be a file, a directory or a pattern of shards. The same translator is trained on batches that
are held in memory, and on batches that are read by windows. Each pipeline is measured three times:
"alone", with nobody to take the batches but a loop, for an epoch; "step", the training on batches
that were made before, again and again; and in training, with the time that the step waited for it.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

from keras_attention.runs.input_pipeline_monitor import InputPipelineMonitor
from keras_attention.tasks.translation.sentence_pairs import load_pairs, stream_pairs
from keras_attention.tasks.translation.training import (
    compile_translator,
    make_batches,
    make_model,
    stream_batches,
    train_tokenizer,
)
from keras_attention.tasks.translation.translator_config import TranslatorConfig

import keras
import tensorflow as tf


def made_alone(batches, seconds=30):
    """Batches a second over an epoch, the reading of its first window included, or so long."""
    started, count = time.perf_counter(), 0
    for _ in batches.dataset(epochs=1):
        count += 1
        if time.perf_counter() - started > seconds:
            break
    return count / (time.perf_counter() - started)


def fit_seconds(model, dataset, count, callbacks=()):
    """Seconds of `count` steps."""
    started = time.perf_counter()
    model.fit(dataset, steps_per_epoch=count, callbacks=list(callbacks), verbose=0, shuffle=False)
    return time.perf_counter() - started


def steps_alone(model, batches, count):
    """Steps a second on batches that are there; the shapes have been compiled before."""
    kept = batches.dataset(epochs=None).take(count).cache()
    for _ in kept:
        pass
    repeated = kept.repeat().prefetch(tf.data.AUTOTUNE)
    fit_seconds(model, repeated, count)
    return count / fit_seconds(model, repeated, count)


def measure(name, batches, model, count):
    """Prints one line."""
    alone, step = made_alone(batches), steps_alone(model, batches, count)
    rate = InputPipelineMonitor()
    fit_seconds(model, rate.watch(batches).dataset(), count, [rate])
    print(
        f"{name:<22}{alone:<12.1f}{step:<12.2f}{alone / step:<12.1f}"
        f"{rate.waiting / rate.stepping:<10.2%}{rate.sentence()}",
        flush=True,
    )


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-source", required=True, metavar="F")
    parser.add_argument("--train-target", required=True, metavar="F")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--window", type=int, nargs="+", default=[10_000], metavar="N")
    parser.add_argument("--batches", type=int, default=200, help="of each measurement")
    parser.add_argument("--batch-tokens", type=int)
    options = vars(parser.parse_args())
    windows, count = options.pop("window"), options.pop("batches")

    config = TranslatorConfig.for_preset(options.pop("preset"), **options)
    keras.utils.set_random_seed(config.seed)
    train, _ = load_pairs(config)
    tokenizer = train_tokenizer(config, train)
    model = make_model(config, tokenizer.target.vocabulary_size)
    compile_translator(model, config, 10_000)
    print(f"{'pipeline':<22}{'alone, /s':<12}{'step, /s':<12}{'ratio':<12}{'waiting':<10}together")
    measure("in memory", make_batches(config, tokenizer, train), model, count)
    for config.window in windows:
        with tempfile.TemporaryDirectory() as folder:
            run = SimpleNamespace(
                config=config, output=Path(folder), resumes=False, say=lambda text: None
            )
            batches = stream_batches(config, tokenizer, stream_pairs(config, run)[0])
        measure(f"windows of {config.window:,}", batches, model, count)


if __name__ == "__main__":
    main()
