"""Additive attention, forward and backward, against Keras' own preceded by two Dense layers.

python benchmarks/additive_attention.py [--sizes 8,128,128,256 ...] [--rounds 9]

`keras.layers.AdditiveAttention` has no projections, so the peer is it after one Dense layer for the
queries and one for the keys: the same function. Weights are copied, contexts and gradients compared
first. Each side runs in a process of its own. First alone, once with and once without XLA: peak
memory is that of the resident set during the first call, over what it was before, traced and
compiled (Linux). Then the faster mode of each side takes turns with the other's. Times are medians
with the quartiles in brackets.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import add_json_option, quartiles, spread, write_figures
from benchmarks.side_process import SideProcess

SIZES = [(8, 128, 128, 256), (4, 512, 512, 256), (1, 2048, 2048, 256)]
SIDES = ("keras_attention", "keras")
PILOT = 5  # calls of each side alone


def make_layer(side, weights):
    """A Keras layer `layer(query, value, training=...)` of one side."""
    from keras_attention.layers import AdditiveAttention

    import keras

    query_kernel, key_kernel, score_vector = weights
    width = len(score_vector)
    if side == "keras_attention":
        layer = AdditiveAttention(width)
        layer.build((None, None, width), (None, None, width))
        layer.set_weights([query_kernel, key_kernel, score_vector[:, None]])
        return layer

    class Stock(keras.layers.Layer):
        """What a Keras user writes."""

        def __init__(self):
            super().__init__()
            self.query = keras.layers.Dense(width, use_bias=False)
            self.key = keras.layers.Dense(width, use_bias=False)
            self.attention = keras.layers.AdditiveAttention()

        def build(self, query_shape, value_shape):
            self.query.build(query_shape)
            self.key.build(value_shape)
            self.attention.build([query_shape, value_shape, value_shape])
            self.built = True

        def call(self, query, value, training=None):
            return self.attention([self.query(query), value, self.key(value)], training=training)

    layer = Stock()
    layer.build((None, None, width), (None, None, width))
    layer.set_weights([query_kernel, key_kernel, score_vector])
    return layer


def memory(field):
    """A size that the kernel knows of this process, in bytes: VmRSS (now) or VmHWM (peak)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}.")


def work(side, jit, size, connection):
    """A process: says how much memory its first call took, then answers "arrays" and "seconds"."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    batch, targets, sources, width = size
    random = np.random.default_rng(0)
    weights = [random.normal(size=(width, width)) / np.sqrt(width) for _ in range(2)]
    weights.append(random.normal(size=(width,)) / np.sqrt(width))
    query = tf.constant(random.normal(size=(batch, targets, width)), "float32")
    value = tf.constant(random.normal(size=(batch, sources, width)), "float32")
    layer = make_layer(side, weights)
    variables = [variable.value for variable in layer.trainable_variables]

    @tf.function(jit_compile=jit, autograph=False)
    def step(query, value):
        with tf.GradientTape() as tape:
            tape.watch([query, value])
            context = layer(query, value, training=True)
            loss = tf.reduce_sum(tf.square(context))
        return [context, *tape.gradient(loss, [*variables, query, value])]

    def run():
        return [tensor.numpy() for tensor in step(query, value)]

    def seconds():
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    if jit:  # compiles, for the memory that it takes; the compiled function is not kept
        step.experimental_get_compiler_ir(query, value)(stage="optimized_hlo")
    step.get_concrete_function(query, value)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    run()
    connection.send(memory("VmHWM") - before)
    answers = {"arrays": run, "seconds": seconds}
    while (question := connection.recv()) != "end":
        connection.send(answers[question]())


def largest_difference(arrays, others):
    """The largest difference of two lists of arrays, relative to each array's largest number."""
    return max(
        float(np.abs(a.ravel() - b.ravel()).max() / np.abs(a).max())
        for a, b in zip(arrays, others, strict=True)
    )


def measure(size, rounds):
    """Prints the table of one size. Returns its figures."""
    print("\n(B, T, S, D) = ({}, {}, {}, {})".format(*size))
    arrays, peaks, alone = {}, {}, {}
    print(f"{'layer, alone':<17}{'XLA':<5}{'ms':<28}peak MB over the inputs")
    for key in [(side, jit) for side in SIDES for jit in (False, True)]:
        worker = SideProcess(work, *key, size)
        arrays[key], peaks[key] = worker.ask("arrays"), worker.first
        alone[key] = [1000 * worker.ask("seconds") for _ in range(PILOT)]
        worker.end()
        (side, jit), megabytes = key, f"{peaks[key] / 1e6:,.0f}"
        print(f"{side:<17}{'yes' if jit else 'no':<5}{quartiles(alone[key]):<28}{megabytes}")
    first, *others = arrays.values()
    difference = max(largest_difference(first, other) for other in others)
    print(f"largest relative difference of contexts and gradients: {difference:.1e}")

    fastest = [
        min([(side, False), (side, True)], key=lambda key: np.median(alone[key])) for side in SIDES
    ]
    workers = [SideProcess(work, *key, size) for key in fastest]
    times = [[1000 * worker.ask("seconds") for worker in workers] for _ in range(rounds)]
    for worker in workers:
        worker.end()
    ours, theirs = np.array(times).T
    print(
        f"in turns, each in its faster mode: keras_attention {quartiles(ours)} ms, "
        f"keras {quartiles(theirs)} ms"
    )
    ratio = peaks[fastest[1]] / peaks[fastest[0]]
    print(f"keras over keras_attention: time {quartiles(theirs / ours)}, memory {ratio:.1f}")
    return {
        "size": "({}, {}, {}, {})".format(*size),
        "peer": "keras",
        "milliseconds": spread(ours),
        "megabytes": peaks[fastest[0]] / 1e6,
        "ratio": spread(theirs / ours),
        "memory_ratio": ratio,
    }


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes",
        nargs="+",
        default=SIZES,
        type=lambda text: tuple(map(int, text.split(","))),
        metavar="B,T,S,D",
    )
    parser.add_argument("--rounds", type=int, default=9)
    add_json_option(parser)
    options = parser.parse_args()
    figures = [measure(size, options.rounds) for size in options.sizes]
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
