"""Fine-tuning and inference of one BERT classifier: ours, KerasHub's, and PyTorch's if installed.

benchmarks/requirements-peers.txt says how to install it. Its second mode is `torch.compile`.

python benchmarks/bert.py [--model RUN --data LABELLED] [--rounds 9]

By default an encoder of 6 layers and width 384 (12 heads) with random weights; RUN is a classifier
of `train classifier --pooling mean`, and with --data each program's accuracy on labelled texts is
printed too. First the outputs are compared; then all programs take turns, on two threads. A ratio
is a peer's time over ours, round by round: median, with the quartiles in brackets.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

with contextlib.suppress(ImportError):  # before TensorFlow, after which its Triton crashes
    import torch._dynamo  # noqa: F401

from benchmarks.figures import add_json_option, quartiles, seconds, spread, write_figures
from benchmarks.peer_bert import keras_hub_classifier, torch_classifier, torch_train_function
from keras_attention.artifacts import onnx, saved_model, tflite
from keras_attention.models import BertEncoder, Classifier
from keras_attention.tasks.classification.graph_functions import ids_function
from keras_attention.tasks.classification.text_classifier import (
    TextClassifier,
    ids_to_probabilities,
)
from keras_attention.tasks.graph import Graph
from keras_attention.tasks.load import load_run
from keras_attention.text import label_ids, read_labelled

import keras
import numpy as np
import tensorflow as tf

THREADS = 2
SIZE = dict(num_layers=6, num_heads=12, hidden_dim=384, intermediate_dim=1536)
VOCABULARY, CLASSES = 30522, 2


def make_classifier(activation="gelu_new"):
    """Ours, with random weights. KerasHub knows the GELU by tanh only."""
    keras.utils.set_random_seed(0)
    encoder = BertEncoder(VOCABULARY, **SIZE, activation=activation)
    return Classifier(encoder, CLASSES, pooling="mean")


def make_inputs(rows, length, ragged=False):
    """Random ids; with `ragged` half of the rows end early."""
    random = np.random.default_rng(0)
    ids = random.integers(1000, VOCABULARY, (rows, length)).astype("int32")
    ends = np.where(np.arange(rows) % 2 == 0, length, length * 3 // 4) if ragged else length
    mask = (np.arange(length) < np.reshape(ends, (-1, 1))).astype("int32") * np.ones_like(ids)
    return {"token_ids": ids * mask, "segment_ids": np.zeros_like(ids), "padding_mask": mask}


def train_function(model, batch, jit):
    """A function that takes one step, traced and compiled."""
    model.compile(
        keras.optimizers.AdamW(1e-5, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit,
    )
    model.make_train_function(force=True)
    step, data = model.train_function, iter(tf.data.Dataset.from_tensors(batch).repeat())

    def run():
        return {name: float(value) for name, value in step(data).items()}

    run(), run()
    return run


def keras_function(model, jit):
    """`probabilities(token_ids)` of a Keras model as a graph; 0 is padding."""

    def probabilities(token_ids):
        inputs = {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "padding_mask": tf.cast(token_ids != 0, tf.int32),
        }
        return tf.nn.softmax(model(inputs, training=False))

    signature = [tf.TensorSpec((None, None), tf.int32)]
    function = tf.function(
        probabilities,
        input_signature=None if jit else signature,
        autograph=False,
        jit_compile=jit,
    )
    return lambda token_ids: function(tf.constant(token_ids)).numpy()


def softmax(logits):
    """Of the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def inference_programs(ours, directory):
    """`probabilities(token_ids)` by every program: a dict of (whose, what)."""
    programs = {}
    hub = keras_hub_classifier(ours)
    for jit in (False, True):
        how = "graph, XLA" if jit else "graph"
        programs["keras_attention", f"Keras {how}"] = keras_function(ours, jit)
        programs["KerasHub", f"Keras {how}"] = keras_function(hub, jit)
    ids = ids_function(ours, 0)
    graph = Graph(ids, None, {}, {}, {})
    saved_model.write(directory / "saved_model", ours, graph)
    for precision in ("float32", "int8"):
        path = directory / f"{precision}.tflite"
        tflite.write(path, ours, graph, precision, directory / "saved_model")
        signature = tflite.signature(path, num_threads=THREADS)
        programs["keras_attention", f"TFLite {precision}"] = lambda token_ids, run=signature: run(
            token_ids=token_ids
        )["probabilities"]
        path = directory / f"{precision}.onnx"
        onnx.write(path, ours, graph, precision)
        session = onnx.signature(path, num_threads=THREADS)
        programs["keras_attention", f"ONNX {precision}"] = lambda token_ids, run=session: run(
            token_ids=token_ids
        )["probabilities"]
    try:
        for quantised in (False, True):
            logits = torch_classifier(ours, quantised, THREADS)
            name = "int8" if quantised else "float32"
            programs["PyTorch", f"transformers {name}"] = lambda token_ids, run=logits: softmax(
                run(token_ids, np.zeros_like(token_ids), (token_ids != 0).astype("int32"))
            )
    except ImportError as error:
        print(f"PyTorch is left out: {error}")
    return programs


def take_turns(programs, arguments, rounds):
    """The seconds of every program in every round: a dict of arrays."""
    times = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            times[name].append(seconds(program, *arguments))
    return {name: np.array(found) for name, found in times.items()}


def measure_training(rows, length, rounds):
    """Prints the table of a fine-tuning step. Returns its figures."""
    batch = make_inputs(rows, length), np.arange(rows, dtype="int32") % CLASSES
    functions = {}
    for jit in (False, True):
        models = {"keras_attention": make_classifier()}
        models["KerasHub"] = keras_hub_classifier(models["keras_attention"])
        if not jit:
            given = make_inputs(rows, length, ragged=True)
            found = [np.asarray(model(given, training=False)) for model in models.values()]
            print(f"largest difference of logits: {np.abs(found[1] - found[0]).max():.1e}")
        for name, model in models.items():
            functions[name, jit] = train_function(model, batch, jit)
        try:
            functions["PyTorch", jit] = torch_train_function(
                models["keras_attention"], batch, jit, THREADS
            )
        except ImportError as error:
            print(f"PyTorch is left out: {error}")
    times = take_turns(functions, (), rounds)
    print(f"\nfine-tuning step, {rows} x {length} tokens")
    for (name, jit), found in times.items():
        ratio = found / times["keras_attention", jit]
        print(
            f"{name:<17}jit {'yes' if jit else 'no':<5}{quartiles(1000 * found):<26} ms  "
            f"ratio to ours {quartiles(ratio)}"
        )
    fastest = {
        name: min((times[name, jit] for jit in (False, True)), key=np.median) for name, _ in times
    }
    figures = []
    for peer in [name for name in fastest if name != "keras_attention"]:
        ratio = fastest[peer] / fastest["keras_attention"]
        print(f"{peer} over ours, each in its faster mode: {quartiles(ratio)}", flush=True)
        figures.append(
            {
                "what": "fine-tuning step",
                "batch": f"{rows} x {length}",
                "peer": peer,
                "milliseconds": spread(1000 * fastest["keras_attention"]),
                "ratio": spread(ratio),
            }
        )
    return figures


def measure_inference(programs, rows, length, rounds, fair):
    """Prints the table of one shape. Returns its figures.

    Args:
        programs, rows, length, rounds: what to run, on what, and how often.
        fair: the peers whose accuracy is that of float32.
    """
    token_ids = make_inputs(rows, length)["token_ids"]
    for program in programs.values():
        program(token_ids), program(token_ids)
    times = take_turns(programs, (token_ids,), rounds)
    print(f"\ninference, {rows} x {length} tokens")
    for (whose, what), found in sorted(times.items(), key=lambda item: np.median(item[1])):
        print(f"{whose:<17}{what:<22}{quartiles(1000 * found)} ms")
    medians = {name: np.median(found) for name, found in times.items()}
    ours = min((n for n in medians if n[0] == "keras_attention"), key=medians.get)
    peer = min((n for n in medians if n in fair), key=medians.get)
    ratio = times[peer] / times[ours]
    print(f"{' '.join(peer)} over our {ours[1]}: {quartiles(ratio)}", flush=True)
    return {
        "what": f"inference, {ours[1]}",
        "batch": f"{rows} x {length}",
        "peer": " ".join(peer),
        "milliseconds": spread(1000 * times[ours]),
        "ratio": spread(ratio),
    }


def accuracies(programs, tokenizer, labels, max_length, data):
    """The accuracy of every program on labelled texts: a dict."""
    expected = label_ids(data, labels)
    found = {}
    for name, program in programs.items():
        if "XLA" in name[1]:  # compiles for every length, and computes what the graph does
            continue
        run = ids_to_probabilities(program, tokenizer.padding_id)
        texts = TextClassifier(tokenizer, run, labels, max_length)
        found[name] = float((texts.probabilities(data.texts).argmax(axis=1) == expected).mean())
        print(f"{name[0]:<17}{name[1]:<22}accuracy {100 * found[name]:.2f} %", flush=True)
    return found


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", metavar="RUN", help="with --pooling mean")
    parser.add_argument("--data", metavar="F", help=".csv, .tsv or .jsonl with text and label")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--training-lengths", type=int, nargs="+", help="by default --lengths")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--parts", nargs="+", default=["training", "inference"])
    add_json_option(parser)
    options, figures = parser.parse_args(), []
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)

    if "training" in options.parts:
        for length in options.training_lengths or options.lengths:
            figures += measure_training(max(options.rows), length, options.rounds)
    if "inference" in options.parts:
        figures += measure_inferences(options)
    write_figures(options.json, figures)


def measure_inferences(options):
    """The figures of inference, after the outputs are compared."""
    figures = []
    run = load_run(options.model, kind="classifier") if options.model else None
    ours = run.model if run else make_classifier()
    with tempfile.TemporaryDirectory() as directory:
        programs = inference_programs(ours, Path(directory))
        token_ids = make_inputs(5, 37, ragged=True)["token_ids"]
        expected = programs["keras_attention", "Keras graph"](token_ids)
        for (whose, what), program in programs.items():
            difference = np.abs(program(token_ids) - expected).max()
            print(f"{whose:<17}{what:<22}largest difference of probabilities {difference:.1e}")
        fair = {name for name in programs if name[0] != "keras_attention" and "int8" not in name[1]}
        if run and options.data:
            data = read_labelled(options.data)
            found = accuracies(programs, run.tokenizer, run.labels, run.max_length, data)
            exact = found["keras_attention", "Keras graph"]
            peers = [name for name in found if name[0] != "keras_attention"]
            fair |= {name for name in peers if exact - found[name] <= 0.002}
        for length in options.lengths:
            for rows in options.rows:
                figures.append(measure_inference(programs, rows, length, options.rounds, fair))
    return figures


if __name__ == "__main__":
    main()
