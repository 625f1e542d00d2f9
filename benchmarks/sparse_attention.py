"""Block-sparse attention against attention over all tokens: time, memory, and artifacts by length.

python benchmarks/sparse_attention.py [--length 4096] [--heads 12] [--width 768] [--rounds 7]
    [--only layer|artifacts]

The layer alone, forward and backward, on one row: `BlockSparseAttention` with BigBird's sizes, our
`MultiHeadAttention` and the same in chunks. Each side runs in a process of its own, first alone,
with and without XLA: peak memory is that of the resident set during the first call, over what it
was before, traced and compiled (Linux). Then the faster mode of each side takes turns with the
others'. A ratio is that of two sides in one round.

The artifact: an encoder of BigBird exported to all formats, one row of 1,024, 2,048 and 4,096
tokens in turns. A growth is the time of a length over that of half of it in the same round. Times
are medians with the quartiles in brackets.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.additive_attention import memory
from benchmarks.figures import add_json_option, quartiles, spread, write_figures
from benchmarks.side_process import SideProcess

SIDES = ("sparse", "dense", "in chunks")
LENGTHS = (1024, 2048, 4096)
CHUNK_SIZE = 128
PILOT = 3  # calls of each side alone
VOCABULARY = 1000


def make_layer(side, heads, width, length):
    """The Keras layer of a side, built."""
    from keras_attention.layers import BlockSparseAttention, MultiHeadAttention

    if side == "sparse":
        layer = BlockSparseAttention(heads, width // heads, max_sequence_length=length)
    else:
        chunk_size = CHUNK_SIZE if side == "in chunks" else None
        layer = MultiHeadAttention(heads, width // heads, chunk_size=chunk_size)
    layer.build((None, None, width))
    return layer


def work(side, jit, options, connection):
    """A process: says how much memory its first call took, then answers how long a call takes."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    inputs = np.random.default_rng(0).normal(size=(1, options.length, options.width))
    inputs = tf.constant(inputs, "float32")
    layer = make_layer(side, options.heads, options.width, options.length)
    variables = [variable.value for variable in layer.trainable_variables]

    @tf.function(jit_compile=jit, autograph=False)
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs, training=True)))
        return [loss, *tape.gradient(loss, [*variables, inputs])]

    def run():
        return [tensor.numpy() for tensor in step(inputs)]

    if jit:  # compiles, for the memory that it takes; the compiled function is not kept
        step.experimental_get_compiler_ir(inputs)(stage="optimized_hlo")
    step.get_concrete_function(inputs)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    run()
    connection.send(memory("VmHWM") - before)
    while connection.recv() != "end":
        started = time.perf_counter()
        run()
        connection.send(time.perf_counter() - started)


def measure_layer(options):
    """Prints the table of the layers. Returns their figures."""
    print(f"\n{options.length:,} tokens, {options.heads} heads, width {options.width}")
    print(f"{'layer, alone':<14}{'XLA':<5}{'ms':<32}peak MB over the inputs")
    peaks, alone = {}, {}
    for key in [(side, jit) for side in SIDES for jit in (False, True)]:
        worker = SideProcess(work, *key, options)
        peaks[key] = worker.first
        alone[key] = [worker.ask("step") * 1000 for _ in range(PILOT)]
        worker.end()
        (side, jit), megabytes = key, f"{peaks[key] / 1e6:,.0f}"
        print(f"{side:<14}{'yes' if jit else 'no':<5}{quartiles(alone[key]):<32}{megabytes}")
    modes = {
        side: min(((side, False), (side, True)), key=lambda key: np.median(alone[key]))
        for side in SIDES
    }
    workers = {side: SideProcess(work, *key, options) for side, key in modes.items()}
    times = {side: [] for side in SIDES}
    for _ in range(options.rounds):
        for side, worker in workers.items():
            times[side].append(worker.ask("step") * 1000)
    for worker in workers.values():
        worker.end()
    rows = []
    print("in turns, each in its faster mode, and dense attention's over it:")
    for side in SIDES:
        ratios = np.array(times["dense"]) / np.array(times[side])
        memories = peaks[modes["dense"]] / peaks[modes[side]]
        print(
            f"{side:<14}{quartiles(times[side])} ms, time {quartiles(ratios)}, "
            f"memory {memories:.1f}"
        )
        rows.append(
            {
                "layer": side,
                "width": options.width,
                "length": options.length,
                "milliseconds": spread(times[side]),
                "megabytes": peaks[modes[side]] / 1e6,
                "ratio": spread(ratios),
                "memory_ratio": memories,
            }
        )
    return rows


def export_encoder(options, folder):
    """Writes an encoder with random weights in all formats; returns their runtimes' functions."""
    from keras_attention.artifacts.formats import FORMATS, write_formats
    from keras_attention.models import BigBirdEncoder

    import keras

    keras.utils.set_random_seed(0)
    model = BigBirdEncoder(
        VOCABULARY,
        num_layers=options.layers,
        num_heads=options.heads,
        hidden_dim=options.width,
        intermediate_dim=4 * options.width,
        has_pooler=False,
    )
    graph = graph_of(model)
    write_formats(Path(folder), tuple(FORMATS), model, graph, "float32", lambda said: None)
    return {name: FORMATS[name].signature(folder, "ids") for name in FORMATS}


def graph_of(model):
    """What an artifact of the encoder holds: `ids`, from token ids to vectors."""
    from keras_attention.tasks.graph import Graph

    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, name="token_ids")])
    def ids(token_ids):
        mask = tf.ones_like(token_ids)
        inputs = {"token_ids": token_ids, "segment_ids": 0 * mask, "padding_mask": mask}
        return {"vectors": model(inputs)["sequence_output"]}

    return Graph(ids, text=None, modules={}, signatures={}, fields={})


def measure_artifacts(options):
    """Prints the times of each format by length. Returns the figures."""
    random = np.random.default_rng(0)
    rows = {n: random.integers(1, VOCABULARY, (1, n)).astype("int32") for n in LENGTHS}
    with tempfile.TemporaryDirectory() as folder:
        runtimes = export_encoder(options, folder)
        times = {(name, length): [] for name in runtimes for length in LENGTHS}
        for _ in range(options.rounds + 1):  # the first is for warming up
            for name, length in times:
                started = time.perf_counter()
                runtimes[name](token_ids=rows[length])
                times[name, length].append(1000 * (time.perf_counter() - started))
    print(f"\nan artifact of {options.layers} layers, one row")
    print(f"{'format':<16}{'tokens':<8}{'ms':<32}over half as many")
    figures = []
    for name, length in times:
        found, half = (np.array(times.get((name, n), [np.nan]))[1:] for n in (length, length // 2))
        row = {"format": name, "length": length, "milliseconds": spread(found)}
        growth = ""
        if len(half):
            row["growth"] = spread(found / half)
            growth = quartiles(found / half)
        print(f"{name:<16}{length:<8}{quartiles(found):<32}{growth}")
        figures.append(row)
    return figures


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=4096, help="of the layer's input, in tokens")
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--layers", type=int, default=2, help="of the exported encoder")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=("layer", "artifacts"))
    add_json_option(parser)
    options = parser.parse_args()
    figures = []
    if options.only != "artifacts":
        figures += measure_layer(options)
    if options.only != "layer":
        figures += measure_artifacts(options)
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
