"""Training on real texts: how full the batches are, tokens a second, share of the matrix rate.

python benchmarks/real_corpora.py [--corpora multi30k sst2 ag_news] [--jit no yes] [--rounds 5]

The corpora are read from the folder that KERAS_ATTENTION_DATA names; those that it lacks are left
out. Tokenizer, batches and compiled step are those of `keras-attention train`: Multi30k with the
translator's preset tiny, the others with the classifier's preset small of BERT.

One batch of every shape is timed, in turns. An epoch takes the number of batches of each shape
times its time. Tokens are those of texts, without padding. The share of the matrix rate counts
the products that the step makes: padding included, but for the output projection, which leaves out
chunks of padding.

The classifiers train beside KerasHub's BERT of the same sizes and weights: on batches of one
length, the longest, as its preprocessor makes them, and on ours. The ratio is its time for an epoch
over ours, each in its faster mode, round by round.
"""

import argparse
import collections
import os
import sys
import types
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import add_json_option, as_text, seconds, spread, write_figures
from benchmarks.peer_bert import keras_hub_classifier
from benchmarks.training_step import MATRIX
from keras_attention.tasks import task_of

import keras
import numpy as np
import tensorflow as tf

LONGEST = 128  # tokens of a text at most, the default of a classifier's training
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
        dict(family="bert", preset="small", pooling="mean", text_column="sentence"),
    ),
    "ag_news": (
        "classifier",
        "ag_news/train.csv.gz",
        dict(family="bert", preset="small", pooling="mean"),
    ),
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


def epoch_functions(model, batches, jit):
    """What an epoch is made of: a list of (number of batches, function that takes one step)."""
    model.jit_compile = jit
    model.make_train_function(force=True)
    step = model.train_function

    def step_on(batch):
        data = iter(tf.data.Dataset.from_tensors(batch).repeat())

        def run():
            return {name: float(value) for name, value in step(data).items()}

        run()
        return run

    return [(count, step_on(batch)) for count, batch in batches]


def of_one_length(batches, length):
    """The number of all batches and one of them, as long as the longest text may be."""
    (x, y, *weights) = batches[0][1]
    x = {
        name: np.pad(value, ((0, 0), (0, length - value.shape[1])))
        for name, value in ((name, np.asarray(value)) for name, value in x.items())
    }
    return [(sum(count for count, _ in batches), (x, y, *weights))]


def keras_hub(model):
    """KerasHub's classifier with the weights of ours, compiled as its users do."""
    peer = keras_hub_classifier(model)
    peer.compile(
        keras.optimizers.AdamW(1e-4, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return peer


def measure(name, folder, jits, rounds):
    """Prints what one corpus gives. Returns its figures, a list of a dict for each mode of ours."""
    model, batches = make_training(name, folder)
    counts, example = collections.Counter(), {}
    for bucket, indices in batches.order(0):
        counts[bucket] += 1
        # One batch of an epoch may have fewer texts.
        example[bucket] = max(example.get(bucket, ()), indices, key=len)
    real = [
        (counts[bucket], batches.batch_at(0, 0, bucket, indices))
        for bucket, indices in sorted(example.items())
    ]
    shapes = [batches.shapes[bucket] for bucket in sorted(example)]
    programs = {("ours", jit): epoch_functions(model, real, jit) for jit in jits}
    if len(shapes[0]) == 2:
        peer = keras_hub(model)
        longest = of_one_length(real, LONGEST)
        for jit in jits:
            programs["of_one_length", jit] = epoch_functions(peer, longest, jit)
            programs["on_our_batches", jit] = epoch_functions(peer, real, jit)
    a = tf.random.normal((MATRIX, MATRIX))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)), autograph=False)
    float(product())
    rates, epochs = [], {key: [] for key in programs}
    for _ in range(rounds):
        rates.append(2 * MATRIX**3 / seconds(lambda: float(product())))
        for key, functions in programs.items():
            epochs[key].append(sum(count * seconds(run) for count, run in functions))
    epochs = {key: np.array(found) for key, found in epochs.items()}
    ours = min((key for key in epochs if key[0] == "ours"), key=lambda key: np.median(epochs[key]))
    ratios = {}
    for whose in dict.fromkeys(whose for whose, _ in epochs if whose != "ours"):
        modes = [epochs[key] for key in epochs if key[0] == whose]
        ratios[f"keras_hub_{whose}"] = spread(min(modes, key=np.median) / epochs[ours])

    targets = [int(np.count_nonzero(batch[1])) if len(shapes[0]) == 3 else 0 for _, batch in real]
    work = [matrix_flops(model, *each) for each in zip(shapes, targets, strict=True)]
    flops = sum(count * each for (count, _), each in zip(real, work, strict=True))
    positions = sum(
        count * shape[0] * sum(shape[1:]) for (count, _), shape in zip(real, shapes, strict=True)
    )
    tokens = positions * (1 - batches.padding)
    rows = []
    for (whose, jit), found in epochs.items():
        if whose != "ours":
            continue
        rows.append(
            {
                "corpus": name,
                "model": CORPORA[name][2]["preset"],
                "XLA": "yes" if jit else "no",
                "updates": sum(counts.values()),
                "shapes": len(counts),
                "padding": round(batches.padding, 3),
                "tokens_a_second": round(float(np.median(tokens / found))),
                "share_of_matrix_rate": spread(flops / found / np.array(rates)),
                **(ratios if (whose, jit) == ours else {}),
            }
        )
        texts = {k: as_text(v) if isinstance(v, dict) else v for k, v in rows[-1].items()}
        print(", ".join(f"{key} {value}" for key, value in texts.items()), flush=True)
    return rows


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
        rows += measure(name, Path(folder), [j == "yes" for j in options.jit], options.rounds)
    write_figures(options.json, rows)


if __name__ == "__main__":
    main()
