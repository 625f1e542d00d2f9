"""Performs commands with the package of one tree and keeps what they say: run by `compare.py`.

python perform.py JSON      in the folder of the results; JSON: [[name, [argument, ...]], ...]

`NAME.out` holds standard output, `NAME.status` the exit status. A name that begins with "probe" has
a run or an artifact for its arguments, whose answers are kept in `NAME.npz` bit by bit.
"""

import json
import os
import sys
import traceback

import numpy as np


def main(commands):
    """Performs them one after the other."""
    for name, arguments in commands:
        if name.startswith("probe"):
            status = 0
            try:
                np.savez(f"{name}.npz", **probe(*arguments))
            except Exception:
                traceback.print_exc()
                status = 1
        else:
            status = perform(name, arguments)
        with open(f"{name}.status", "w", encoding="utf-8") as file:
            file.write(f"{status}\n")


def perform(name, arguments):
    """Runs a command; its exit status."""
    from keras_attention.cli.main import main as command_line

    sys.stdout.flush()
    standard = os.dup(1)
    file = os.open(f"{name}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.close(file)
    try:
        return command_line(arguments)
    except SystemExit as stop:  # argparse's own
        return stop.code
    finally:
        sys.stdout.flush()
        os.dup2(standard, 1)
        os.close(standard)


def probe(path, runtime=None):
    """The arrays that say what a model computes, by name."""
    import keras_attention

    if path == "corpus":
        from keras_attention.text import phrase_corpus

        sources, targets = phrase_corpus(500, seed=3)
        return {"sources": np.array(sources), "targets": np.array(targets)}
    loaded = keras_attention.load(path, runtime)
    found = {}
    if runtime is None:
        model = loaded.model
        found |= {f"weight_{i:04d}": value for i, value in enumerate(model.get_weights())}
        outputs = model(_inputs(model), training=False)
        if isinstance(outputs, dict):
            outputs = outputs.get("logits", outputs)
        found["logits"] = np.array(outputs)
    if hasattr(loaded, "probabilities"):
        with open(f"asked.{'pairs' if loaded.takes_pairs else 'texts'}", encoding="utf-8") as file:
            lines = [line.rstrip("\n").split("\t") for line in file]
        columns = [list(column) for column in zip(*lines, strict=True)]
        found["probabilities"] = np.array(loaded.probabilities(*columns))
    else:
        with open("valid.en", encoding="utf-8") as file:
            lines = file.read().splitlines()
        best = [hypotheses[0] for hypotheses in loaded.translate_n_best(lines)]
        found["translations"] = np.array([text for text, _ in best])
        found["scores"] = np.array([score for _, score in best], "float32")
    return found


def _inputs(model):
    """Two rows of ids and what goes with them, for each input of a model by its name."""
    rng = np.random.default_rng(5)
    values = {}
    for tensor in model.inputs:
        shape = [2, *[size or 7 for size in tensor.shape[1:]]]
        if "segment" in tensor.name:
            value = np.zeros(shape)
        elif "mask" in tensor.name:
            value = np.ones(shape)
        else:
            value = rng.integers(4, 30, shape)
        values[tensor.name] = value.astype(str(tensor.dtype))
    return values


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
