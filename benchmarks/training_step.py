"""One training step of the same translator made of our layers, of KerasHub's and of stock Keras'.

python benchmarks/training_step.py [--preset tiny] [--vocabulary-size 8000 ...] [--rounds 15]
    [--loss stock|ours|both] [--peers keras_hub ...] [--memory]

The preset "small" is the recurrent translator with additive attention, whose peer is
`keras.layers.RNN` over a hand-written cell; KerasHub has no such thing. PyTorch's layers take part
where it is installed (benchmarks/requirements-peers.txt); its second mode is `torch.compile`.

Same sizes, dropout, masks and Adam. First the weights are copied, and the logits and the losses are
compared. Then the compiled train functions take turns, each with and without XLA, on the same
batch. A ratio is a peer's time over ours, round by round: median, with the quartiles in brackets.
The matrix rate of the machine is measured in the same rounds.

With the loss "stock" a peer has what its users have: the sparse cross-entropy of Keras from logits,
where padding is ignored, and its accuracy; ours has LabelSmoothedCrossEntropy without smoothing.
With "ours" all have the latter, with smoothing, and our metrics.

With --memory each model trains in a process of its own. Its growth is the peak of its resident
memory less what it held before the first step.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

with contextlib.suppress(ImportError):  # before TensorFlow, after which its Triton crashes
    import torch._dynamo  # noqa: F401

from benchmarks.figures import add_json_option, quartiles, seconds, spread, write_figures
from benchmarks.peer_rnn_translator import stock_rnn_translator
from benchmarks.peer_translators import keras_hub_translator, stock_translator
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.training import LabelSmoothedCrossEntropy, Perplexity, TokenAccuracy

import keras
import numpy as np
import tensorflow as tf

PADDING = 0
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
    blocks = model.num_layers * encoder + model.num_decoder_layers * decoder
    forward = blocks + d * model.vocabulary_size
    return 3 * 2 * tokens * forward


def _rnn_products(model, length):
    """Multiplications of one source and one target token in a preset "small"."""
    m, n = model.embedding_dim, model.encoder.units
    encoder = 2 * (m + n) * 3 * n + 2 * n * n  # both directions, then the projected keys
    attention = n * n + length * (n + 2 * n)  # the query, then a score and a share for each key
    decoder = (m + 2 * n + n) * 3 * n + attention + (n + 2 * n + m) * m
    return encoder + decoder + m * model.vocabulary_size


def make_models(preset, vocabulary_size, peers=None):
    """Translators with the same weights, ours first, then those of `peers`, by default all."""
    keras.utils.set_random_seed(0)
    if preset == "small":
        ours = RNNTranslator.from_preset(preset, vocabulary_size=vocabulary_size, dropout=0.1)
        makers = {"keras": stock_rnn_translator}
        return {"keras_attention": ours, **_made(makers, peers, ours)}
    ours = TransformerTranslator.from_preset(
        preset, vocabulary_size=vocabulary_size, attention_bias=True, dropout=0.1
    )
    makers = {"keras_hub": keras_hub_translator, "keras": stock_translator}
    return {"keras_attention": ours, **_made(makers, peers, ours)}


def _made(makers, peers, ours):
    return {name: make(ours) for name, make in makers.items() if peers is None or name in peers}


def largest_difference(models, x):
    """The largest difference of any peer's logits from ours, where there is a target token."""
    tokens = x["decoder_token_ids"] != 0
    logits = [np.asarray(model(x, training=False))[tokens] for model in models.values()]
    return max(float(np.abs(other - logits[0]).max()) for other in logits[1:])


def loss_and_metrics(name, loss):
    """What the program `name` is compiled with."""
    if loss == "ours":
        return LabelSmoothedCrossEntropy(0.1), [TokenAccuracy(), Perplexity()]
    if name == "keras_attention":
        return LabelSmoothedCrossEntropy(0.0), [TokenAccuracy()]
    return (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING),
        [keras.metrics.SparseCategoricalAccuracy()],
    )


def losses(models, batch, loss):
    """The loss of each program before any step, which must be the same."""
    x, y = batch
    found = {}
    for name, model in models.items():
        function, _ = loss_and_metrics(name, loss)
        found[name] = float(function(y, model(x, training=False)))
    return found


def torch_module():
    """`benchmarks.peer_torch_translator`, or None where PyTorch is not installed."""
    try:
        from benchmarks import peer_torch_translator
    except ImportError as error:
        print(f"PyTorch is left out: {error}")
        return None
    return peer_torch_translator


def train_function(name, model, batch, jit, loss):
    """A function that takes one step, traced and compiled."""
    function, metrics = loss_and_metrics(name, loss)
    optimizer = keras.optimizers.Adam(1e-4, beta_2=0.98)
    model.compile(optimizer, function, metrics=metrics, jit_compile=jit)
    model.make_train_function(force=True)
    step = model.train_function
    data = iter(tf.data.Dataset.from_tensors(batch).repeat())

    def run(steps):
        for _ in range(steps):
            logs = step(data)
        return {name: float(value) for name, value in logs.items()}

    run(2)
    return run


def memory(field):
    """A field of this process' status in bytes: VmRSS, what it holds, or VmHWM, the most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def growth(name, preset, vocabulary_size, rows, length, jit):
    """Bytes by which the memory of a process grows while one program takes its first steps."""
    batch = make_batch(rows, length, vocabulary_size)
    model = make_models(preset, vocabulary_size)[name]
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is what it holds now
    before = memory("VmRSS")
    train_function(name, model, batch, jit, "stock")(3)
    return memory("VmHWM") - before


def measure_memory(preset, vocabulary_size, rows, length):
    """Prints the growth of each program, each in a process of its own. Returns the figures."""
    found = {}
    peer = "keras" if preset == "small" else "keras_hub"
    for name in ("keras_attention", peer):
        for jit in (False, True):
            arguments = [name, preset, vocabulary_size, rows, length, jit]
            done = subprocess.run(
                [sys.executable, __file__, "--growth", json.dumps(arguments)],
                stdout=subprocess.PIPE,
                check=True,
            )
            found[name, jit] = int(done.stdout.split()[-1]) / 1e6
    print(f"\n{preset}, vocabulary {vocabulary_size:,}: memory grows by")
    for (name, jit), megabytes in found.items():
        print(f"{name:<17}{'XLA' if jit else '':<5}{megabytes:,.0f} MB")
    least = {name: min(found[name, jit] for jit in (False, True)) for name, _ in found}
    print(f"ours over that of {peer}, each in its best mode: ", end="")
    print(f"{least['keras_attention'] / least[peer]:.2f}")
    return [
        {
            "preset": preset,
            "vocabulary": vocabulary_size,
            "batch": f"{rows} x {length}",
            "peer": peer,
            **{
                f"megabytes_{name}{'_xla' if jit else ''}": round(megabytes)
                for (name, jit), megabytes in found.items()
            },
            "ours_over_the_peer": least["keras_attention"] / least[peer],
        }
    ]


def measure(preset, vocabulary_size, rows, length, rounds, steps, loss, peers=None):
    """Prints the table of one size and one loss. Returns the figures of each of `peers`."""
    batch = make_batch(rows, length, vocabulary_size)
    flops = matrix_flops(make_models(preset, vocabulary_size, ())["keras_attention"], rows, length)
    print(
        f"\n{preset}, vocabulary {vocabulary_size:,}, {rows} x {length} tokens a side, "
        f"{flops / 1e9:.1f} GFLOP of matrix products a step, loss: {loss}"
    )
    functions = {}
    is_asked = peers is None or "pytorch" in peers
    torch = torch_module() if preset != "small" and is_asked else None
    for jit in (False, True):
        models = make_models(preset, vocabulary_size, peers)
        if torch is not None:
            smoothing = 0.1 if loss == "ours" else 0.0
            own = models["keras_attention"]
            if not jit:
                difference = torch.torch_logits(own, batch[0]) - np.asarray(own(batch[0]))
                difference = np.abs(difference[batch[0]["decoder_token_ids"] != PADDING]).max()
                print(f"largest difference of PyTorch's logits: {difference:.1e}")
            functions["pytorch", jit] = torch.torch_train_function(own, batch, jit, smoothing)
        if not jit and len(models) > 1:
            print(f"largest difference of logits: {largest_difference(models, batch[0]):.1e}")
            found = losses(models, batch, loss)
            print(f"losses: {', '.join(f'{name} {value:.5f}' for name, value in found.items())}")
        for name, model in models.items():
            functions[name, jit] = train_function(name, model, batch, jit, loss)
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
    print(f"{'layers':<17}{'jit':<5}{'ms a step':<22}{'share of the rate':<19}ratio to ours")
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
    rows_of_peers = []
    for peer in [name for name in fastest if name != "keras_attention"]:
        ratio = np.array(fastest[peer]) / np.array(fastest["keras_attention"])
        print(f"{peer} over ours, each in its faster mode: {quartiles(ratio)}")
        rows_of_peers.append(
            {
                "preset": preset,
                "vocabulary": vocabulary_size,
                "batch": f"{rows} x {length}",
                "loss": loss,
                "peer": peer,
                **{
                    f"milliseconds_{name}{'_compiled' if jit else ''}": spread(
                        1000 * np.array(times[name, jit])
                    )
                    for name in ("keras_attention", peer)
                    for jit in (False, True)
                },
                "share_of_matrix_rate": flops / np.median(fastest["keras_attention"]) / rate,
                "ratio": spread(ratio),
            }
        )
    return rows_of_peers


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="tiny", choices=("tiny", "base", "small"))
    parser.add_argument("--vocabulary-size", type=int, nargs="+", default=[500, 8000])
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=3, help="steps of each model in a round")
    parser.add_argument("--loss", default="both", choices=("stock", "ours", "both"))
    parser.add_argument("--peers", nargs="+", choices=("keras_hub", "keras", "pytorch"))
    parser.add_argument("--memory", action="store_true", help="measure memory in place of time")
    parser.add_argument("--growth", help=argparse.SUPPRESS)
    add_json_option(parser)
    options = vars(parser.parse_args())
    path, figures = options.pop("json"), []
    arguments, memory, loss = (options.pop(name) for name in ("growth", "memory", "loss"))
    if arguments:
        return print(growth(*json.loads(arguments)))
    for vocabulary_size in options.pop("vocabulary_size"):
        if memory:
            sizes = {name: options[name] for name in ("preset", "rows", "length")}
            figures += measure_memory(vocabulary_size=vocabulary_size, **sizes)
            continue
        for each in ("stock", "ours") if loss == "both" else (loss,):
            figures += measure(vocabulary_size=vocabulary_size, **options, loss=each)
    write_figures(path, figures)


if __name__ == "__main__":
    main()
