"""Fine-tuning by adapters (LoRA) against fine-tuning all weights: time of a step, and memory.

python benchmarks/lora.py [--shapes minilm bert-base] [--rank 8] [--batch 16] [--length 64]
    [--rounds 5] [--jit] [--json F]

A classifier of two labels on an encoder in the shape of MiniLM and of BERT base, with random
weights, trained by the optimizer of `train classifier` on one batch. Each side runs in a process of
its own. Memory is the peak of the resident set during the first two steps over what the process
held when the model was built (Linux): gradients, the optimizer's state, activations and what
TensorFlow keeps of the traced step. Of these the first two are counted too. Then the two sides of a
shape take turns, a step a round. A ratio is that of two steps in one round: all weights over
adapters. Times are medians with the quartiles in brackets.
"""

import argparse
import math
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.additive_attention import memory
from benchmarks.figures import add_json_option, quartiles, spread, write_figures
from benchmarks.side_process import SideProcess

VOCABULARY = 30_522
SHAPES = {
    "minilm": dict(num_layers=6, num_heads=12, hidden_dim=384, intermediate_dim=1536),
    "bert-base": dict(num_layers=12, num_heads=12, hidden_dim=768, intermediate_dim=3072),
}
SIDES = ("all weights", "adapters")


def make_model(side, options):
    """The classifier of one side, built and not compiled."""
    from keras_attention.models import BertEncoder, Classifier

    import keras

    keras.utils.set_random_seed(0)
    encoder = BertEncoder(VOCABULARY, **SHAPES[options.shape])
    model = Classifier(encoder, 2, pooling="mean")
    if side == "adapters":
        model.enable_lora(options.rank)
    return model


def make_batch(options):
    """Token ids without padding, and labels."""
    random = np.random.default_rng(0)
    ids = random.integers(1, VOCABULARY, (options.batch, options.length)).astype("int32")
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": np.ones_like(ids)}
    return inputs, random.integers(0, 2, options.batch)


def work(side, options, connection):
    """A process: says what its first steps took, then answers how long a step takes."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from keras_attention.training import LayerwiseAdamW

    import keras
    import tensorflow as tf

    model, batch = make_model(side, options), make_batch(options)
    data = iter(tf.data.Dataset.from_tensors(batch).repeat())
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    model.compile(
        LayerwiseAdamW(1e-4, weight_decay=0.01, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=options.jit,
    )
    model.make_train_function()

    def step():
        return float(model.train_function(data)["loss"])

    step(), step()
    connection.send(
        {
            "growth": memory("VmHWM") - before,
            "trained_parameters": _size(model.trainable_weights),
            "optimizer_state": 4 * _size(model.optimizer.variables),
            "gradients": 4 * _size(model.trainable_weights),
        }
    )
    while connection.recv() != "end":
        started = time.perf_counter()
        step()
        connection.send(time.perf_counter() - started)


def _size(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def measure(shape, options):
    """Prints the table of one shape. Returns its figures."""
    options.shape = shape
    workers = {side: SideProcess(work, side, options) for side in SIDES}
    times = {side: [] for side in SIDES}
    for _ in range(options.rounds):
        for side, worker in workers.items():
            times[side].append(worker.ask("step") * 1000)
    for worker in workers.values():
        worker.end()
    print(f"\n{shape}, rank {options.rank}, {options.batch} x {options.length} tokens")
    print(f"{'trained':<14}{'parameters':<13}{'ms a step':<28}MB: growth, state, gradients")
    rows = []
    for side, worker in workers.items():
        sizes = ("growth", "optimizer_state", "gradients")
        megabytes = {name: worker.first[name] / 1e6 for name in sizes}
        parameters = worker.first["trained_parameters"]
        told = ", ".join(f"{value:,.1f}" for value in megabytes.values())
        print(f"{side:<14}{parameters:<13,}{quartiles(times[side]):<28}{told}")
        ratios = np.array(times[SIDES[0]]) / np.array(times[side])
        rows.append(
            {
                "shape": shape,
                "trained": f"{side} of rank {options.rank}" if side == "adapters" else side,
                "batch": f"{options.batch} x {options.length}",
                "trained_parameters": parameters,
                "milliseconds": spread(times[side]),
                "ratio": spread(ratios),
                **{f"megabytes_{name}": value for name, value in megabytes.items()},
            }
        )
    print(f"all weights over adapters: {quartiles(ratios)}")
    return rows


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--batch", type=int, default=16, help="texts of a batch")
    parser.add_argument("--length", type=int, default=64, help="tokens of a text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jit", action="store_true", help="let XLA compile the steps")
    add_json_option(parser)
    options = parser.parse_args()
    figures = []
    for shape in options.shapes:
        figures += measure(shape, options)
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
