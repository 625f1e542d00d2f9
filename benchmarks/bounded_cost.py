"""What large inputs cost: a long sequence through AdditiveAttention, a picture of many labels.

python benchmarks/bounded_cost.py [--length 4096] [--width 64] [--chunk-sizes 4 16] [--labels 150]

Each runs in a process of its own: seconds of the second call, and the peak of the resident set in
the first one over what it was before, in MB (Linux). The layer is called as Keras calls it outside
of `fit`, without a graph and in one, and in a gradient.
"""

import argparse
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.additive_attention import memory
from benchmarks.figures import add_json_option, write_figures


def measured(call):
    """Seconds of the second call, and megabytes of the first, whose memory TensorFlow keeps."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    call()
    megabytes, started = (memory("VmHWM") - before) / 1e6, time.perf_counter()
    call()
    return time.perf_counter() - started, megabytes


def attention(how, length, width, chunk_size):
    """A call of the layer on one sequence."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from keras_attention.layers import AdditiveAttention

    import tensorflow as tf

    layer = AdditiveAttention(width, chunk_size=chunk_size)
    inputs = tf.constant(np.random.default_rng(0).normal(size=(1, length, width)), "float32")
    if how == "gradient":

        @tf.function(autograph=False)
        def call():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(inputs, inputs, training=True))
            return tape.gradient(loss, layer.trainable_variables)

        layer(inputs[:, :2], inputs[:, :2])
        return measured(call)
    call = lambda: layer(inputs, inputs)  # noqa: E731
    return measured(tf.function(call, autograph=False) if how == "graph" else call)


def picture(labels):
    """A confusion matrix as a file."""
    import tempfile

    from keras_attention.visualization import save_confusion_plot

    counts = np.random.default_rng(0).integers(0, 100, (labels, labels))
    names = [f"label {index}" for index in range(labels)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "confusion.png"
        return measured(lambda: save_confusion_plot(counts, names, path, force=True))


def _answer(connection, function, arguments):
    connection.send(function(*arguments))


def alone(function, *arguments):
    """What a function returns in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_answer, args=(there, function, arguments), daemon=True)
    process.start()
    there.close()
    found = here.recv()
    process.join()
    return found


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--chunk-sizes", type=int, nargs="+", default=[4])
    parser.add_argument("--labels", type=int, default=150)
    add_json_option(parser)
    options = parser.parse_args()
    jobs = [
        (f"AdditiveAttention, {how}, {options.length} tokens, {size} queries at a time", attention)
        + (how, options.length, options.width, size)
        for how in ("eager", "graph", "gradient")
        for size in options.chunk_sizes
    ]
    jobs.append((f"confusion matrix of {options.labels} labels", picture, options.labels))
    rows = []
    for what, function, *arguments in jobs:
        seconds, megabytes = alone(function, *arguments)
        print(f"{what}: {seconds:.2f} s, {megabytes:,.0f} MB", flush=True)
        rows.append({"what": what, "seconds": seconds, "megabytes": megabytes})
    write_figures(options.json, rows)


if __name__ == "__main__":
    main()
