"""Eight clients at once against one, with what `keras_attention.load` gives, in each runtime.

python benchmarks/serving_load.py [--artifact DIRECTORY] [--requests 2000] [--clients 8]

A request is one sentence, from three to sixty tokens long, and all clients call the same object.
Each runtime has a process of its own, in which one client and then all of them send the same
requests. Printed are the sentences a second of both and their ratio, the milliseconds that half and
99 % of the requests took at most, and the resident memory at the end over that after the first
hundred requests. Every answer must be the one that a single client got, or the exit status is 1.

Without an artifact a translator of the preset tiny with random weights is exported first. Such a
model ends few sentences by itself: a translation has at most as many tokens as `--length`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import add_json_option, write_figures

FIRST = 100  # requests after which the memory is taken to be what serving needs
RUNTIMES = ("tf_saved_model", "tflite", "onnx")


def export_random(directory, length):
    """An artifact of a translator with random weights."""
    import keras_attention
    from keras_attention.models import TransformerTranslator
    from keras_attention.text import TranslationTokenizer, phrase_corpus, train_sentencepiece

    import keras

    keras.utils.set_random_seed(0)
    source, target = phrase_corpus(2000)
    tokenizer = TranslationTokenizer(train_sentencepiece([*source, *target], 500))
    model = TransformerTranslator.from_preset("tiny", vocabulary_size=500)
    search = dict(max_length=length)
    keras_attention.export(model, directory, tokenizer, examples=source[:4], search=search)


def requests(count):
    """Sentences of mixed lengths: built-in phrases, one to four of them joined."""
    from keras_attention.text import phrase_corpus

    phrases = phrase_corpus(4 * count, seed=1, split="test")[0]
    numbers = np.random.default_rng(0).integers(1, 5, count)
    return [" ".join(phrases[4 * i : 4 * i + number]) for i, number in enumerate(numbers)]


def resident():
    """The resident set of this process, in bytes (Linux)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(translate, texts, clients):
    """The answers, the seconds of each request, and the seconds of all."""

    def ask(text):
        started = time.perf_counter()
        (answer,) = translate([text])
        return answer, time.perf_counter() - started

    with ThreadPoolExecutor(clients) as pool:
        started = time.perf_counter()
        found = list(pool.map(ask, texts))
        total = time.perf_counter() - started
    answers, seconds = zip(*found, strict=True)
    return answers, seconds, total


def work(artifact, runtime, texts, clients):
    """Prints a line of JSON: what one runtime did."""
    from keras_attention import load

    translate = load(artifact, runtime).translate
    serve(translate, texts[:FIRST], clients)
    begun = resident()
    found, answers = {}, {}
    for number in (1, clients):
        answers[number], seconds, total = serve(translate, texts, number)
        half, most = np.percentile(seconds, [50, 99])
        found[number] = {
            "sentences_per_second": len(texts) / total,
            "p50_milliseconds": 1000 * half,
            "p99_milliseconds": 1000 * most,
        }
    print(
        json.dumps(
            {
                "one": found[1],
                "all": found[clients],
                "memory_ratio": resident() / begun,
                "different": sum(a != b for a, b in zip(*answers.values(), strict=True)),
            }
        )
    )


def measured(artifact, runtime, options):
    """What a process of one runtime prints."""
    command = [sys.executable, os.path.abspath(__file__), "--artifact", str(artifact)]
    command += ["--requests", str(options.requests), "--clients", str(options.clients)]
    done = subprocess.run([*command, "--runtime", runtime], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The process of {runtime} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Prints a line for each runtime."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artifact", metavar="DIRECTORY", help="of a translator")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--length", type=int, default=24, help="of translations by random weights")
    add_json_option(parser)
    parser.add_argument("--runtime", choices=RUNTIMES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.runtime:
        texts = requests(options.requests)
        return work(options.artifact, options.runtime, texts, options.clients)
    with tempfile.TemporaryDirectory() as folder:
        artifact = options.artifact
        if artifact is None:
            artifact = Path(folder) / "artifact"
            export_random(artifact, options.length)
        found = {runtime: measured(artifact, runtime, options) for runtime in RUNTIMES}
    print(f"{options.requests:,} requests, {options.clients} clients against 1")
    for runtime, each in found.items():
        one, several = each["one"], each["all"]
        ratio = several["sentences_per_second"] / one["sentences_per_second"]
        print(
            f"{runtime:<15}{several['sentences_per_second']:8.1f} sentences/s, {ratio:.2f} times "
            f"one client's {one['sentences_per_second']:.1f}; "
            f"p50 {several['p50_milliseconds']:.1f} ms (one: {one['p50_milliseconds']:.1f}), "
            f"p99 {several['p99_milliseconds']:.1f} ms ({one['p99_milliseconds']:.1f}); "
            f"memory {each['memory_ratio']:.3f}; different answers {each['different']}"
        )
    write_figures(options.json, [{"runtime": name, **each} for name, each in found.items()])
    return 1 if any(each["different"] for each in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
