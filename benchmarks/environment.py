"""A training step, decoding and an export under each setting of TensorFlow's environment.

python benchmarks/environment.py [--rounds 5] [--steps 20] [--parts step decode export]

`import keras_attention` sets two variables on a CPU (docs/environment.md). Here each setting has a
process of its own, and the settings take turns: as TensorFlow is by itself, each variable alone,
and both. A ratio is the time of TensorFlow by itself over that of a setting, round by round:
median, with the least and the greatest in brackets. Page faults are those that the kernel served
without a disk, in a second of training.

A setting may round otherwise. Every one must decode the same ids, or the exit status is 1.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

if "--work" in sys.argv:
    import tensorflow  # noqa: F401 (first: with TensorFlow there, the package sets nothing)

from benchmarks import figures

ALLOCATOR, ONEDNN = "TF_CPU_ALLOCATOR_USE_BFC", "TF_ENABLE_ONEDNN_OPTS"
LIMIT = "TF_CPU_BFC_MEM_LIMIT_IN_MB"
SETTINGS = {
    "as it is": {},
    "allocator": {ALLOCATOR: "1"},
    "oneDNN": {ONEDNN: "1"},
    "both": {ALLOCATOR: "1", ONEDNN: "1"},
}
PARTS = ("step", "decode", "export")


def work(steps, parts):
    """Prints a line of JSON: the seconds of each part, the page faults, and what was decoded."""
    from benchmarks.training_step import make_batch, train_function
    from keras_attention.models import TransformerTranslator

    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = TransformerTranslator.from_preset("tiny", vocabulary_size=8000, dropout=0.1)
    x, y = make_batch(128, 16, 8000)
    source = tf.constant(x["encoder_token_ids"][:32])
    decode = tf.function(lambda ids: model.generate(ids, max_length=24)["token_ids"])
    found = {"answers": decode(source).numpy().tolist()}
    if "decode" in parts:
        found["decode"] = sum(_seconds(lambda: decode(source)) for _ in range(steps)) / steps
    run = train_function("keras_attention", model, (x, y), jit=False, loss="ours")
    run(3)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    total = _seconds(lambda: run(steps))
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    found |= {"step": total / steps, "faults": faults / total}
    if "export" in parts:
        found["export"] = _seconds(_export)
    print(json.dumps(found))


def _export():
    """All three formats of a translator of the built-in corpus, compared on sixteen sentences."""
    import keras_attention
    from keras_attention.models import TransformerTranslator
    from keras_attention.text import TranslationTokenizer, phrase_corpus, train_sentencepiece

    source, target = phrase_corpus(2000)
    tokenizer = TranslationTokenizer(train_sentencepiece([*source, *target], 500))
    model = TransformerTranslator.from_preset("tiny", vocabulary_size=500)
    with tempfile.TemporaryDirectory() as folder:
        keras_attention.export(model, Path(folder) / "out", tokenizer, examples=source[:16])


def _seconds(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def measured(setting, steps, parts):
    """What a process with one of `SETTINGS` prints."""
    environment = {n: v for n, v in os.environ.items() if n not in (ALLOCATOR, ONEDNN, LIMIT)}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", **SETTINGS[setting]}
    options = ["--work", "--steps", str(steps), "--parts", *parts]
    command = [sys.executable, os.path.abspath(__file__), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The process with the setting {setting!r} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def spread(values):
    """Median, least and greatest, as text."""
    values = sorted(values)
    return f"{statistics.median(values):.2f} [{values[0]:.2f} {values[-1]:.2f}]"


def main():
    """Prints a line for each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="of each kind in a round")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    figures.add_json_option(parser)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.steps, options.parts)
    rounds, parts = [], options.parts
    for _ in range(options.rounds):
        rounds.append({name: measured(name, options.steps, parts) for name in SETTINGS})
    answers = [found["answers"] for each in rounds for found in each.values()]
    same = all(answer == answers[0] for answer in answers)
    print(f"decoded ids: {'the same' if same else 'NOT the same'} under every setting")
    print(f"{'setting':<12}{'faults/s':>10}" + "".join(f"  {part:<27}" for part in parts))
    for name in SETTINGS:
        line = f"{name:<12}{statistics.median(each[name]['faults'] for each in rounds):>10,.0f}"
        for part in parts:
            seconds = statistics.median(each[name][part] for each in rounds)
            ratios = [each["as it is"][part] / each[name][part] for each in rounds]
            line += f"  {seconds:7.3f} s {spread(ratios):<17}"
        print(line)
    figures.write_figures(options.json, [figures_of(name, rounds, parts) for name in SETTINGS])
    return 0 if same else 1


def figures_of(name, rounds, parts):
    """The row of a setting in the report."""
    found = {"setting": name}
    found["faults_per_second"] = statistics.median(each[name]["faults"] for each in rounds)
    for part in parts:
        found[f"{part}_seconds"] = statistics.median(each[name][part] for each in rounds)
        found[f"{part}_ratio"] = figures.spread(
            [each["as it is"][part] / each[name][part] for each in rounds]
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
