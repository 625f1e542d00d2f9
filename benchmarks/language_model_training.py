"""A training of the preset nano, by our layers and by the same model made of PyTorch's.

python benchmarks/language_model_training.py TEXT [--steps 2000] [--rounds 20] [--json F]

The first nine tenths of a text are trained on, in nanoGPT's setting for a CPU: 4 layers, 4 heads,
width 128, 64 characters of context, batches of 12 windows. All programs begin with the same weights
and take the same batches, the same AdamW, clipping and learning rates, with as many threads. First
their logits are compared. Then the trainings take turns, a round of steps each, each program
without a compiler and with one. The loss is that of the last tenth, after the last step.

A ratio is PyTorch's time over ours, each in its faster mode, round by round: median, with the
quartiles in brackets. The first round, in which programs are traced and compiled, is told apart.
PyTorch takes part where it is installed: benchmarks/requirements-peers.txt.
"""

import argparse
import contextlib
import itertools
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

with contextlib.suppress(ImportError):  # before TensorFlow, after which its Triton crashes
    import torch._dynamo  # noqa: F401

from benchmarks.figures import add_json_option, quartiles, seconds, spread, write_figures
from keras_attention.tasks.language_model.language_model_config import LanguageModelConfig
from keras_attention.tasks.language_model.training import (
    BETA_2,
    compile_language_model,
    make_batches,
    make_model,
    make_valid_batches,
)
from keras_attention.tasks.language_model.training_documents import load_texts
from keras_attention.text.batches.token_stream import TokenStream
from keras_attention.text.tokenizers import language_model_tokenizer
from keras_attention.training import WarmupCosineSchedule

import keras
import numpy as np
import tensorflow as tf


class OurTraining:
    """The training step that `fit` calls, on given batches.

    Args:
        model: with the weights to begin with.
        config: `LanguageModelConfig`.
        batches: all of the training, `(inputs, targets, weights)`.
        jit: whether XLA compiles the step.
    """

    def __init__(self, model, config, batches, jit):
        config.jit_compile = jit
        self.model = model
        compile_language_model(model, config, config.steps)
        model.make_train_function(force=True)
        example = batches[0]
        signature = tf.nest.map_structure(lambda a: tf.TensorSpec(a.shape, a.dtype), example)
        self.batches = iter(
            tf.data.Dataset.from_generator(
                lambda: iter(batches), output_signature=signature
            ).prefetch(8)
        )

    def train(self, count):
        """Takes `count` steps."""
        for _ in range(count):
            logs = self.model.train_function(self.batches)
        return float(logs["loss"])

    def valid_loss(self, batches):
        """The mean cross-entropy of a token, in nats."""
        dataset = batches.dataset(epochs=1)
        return float(self.model.evaluate(dataset, verbose=0, return_dict=True)["loss"])


def data(path, steps):
    """The config, the tokenizer, all batches of training, and those of validation."""
    config = LanguageModelConfig.for_preset("nano", train=path, steps=steps, jit_compile=False)
    train, valid = load_texts(config)
    tokenizer = language_model_tokenizer("characters").train(text for text, _ in train.parts())
    batches = make_batches(config, TokenStream.of(train.parts(), tokenizer))
    valid_batches = make_valid_batches(config, TokenStream.of(valid.parts(), tokenizer))
    return config, tokenizer, list(itertools.islice(batches.epochs(), steps)), valid_batches


def trainings(config, tokenizer, batches):
    """The programs by name and whether they are compiled; each begins with the same weights."""
    keras.utils.set_random_seed(config.seed)
    first = make_model(config, tokenizer)
    found = {}
    for jit in (False, True):
        model = make_model(config, tokenizer)
        model.set_weights(first.get_weights())
        found["keras_attention", jit] = OurTraining(model, config, batches, jit)
    try:
        from benchmarks.peer_torch_language_model import TorchTraining, torch_logits
    except ImportError as error:
        print(f"PyTorch is left out: {error}")
        return found
    inputs = batches[0][0]
    difference = np.abs(torch_logits(first, inputs["token_ids"]) - np.asarray(first(inputs))).max()
    print(f"largest difference of logits before training: {difference:.1e}")
    warmup = min(config.warmup_steps, max(1, config.steps // 4))
    schedule = WarmupCosineSchedule(
        config.learning_rate, warmup, config.steps, final_share=config.final_rate_share
    )
    rates = [float(schedule(step)) for step in range(config.steps)]
    for jit in (False, True):
        found["pytorch", jit] = TorchTraining(
            first, rates, config.weight_decay, BETA_2, config.clip_norm, jit
        )
    return found


def measure(path, steps, rounds, threads):
    """Prints the table. Returns the figures."""
    config, tokenizer, batches, valid_batches = data(path, steps)
    programs = trainings(config, tokenizer, batches)
    print(f"{steps:,} steps in {rounds} rounds, {threads} threads")
    plain = [(x["token_ids"], y) for x, y, _ in batches]
    count = steps // rounds
    times = {key: [] for key in programs}
    for number in range(rounds):
        for key, program in programs.items():
            part = plain[number * count : (number + 1) * count]
            ours = key[0] == "keras_attention"
            times[key].append(seconds(program.train, len(part) if ours else part))
    whole = [(x["token_ids"], y, w) for x, y, w in valid_batches.epochs(epochs=1)]
    losses = {
        key: program.valid_loss(valid_batches if key[0] == "keras_attention" else whole)
        for key, program in programs.items()
    }
    print(f"{'program':<17}{'compiled':<10}{'ms a step':<22}{'first round':<13}{'all':<9}loss")
    for (name, jit), found in times.items():
        later = 1000 * np.array(found[1:]) / count
        print(
            f"{name:<17}{'yes' if jit else 'no':<10}{quartiles(later):<22}{found[0]:<13.1f}"
            f"{sum(found):<9.1f}{losses[name, jit]:.4f}"
        )
    best = {
        name: min((False, True), key=lambda jit: np.median(times[name, jit][1:]))
        for name, _ in programs
    }
    own = best["keras_attention"]
    figures = {
        "steps": steps,
        "milliseconds": spread(1000 * np.array(times["keras_attention", own][1:]) / count),
        "loss": losses["keras_attention", own],
    }
    if "pytorch" in best:
        other = best["pytorch"]
        ratio = np.array(times["pytorch", other][1:]) / times["keras_attention", own][1:]
        figures["peer"] = "pytorch"
        figures["ratio"] = spread(ratio)
        figures["loss_less_the_peers"] = figures["loss"] - losses["pytorch", other]
        print(f"PyTorch over ours, each in its faster mode: {quartiles(ratio)}")
        print(f"our loss less PyTorch's: {figures['loss_less_the_peers']:+.4f} nats a token")
    return [figures]


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", help="a text file, such as tinyshakespeare; .gz is read too")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=20, help="a divisor of the steps")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    add_json_option(parser)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(options.threads)
    figures = measure(options.text, options.steps, options.rounds, options.threads)
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
