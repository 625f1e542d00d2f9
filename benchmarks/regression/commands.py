"""The corpora and the commands whose results two commits must share.

Every command runs in the folder that holds its results, so that all paths are relative and equal.
Small sizes: what is compared is that nothing moved, not that anything is good.
"""

import json
import os
import random
import shutil
from pathlib import Path

NOUNS = dict(dog="Hund", cat="Katze", bird="Vogel", train="Zug", garden="Garten", letter="Brief")
VERBS = dict(sees="sieht", finds="findet", waits="wartet", sings="singt", leaves="geht")
NUMBERS = dict(one="eins", two="zwei", three="drei", seven="sieben", twelve="zwölf")
WORDS = {"bad": "dull awful cold stale".split(), "good": "warm clever fresh lovely".split()}
RUNTIMES = ("tf_saved_model", "tflite", "onnx")
GOLDEN = Path("tests/checkpoints/golden/sequence_classification")


def write_corpora(folder, tree):
    """Writes all that the commands read into `folder`; a HuggingFace directory is from `tree`."""
    rng = random.Random(18)
    for part, count in (("train", 240), ("valid", 12), ("batch", 8)):
        pairs = [_phrase(rng) for _ in range(count)]
        for side, lines in zip(("en", "de"), zip(*pairs, strict=True), strict=True):
            _write(folder / f"{part}.{side}", lines)
        rows = [_review(rng) for _ in range(count)]
        _write(folder / f"{part}.jsonl", map(json.dumps, rows))
        _write(folder / f"{part}.txt", [row["text"] for row in rows])
    texts = [_review(rng) for _ in range(20)]
    _write(folder / "asked.texts", [row["text"] for row in texts])
    _write(folder / "asked.pairs", [f"{row['text']}\t{row['other']}" for row in texts])
    (folder / "shards").mkdir()
    for number in range(3):
        _write(folder / "shards" / f"{number}.txt", [_review(rng)["text"] for _ in range(60)])
    published = folder / "published"
    shutil.copytree(tree / GOLDEN, published)
    letters = "abcdefghijklmnopqrstuvwxyz"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    _write(published / "vocab.txt", [*special, *letters, "##a", "##e", "##l", "##s", "##t", "."])
    for path in folder.rglob("*"):  # a run notes when the files that it streams were written
        os.utime(path, (1e9, 1e9))


def _write(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _phrase(rng):
    noun, verb = rng.choice([*NOUNS]), rng.choice([*VERBS])
    numbers = rng.sample([*NUMBERS], rng.randint(1, 4))
    source = f"the {noun} {verb} {' '.join(numbers)}"
    return source, f"{NOUNS[noun]} {VERBS[verb]} {' '.join(NUMBERS[word] for word in numbers)}"


def _review(rng):
    label = rng.choice([*WORDS])
    noun, words = rng.choice([*NOUNS]), rng.sample(WORDS[label], 2)
    text = f"the {noun} was {words[0]}" + f" and {words[1]}" * rng.randint(0, 1)
    other = f"a {rng.choice([*NOUNS])} that {rng.choice([*VERBS])}"
    return {"text": text, "other": other, "label": label}


def _translator(output, *options, part="train", epochs=2):
    vocabulary = () if "--initial-weights" in options else ("--vocabulary-size", "90")
    files = [
        option
        for name, stem in (("train", part), ("valid", "valid"))
        for side, end in (("source", "en"), ("target", "de"))
        for option in (f"--{name}-{side}", f"{stem}.{end}")
    ]
    return [
        *("train", "translator", *files, "--epochs", str(epochs), *vocabulary),
        *("--batch-tokens", "256", "--warmup-steps", "10", "--seed", "7", "--quiet"),
        *(*options, "--output", output),
    ]


def _encoder(kind, output, *options, part="train", ending="jsonl", valid=True, epochs=2):
    valid = ("--valid", f"valid.{ending}") if valid else ()
    return [
        *("train", kind, "--train", f"{part}.{ending}", *valid, "--epochs", str(epochs)),
        *("--max-length", "20", "--batch-size", "16", "--seed", "7", "--quiet"),
        *(*options, "--output", output),
    ]


SMALL_VOCABULARY = ("--vocabulary-size", "80")
TINY = ("--preset", "tiny", *SMALL_VOCABULARY)
BEAM = ("--beam-size", "3", "--length-penalty", "0.6", "--coverage-penalty", "0.2")
SAMPLE = ("--sample", "--temperature", "0.9", "--top-k", "30", "--top-p", "0.95")
RESUMED = _translator("resumed", "--snapshot-every", "2", "--normalization", "identity")

# Runs; each is trained in a process of its own. Those named `..._once` make a single update.
TRAININGS = [
    _translator("transformer", "--snapshot-every", "2", "--normalization", "identity"),
    _translator("transformer_once", part="batch", epochs=1),
    _translator("transformer_windows", "--window", "64", "--schedule", "noam", epochs=1),
    _translator("transformer_begun", "--initial-weights", "transformer", *BEAM, epochs=1),
    _translator("rnn", "--architecture", "rnn", "--average-checkpoints", "1"),
    _translator("rnn_once", "--architecture", "rnn", part="batch", epochs=1),
    _translator("fixed", "--architecture", "rnn", "--preset", "small-fixed", epochs=1),
    _encoder("masked-lm", "masked_lm", *TINY, ending="txt"),
    _encoder("masked-lm", "masked_lm_once", *TINY, part="batch", ending="txt", epochs=1),
    [
        *("train", "masked-lm", "--train", "shards/*.txt", "--valid", "valid.txt", "--epochs", "1"),
        *("--window", "50", "--single-pieces", "--max-length", "20", *TINY, "--seed", "7"),
        *("--quiet", "--output", "masked_lm_windows"),
    ],
    _encoder("classifier", "lesson", *SMALL_VOCABULARY, valid=False),
    _encoder("classifier", "pairs", *TINY, "--pair-column", "other", "--pooling", "mean"),
    _encoder("classifier", "bert_once", *TINY, part="batch", epochs=1),
    _encoder(
        *("classifier", "bert", "--initial-weights", "masked_lm", "--layer-decay", "0.8"),
        *("--learning-rate", "1e-3", "--class-weights", "balanced"),
    ),
    _encoder("classifier", "frozen", "--initial-weights", "published", "--freeze-encoder"),
]

VALID = ("--valid-source", "valid.en", "--valid-target", "valid.de", "--allow-loss", "100")
LABELLED = ("--valid", "valid.jsonl", "--allow-loss", "100")
# Artifact -> the run and the options; exported and tried in one process each.
EXPORTS = {
    "transformer_float32": ("transformer", "--with-alignments"),
    "transformer_float16": ("transformer", "--precision", "float16", *VALID, *BEAM),
    "transformer_int8": ("transformer", "--precision", "int8", *VALID),
    "transformer_sample": ("transformer", "--formats", "tflite,onnx", *SAMPLE),
    "rnn_float32": ("rnn", "--single-loop", "--max-length", "16"),
    "rnn_float16": ("rnn", "--precision", "float16", "--formats", "onnx,tflite", *VALID),
    "rnn_int8": ("rnn", "--precision", "int8", "--formats", "tflite,onnx", *VALID, *BEAM),
    "lesson_float32": ("lesson",),
    "bert_float32": ("bert",),
    "bert_float16": ("bert", "--precision", "float16", *LABELLED),
    "bert_int8": ("bert", "--precision", "int8", *LABELLED),
    "pairs_float32": ("pairs", "--formats", "onnx,tflite"),
}
TRANSLATORS = ("transformer", "resumed", "transformer_windows", "transformer_begun", "rnn", "fixed")
CLASSIFIERS = ("lesson", "bert", "pairs", "frozen")


def _ask(model, name, *options):
    """Commands that put a model to its use and measure it, by the name of their results."""
    if any(model.startswith(kind) for kind in CLASSIFIERS):
        pair = ("--pair-column", "other") if model.startswith("pairs") else ()
        file = "asked.pairs" if pair else "asked.texts"
        yield f"classify_{name}", ["classify", "--model", model, *options, "--input", file]
        data = ("--data", "valid.jsonl", *pair)
        yield f"evaluate_{name}", ["evaluate", "classifier", "--model", model, *options, *data]
        return
    yield (
        f"translate_{name}",
        ["translate", "--model", model, *options, "--scores", "--input", "valid.en"],
    )
    data = ("--source", "valid.en", "--reference", "valid.de")
    yield f"evaluate_{name}", ["evaluate", "translator", "--model", model, *options, *data]


def of_run(run):
    """The commands that a finished run is asked, by the name of their results."""
    yield from _ask(run, run)
    translate = ["translate", "--model", run, "--scores", "--input", "valid.en"]
    if run in ("transformer", "rnn"):
        yield f"translate_beam_{run}", [*translate, *BEAM, "--n-best", "2", "--min-length", "3"]
        yield f"translate_sample_{run}", [*translate, *SAMPLE, "--seed", "11"]
        text = ("--text", "the dog sees seven two", "--output")
        yield f"plot_{run}", ["plot", "attention", "--model", run, *text, f"{run}.png"]
    if run == "transformer":
        encoder = ("--kind", "encoder", "--layer", "0", "--head", "1")
        picture = ("--text", "the cat sings", "--output", "encoder.png")
        yield "plot_encoder", ["plot", "attention", "--model", run, *encoder, *picture]
        models = ("--model", "transformer", "--model", "rnn", "--bins", "2")
        data = ("--source", "valid.en", "--reference", "valid.de", "--output", "length.png")
        yield "plot_length", ["plot", "length", *models, *data]
    if run == "bert":
        text = ("--text", "the dog was warm", "--output", "grid.png")
        yield "plot_grid", ["plot", "attention", "--model", run, "--grid", *text]
        data = ("--data", "valid.jsonl", "--confusion", "confusion.png")
        yield "plot_confusion", ["evaluate", "classifier", "--model", run, *data]
        text = ("--text", "a dog", "--layer", "1", "--output", "published.png")
        yield "plot_published", ["plot", "attention", "--model", "published", *text]


def formats_of(options):
    """The formats that an export with these options writes."""
    if "--formats" in options:
        return options[options.index("--formats") + 1].split(",")
    return RUNTIMES


def of_artifact(artifact):
    """Makes an artifact and asks it, by the name of the results."""
    run, *options = EXPORTS[artifact]
    yield (
        f"export_{artifact}",
        ["export", "--model", run, *options, "--output", artifact, "--quiet"],
    )
    yield f"inspect_{artifact}", ["inspect", artifact]
    for runtime in formats_of(options):
        yield from _ask(artifact, f"{artifact}_{runtime}", "--runtime", runtime)


def refused():
    """Commands that end in one sentence; only their exit status is compared."""
    yield "refuse_existing", _translator("transformer")
    yield "refuse_kind", ["classify", "--model", "transformer", "--input", "asked.texts"]
    yield "refuse_runtime", ["translate", "--model", "transformer", "--runtime", "tflite"]
    yield "refuse_directory", ["inspect", "published"]
    yield "refuse_preset", _translator("nowhere", "--preset", "huge")
    yield "refuse_lengths", _translator("nowhere", "--train-target", "valid.de")
