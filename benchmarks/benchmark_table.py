"""The benchmarks of speed and memory: what `report.py` runs, and what its tables say of it."""

from dataclasses import dataclass
from pathlib import Path

LIMIT = 30 * 60  # seconds that `make bench` may take
FASTER = "{}'s time over ours, each in its faster mode: with XLA, or without"


@dataclass(frozen=True)
class Benchmark:
    """One command, whose figures are one entry of the report.

    Args:
        command: the script and its options. SOURCE stands for a file of sentences in English.
        ratio: what a ratio in its table is.
        packages: peers without which its rows would be missing, by the names that pip has.
        data: files of the folder that KERAS_ATTENTION_DATA names.
        takes_run: whether a run of a translator may take the place of random weights, by `--model`
            and `--source`.
        in_bench: whether `make bench` runs it. The others are asked for: `report.py --only NAME`.
    """

    command: tuple
    ratio: str = ""
    packages: tuple = ()
    data: tuple = ()
    takes_run: bool = False
    in_bench: bool = True

    @property
    def script(self):
        """The file, by its whole name."""
        return Path(__file__).parent / self.command[0]


BENCHMARKS = {
    "Training step, transformer": Benchmark(
        (
            *("training_step.py", "--rounds", "3", "--loss", "stock", "--peers", "keras_hub"),
            *("--vocabulary-size", "500", "8000", "32000"),
        ),
        FASTER.format("KerasHub"),
        packages=("keras-hub",),
    ),
    "Training step, our loss on both sides": Benchmark(
        (
            *("training_step.py", "--rounds", "3", "--loss", "ours", "--peers", "keras_hub"),
            *("--vocabulary-size", "8000"),
        ),
        FASTER.format("KerasHub"),
        packages=("keras-hub",),
    ),
    "Training step, memory": Benchmark(
        ("training_step.py", "--memory", "--vocabulary-size", "8000", "32000"),
        "The growth over the resident set before the first step; the last column is that of our "
        "better mode over that of KerasHub's better one",
        packages=("keras-hub",),
    ),
    "Training step, recurrent network": Benchmark(
        (
            *("training_step.py", "--preset", "small", "--rows", "64", "--rounds", "5"),
            *("--vocabulary-size", "8000", "--loss", "stock"),
        ),
        FASTER.format("Stock Keras"),
    ),
    "Training step, real texts": Benchmark(
        ("real_corpora.py", "--corpora", "multi30k", "ag_news", "--rounds", "3"),
        "The last two columns: KerasHub's time for an epoch over ours, on batches of one length "
        "and on our batches, all in the mode that the column XLA tells",
        packages=("keras-hub",),
        data=("multi30k/train.lc.norm.tok.en.gz", "ag_news/train.csv.gz"),
    ),
    "Training step, language model": Benchmark(
        ("language_model_training.py", "SOURCE", "--steps", "60", "--rounds", "3"),
        "PyTorch's time over ours where it is installed, each in its faster mode: compiled, or not",
    ),
    "Additive attention": Benchmark(
        (
            *("additive_attention.py", "--rounds", "3"),
            *("--sizes", "8,128,128,256", "1,2048,2048,256"),
        ),
        FASTER.format("Stock Keras"),
    ),
    "BERT": Benchmark(
        ("bert.py", "--rounds", "3", "--training-lengths", "32"),
        "KerasHub's time over ours: of a step each in its faster mode, with XLA or without; of "
        "inference each in its fastest program",
        packages=("keras-hub",),
    ),
    "Decoding": Benchmark(
        (
            *("translate_speed.py", "--rounds", "3", "--sentences", "200", "--single", "60"),
            *("--formats", "TFLite", "--precisions", "int8", "--length-penalty", "0", "0.6"),
        ),
        "CTranslate2's time over ours, each by its fastest program; where ours has a shortlist, "
        "CTranslate2 has the same one as its vocabulary map, but in the last column",
        packages=("ctranslate2",),
        takes_run=True,
    ),
    "Generating text": Benchmark(
        (
            *("generate_speed.py", "--shapes", "llama-tiny", "--rounds", "3"),
            *("--prompt", "64", "--new-tokens", "32", "--programs", "ONNX float32"),
            *("TFLite float32", "SavedModel float32", "ONNX int8", "KerasHub float32"),
            *("CTranslate2 float32", "CTranslate2 int8"),
        ),
        "In the last column, the fastest peer's time over that of our fastest program of the same "
        "precision",
        packages=("keras-hub", "ctranslate2"),
    ),
    "Export": Benchmark(("export_time.py",)),
    "Serving under load": Benchmark(
        ("serving_load.py", "--requests", "400"),
        'The memory at the end over that after the first hundred requests. "One" and "all" are '
        "one client and eight at once",
    ),
    "Environment": Benchmark(
        ("environment.py", "--rounds", "2", "--steps", "10", "--parts", "step", "decode"),
        "The time of TensorFlow as it is by itself over that under the setting",
    ),
    "Snapshots": Benchmark(("snapshot_cost.py",)),
    "Training step beside PyTorch": Benchmark(
        (
            *("training_step.py", "--rounds", "5", "--loss", "stock", "--peers", "pytorch"),
            *("--vocabulary-size", "8000"),
        ),
        "PyTorch's time over ours, each in its faster mode: compiled, or not",
        packages=("torch",),
        in_bench=False,
    ),
    "Block-sparse attention, width 384": Benchmark(
        ("sparse_attention.py", "--width", "384"),
        "The time of dense attention over that of the layer, each in its faster mode",
        in_bench=False,
    ),
    "Block-sparse attention, width 768": Benchmark(
        ("sparse_attention.py", "--width", "768"),
        "The time of dense attention over that of the layer, each in its faster mode; growth is "
        "the time over that of half as many tokens",
        in_bench=False,
    ),
    "LoRA": Benchmark(
        ("lora.py", "--rounds", "5"),
        "The time of a step of all weights over that of the same step with adapters",
        in_bench=False,
    ),
    "Cost of large inputs": Benchmark(("bounded_cost.py",), in_bench=False),
}
