"""What snapshots cost: the time of one, over the time of the steps between two.

python benchmarks/snapshot_cost.py [--preset tiny] [--updates 525] [--directory .]

UPDATES is the number of updates between snapshots: an epoch by default, of Multi30k with 1,024
tokens in a batch. A snapshot is written to DIRECTORY, whose disk matters, and synced to it.
"""

import argparse
import functools
import os
import statistics
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import add_json_option, seconds, spread, write_figures
from keras_attention.models import TransformerTranslator
from keras_attention.training import LabelSmoothedCrossEntropy, save_snapshot

import keras
import numpy as np


def main():
    """Prints one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--vocabulary-size", type=int, default=8000)
    parser.add_argument("--updates", type=int, default=525)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--directory", default=".")
    add_json_option(parser)
    options = parser.parse_args()

    model = TransformerTranslator.from_preset(
        options.preset, vocabulary_size=options.vocabulary_size
    )
    model.compile(keras.optimizers.Adam(1e-4), LabelSmoothedCrossEntropy())
    ids = np.random.default_rng(0).integers(4, options.vocabulary_size, (64, 16)).astype("int32")
    batch = {"encoder_token_ids": ids, "decoder_token_ids": ids}
    model.train_on_batch(batch, ids)
    steps, snapshots = [], []
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        for number in range(options.rounds):
            steps.append(seconds(lambda: model.train_on_batch(batch, ids)))
            position = {"step": number}
            save = functools.partial(save_snapshot, directory, model, position, keep=3)
            snapshots.append(seconds(save))
    step, snapshot = statistics.median(steps), statistics.median(snapshots)
    low, high = np.percentile(snapshots, [25, 75])
    print(
        f"{options.preset}, {model.count_params():,} parameters: a step {1000 * step:.0f} ms, a "
        f"snapshot {1000 * snapshot:.0f} ms [{1000 * low:.0f} {1000 * high:.0f}]; one every "
        f"{options.updates} updates costs {snapshot / (options.updates * step):.2%} of the time"
    )
    row = {
        "preset": options.preset,
        "updates": options.updates,
        "step_milliseconds": spread([1000 * each for each in steps]),
        "snapshot_milliseconds": spread([1000 * each for each in snapshots]),
        "share_of_time": snapshot / (options.updates * step),
    }
    write_figures(options.json, [row])


if __name__ == "__main__":
    main()
