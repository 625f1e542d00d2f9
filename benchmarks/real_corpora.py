"""Training on real texts: how full the batches are, tokens a second, share of the matrix rate.

python benchmarks/real_corpora.py [--corpora multi30k sst2 ag_news] [--jit no yes] [--rounds 5]

The corpora are read from the folder that KERAS_ATTENTION_DATA names; those that it lacks are left
out. Tokenizer, batches and compiled step are those of `keras-attention train`: Multi30k with the
translator's preset tiny, the others with the classifier's preset small of BERT.

One batch of every shape is timed, in turns. An epoch takes the number of batches of each shape
times its median. Tokens are those of texts, without padding. The share of the matrix rate counts
the products that the step makes: padding included, but for the output projection, which leaves out
chunks of padding.
"""

import argparse
import collections
import os
import sys
import types
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

import keras
import numpy as np
import tensorflow as tf

from benchmarks.figures import add_json_option, seconds, spread, write_figures
from benchmarks.training_step import MATRIX
from keras_attention.tasks import task_of

MULTI30K = "multi30k/{}.lc.norm.tok.{}.gz"
# name -> kind, file, options
CORPORA = {
    "multi30k": (
        "translator",
        MULTI30K.format("train", "en"),
        dict(preset="tiny", normalization="identity"),
    ),
    "sst2": (
        "classifier",
        "sst2/train.tsv.gz",
        dict(family="bert", preset="small", text_column="sentence"),
    ),
    "ag_news": ("classifier", "ag_news/train.csv.gz", dict(family="bert", preset="small")),
}


def make_training(name, folder):
    """The model, compiled as a training does it, and its batches."""
    kind, file, options = CORPORA[name]
    if kind == "translator":
        files = {
            f"{part}_{side}": str(folder / MULTI30K.format(stem, language))
            for part, stem in (("train", "train"), ("valid", "val"))
            for side, language in (("source", "en"), ("target", "de"))
        }
    else:
        files = {"train": str(folder / file)}
    task = task_of(kind)
    config = task.make_config(**files, **options)
    say = lambda text: None  # noqa: E731
    rows = task.read_data(config, types.SimpleNamespace(say=say))
    initial = task.read_initial(config)
    tokenizer = task.make_tokenizer(config, rows, initial, say)
    batches, _ = task.make_batches(config, tokenizer, rows, say)
    keras.utils.set_random_seed(0)
    model = task.make_model(config, tokenizer, initial)
    task.compile(model, config, config.epochs * len(batches))
    return model, batches


def matrix_flops(model, shape, target_tokens):
    """Operations of the matrix products of one step: twice the multiplications, three times."""
    if len(shape) == 2:
        rows, length = shape
        encoder = model.encoder
        d, f = encoder.hidden_dim, encoder.intermediate_dim
        block = 4 * d * d + 2 * d * f + 2 * length * d
        return 6 * rows * length * encoder.num_layers * block
    rows, source, target = shape
    d, f = model.hidden_dim, model.intermediate_dim
    encoder = source * (4 * d * d + 2 * d * f + 2 * source * d)
    # Keys and values of the source are projected once for each decoder layer.
    decoder = target * (6 * d * d + 2 * d * f + 2 * target * d + 2 * source * d)
    decoder += source * 2 * d * d
    blocks = model.num_layers * encoder + model.num_decoder_layers * decoder
    return 6 * (rows * blocks + target_tokens * d * model.vocabulary_size)


def step_function(model, batch):
    """A function of a number of steps on one batch, traced and compiled."""
    step = model.train_function
    data = iter(tf.data.Dataset.from_tensors(batch).repeat())

    def run(steps=1):
        for _ in range(steps):
            logs = step(data)
        return {name: float(value) for name, value in logs.items()}

    run()
    return run


def measure(name, folder, jit, rounds):
    """Prints what one corpus gives. Returns its figures."""
    model, batches = make_training(name, folder)
    model.jit_compile = jit
    model.make_train_function(force=True)
    counts, example = collections.Counter(), {}
    for bucket, indices in batches.order(0):
        counts[bucket] += 1
        example.setdefault(bucket, indices)
    functions, work = {}, {}
    for bucket, indices in sorted(example.items()):
        batch = batches.batch_at(0, 0, bucket, indices)
        targets = int(np.count_nonzero(batch[1])) if len(batches.shapes[bucket]) == 3 else 0
        work[bucket] = matrix_flops(model, batches.shapes[bucket], targets)
        functions[bucket] = step_function(model, batch)
    a = tf.random.normal((MATRIX, MATRIX))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)), autograph=False)
    float(product())
    positions = sum(
        count * batches.shapes[bucket][0] * sum(batches.shapes[bucket][1:])
        for bucket, count in counts.items()
    )
    tokens = positions * (1 - batches.padding)
    flops = sum(count * work[bucket] for bucket, count in counts.items())
    speeds, shares = [], []
    for _ in range(rounds):
        rate = 2 * MATRIX**3 / seconds(lambda: float(product()))
        epoch = sum(counts[bucket] * seconds(run) for bucket, run in functions.items())
        speeds.append(tokens / epoch)
        shares.append(flops / epoch / rate)
    figures = {
        "corpus": name,
        "model": CORPORA[name][2]["preset"],
        "XLA": "yes" if jit else "no",
        "updates": sum(counts.values()),
        "shapes": len(counts),
        "padding": round(batches.padding, 3),
        "tokens_a_second": spread(speeds),
        "share_of_matrix_rate": spread(shares),
    }
    print(", ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    return figures


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA), choices=CORPORA)
    parser.add_argument("--jit", nargs="+", default=["no"], choices=("no", "yes"))
    parser.add_argument("--rounds", type=int, default=5)
    add_json_option(parser)
    options = parser.parse_args()
    folder, rows = os.environ.get("KERAS_ATTENTION_DATA"), []
    for name in options.corpora:
        if folder is None or not (Path(folder) / CORPORA[name][1]).exists():
            print(f"{name} is left out: KERAS_ATTENTION_DATA names no folder that holds it.")
            continue
        rows += [measure(name, Path(folder), jit == "yes", options.rounds) for jit in options.jit]
    write_figures(options.json, rows)


if __name__ == "__main__":
    main()
