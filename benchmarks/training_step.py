"""One training step of the same translator made of our layers, of KerasHub's and of stock Keras'.

python benchmarks/training_step.py [--preset tiny] [--vocabulary-size 8000 ...] [--rounds 15]

The preset "small" is the recurrent translator with additive attention, whose peer is
`keras.layers.RNN` over a hand-written cell; KerasHub has no such thing.

Same sizes, dropout, masks, loss and Adam. First the weights are copied and the logits compared;
then the compiled train functions take turns, each with and without XLA, on the same batch. A ratio
is a peer's time over ours, round by round: median, with the quartiles in brackets. The matrix
rate of the machine is measured in the same rounds.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

import keras
import numpy as np
import tensorflow as tf

from benchmarks.peer_rnn_translator import stock_rnn_translator
from benchmarks.peer_translators import keras_hub_translator, stock_translator
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity, TokenAccuracy

MATRIX = 1536  # rows and columns of the product that measures the machine


def make_batch(rows, length, vocabulary_size):
    """A batch with a quarter of padding in the last rows: `(x, y)`."""
    random = np.random.default_rng(0)
    ids = random.integers(4, vocabulary_size, (3, rows, length)).astype("int32")
    lengths = np.where(np.arange(rows) < rows // 2, length, max(1, length // 2))
    ids *= np.arange(length) < lengths[:, None]
    ids[1, :, 0] = 2
    return {"encoder_token_ids": ids[0], "decoder_token_ids": ids[1]}, ids[2]


def matrix_flops(model, rows, length):
    """Floating-point operations of the matrix products of one training step.

    Twice the multiplications; the backward pass costs two products for each one forward.
    """
    tokens = rows * length
    if isinstance(model, RNNTranslator):
        return 3 * 2 * tokens * _rnn_products(model, length)
    d, f = model.hidden_dim, model.intermediate_dim
    attention = 4 * d * d + 2 * length * d  # a token's projections, then scores and context
    encoder = attention + 2 * d * f
    decoder = 2 * attention + 2 * d * f
    forward = model.num_layers * (encoder + decoder) + d * model.vocabulary_size
    return 3 * 2 * tokens * forward


def _rnn_products(model, length):
    """Multiplications of one source and one target token in a preset "small"."""
    m, n = model.embedding_dim, model.encoder.units
    encoder = 2 * (m + n) * 3 * n + 2 * n * n  # both directions, then the projected keys
    attention = n * n + length * (n + 2 * n)  # the query, then a score and a share for each key
    decoder = (m + 2 * n + n) * 3 * n + attention + (n + 2 * n + m) * m
    return encoder + decoder + m * model.vocabulary_size


def make_models(preset, vocabulary_size):
    """Translators with the same weights, ours first."""
    keras.utils.set_random_seed(0)
    if preset == "small":
        ours = RNNTranslator.from_preset(preset, vocabulary_size=vocabulary_size, dropout=0.1)
        return {"keras_attention": ours, "keras": stock_rnn_translator(ours)}
    ours = TransformerTranslator.from_preset(
        preset, vocabulary_size=vocabulary_size, attention_bias=True, dropout=0.1
    )
    return {
        "keras_attention": ours,
        "keras_hub": keras_hub_translator(ours),
        "keras": stock_translator(ours),
    }


def largest_difference(models, x):
    """The largest difference of any peer's logits from ours, where there is a target token."""
    tokens = x["decoder_token_ids"] != 0
    logits = [np.asarray(model(x, training=False))[tokens] for model in models.values()]
    return max(float(np.abs(other - logits[0]).max()) for other in logits[1:])


def train_function(model, batch, jit):
    """A function that takes one step, traced and compiled."""
    model.compile(
        keras.optimizers.Adam(1e-4, beta_2=0.98),
        LabelSmoothedCrossEntropy(0.1),
        metrics=[TokenAccuracy(), Perplexity()],
        jit_compile=jit,
    )
    model.make_train_function(force=True)
    step = model.train_function
    data = iter(tf.data.Dataset.from_tensors(batch).repeat())

    def run(steps):
        for _ in range(steps):
            logs = step(data)
        return {name: float(value) for name, value in logs.items()}

    run(2)
    return run


def seconds(function, *arguments):
    """How long one call takes."""
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def quartiles(values):
    """Median and quartiles, as text."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.2f} [{low:.2f} {high:.2f}]"


def measure(preset, vocabulary_size, rows, length, rounds, steps):
    """Prints the table of one size."""
    batch = make_batch(rows, length, vocabulary_size)
    flops = matrix_flops(make_models(preset, vocabulary_size)["keras_attention"], rows, length)
    print(
        f"\n{preset}, vocabulary {vocabulary_size:,}, {rows} x {length} tokens a side, "
        f"{flops / 1e9:.1f} GFLOP of matrix products a step"
    )
    functions = {}
    for jit in (False, True):
        models = make_models(preset, vocabulary_size)
        if not jit:
            print(f"largest difference of logits: {largest_difference(models, batch[0]):.1e}")
        for name, model in models.items():
            functions[name, jit] = train_function(model, batch, jit)
    a = tf.random.normal((MATRIX, MATRIX))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)), autograph=False)
    float(product())
    times, rates = {key: [] for key in functions}, []
    for _ in range(rounds):
        rates.append(2 * MATRIX**3 / seconds(lambda: float(product())))
        for key, function in functions.items():
            times[key].append(seconds(function, steps) / steps)
    rate = np.median(rates)
    print(f"matrix products of this machine: {rate / 1e9:.0f} GFLOP/s")
    print(f"{'layers':<17}{'XLA':<5}{'ms a step':<22}{'share of the rate':<19}ratio to ours")
    for (name, jit), found in times.items():
        found = np.array(found)
        ratio = found / np.array(times["keras_attention", jit])
        share = flops / np.median(found) / rate
        print(
            f"{name:<17}{'yes' if jit else 'no':<5}{quartiles(1000 * found):<22}{share:<19.0%}"
            f"{quartiles(ratio)}"
        )
    fastest = {
        name: min((times[name, jit] for jit in (False, True)), key=np.median)
        for name, _ in functions
    }
    for peer in list(fastest)[1:]:
        ratio = np.array(fastest[peer]) / np.array(fastest["keras_attention"])
        print(f"{peer} over ours, each in its faster mode: {quartiles(ratio)}")


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="tiny", choices=("tiny", "base", "small"))
    parser.add_argument("--vocabulary-size", type=int, nargs="+", default=[500, 8000])
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=3, help="steps of each model in a round")
    options = vars(parser.parse_args())
    for vocabulary_size in options.pop("vocabulary_size"):
        measure(vocabulary_size=vocabulary_size, **options)


if __name__ == "__main__":
    main()
