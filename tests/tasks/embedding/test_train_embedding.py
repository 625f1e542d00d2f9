"""Training sentence vectors: it learns, resumes to the bit, and replicas change nothing."""

import csv
import json

import numpy as np
import pytest

import keras_attention
from keras_attention._validation import InputError
from keras_attention.checkpoints import save_hugging_face
from keras_attention.models import SentenceEncoder
from keras_attention.tasks import EmbeddingConfig
from keras_attention.tasks.train import train
from keras_attention.text import phrase_corpus, read_pairs
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.cli.command import run_here, run_process
from tests.runs.small_runs import word_piece
from tests.tasks.kill import kill_in_first_epoch
from tests.tasks.small_models import config_of, small_encoder, small_model

SMALL = dict(
    epochs=3,
    vocabulary_size=200,
    max_sequence_length=64,
    batch_size=16,
    seed=5,
    dropout=0.0,
    learning_rate=5e-3,
    jit_compile=False,
)


@pytest.fixture(scope="session")
def data(once):
    """Phrases in English and German: `train.tsv` and `valid.tsv`."""

    def make(folder):
        for part, count in (("train", 200), ("valid", 40)):
            rows = zip(*phrase_corpus(count, split=part), strict=True)
            lines = ["en\tde", *("\t".join(row) for row in rows)]
            (folder / f"{part}.tsv").write_text("".join(f"{line}\n" for line in lines))

    return once("pairs", make)


@pytest.fixture(scope="session")
def run(once, data):
    """A finished run. Not to be changed."""
    config = EmbeddingConfig.for_preset(
        **SMALL, train=str(data / "train.tsv"), valid=str(data / "valid.tsv"), snapshot_every=4
    )
    return once("embedding", lambda folder: train(config, folder / "run", quiet=True)) / "run"


def history(run):
    with open(run / "history.csv", newline="") as file:
        return [{n: float(v) for n, v in row.items()} for row in csv.DictReader(file)]


def flags(**options):
    spelled = {"max_sequence_length": "max-length", "jit_compile": "jit"}
    for name, value in options.items():
        flag = spelled.get(name, name).replace("_", "-")
        yield from (f"--{flag}", "no" if value is False else value)


def test_it_learns(run, data):
    pairs = read_pairs(data / "valid.tsv")
    embedder = keras_attention.load(run)
    assert isinstance(embedder.model, SentenceEncoder)
    first, second = embedder.embed(pairs.texts), embedder.embed(pairs.pairs)
    recall = np.mean((first @ second.T).argmax(axis=1) == np.arange(40))
    assert recall > 0.2  # by chance 1 in 40
    scores = json.loads((run / "scores.json").read_text())
    assert scores["recall_at_1"] == pytest.approx(recall) and scores["pairs"] == 40
    losses = [row["val_loss"] for row in history(run)]
    assert losses[-1] < losses[0]
    config = config_of(run)
    assert (config["kind"], config["pooling"], config["preset"]) == ("embedding", "mean", "tiny")


def test_evaluate(run, data, tmp_path, capfd):
    command = ("evaluate", "embedding", "--model", run, "--data")
    status, out, err = run_here(capfd, *command, data / "valid.tsv")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["recall_at_1"] == json.loads((run / "scores.json").read_text())["recall_at_1"]
    assert found["pairs"] == 40 and "spearman" not in found and found["seconds"] > 0
    pairs = read_pairs(data / "valid.tsv")
    embedder = keras_attention.load(run)
    cosines = (embedder.embed(pairs.texts) * embedder.embed(pairs.pairs)).sum(axis=1)
    rows = zip(pairs.texts, pairs.pairs, np.exp(cosines), strict=True)
    table = "".join(f"{a}\t{b}\t{score}\n" for a, b, score in rows)
    (tmp_path / "scored.tsv").write_text(f"a\tb\tgold\n{table}")
    status, out, err = run_here(capfd, *command, tmp_path / "scored.tsv", "--score-column", "gold")
    assert status == 0, err
    assert json.loads(out)["spearman"] == pytest.approx(1)
    status, out, err = run_here(capfd, *command, tmp_path / "none.tsv")
    assert (status, out) == (2, "") and err.count("\n") == 1


def state(run):
    arrays, position = read_snapshot(snapshot_paths(run / "snapshots")[-1])
    return {name: array.tobytes() for name, array in arrays.items()}, position


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(run, data, tmp_path):
    killed = tmp_path / "run"
    given = ["train", "embedding", "--train", data / "train.tsv", "--valid", data / "valid.tsv"]
    given += [*flags(**SMALL), "--snapshot-every", 4, "--output", killed, "--quiet"]
    kill_in_first_epoch(killed, "keras_attention.cli.main", *given)
    done = run_process(*given, "--resume")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert state(killed) == state(run)
    assert history(killed) == history(run)


def test_two_replicas_are_as_one(run, data, tmp_path):
    """The negatives are those of the whole batch, whatever the number of replicas."""
    given = ["train", "embedding", "--train", data / "train.tsv", "--valid", data / "valid.tsv"]
    given += [*flags(**{**SMALL, "jit_compile": "auto"}), "--quiet", "--distribute", "mirrored"]
    done = run_process(*given, "--output", tmp_path / "run", KERAS_ATTENTION_CPU_DEVICES="2")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    for row, expected in zip(history(tmp_path / "run"), history(run), strict=True):
        assert row == pytest.approx(expected, rel=2e-3, abs=2e-3)


@pytest.mark.parametrize(
    ("source", "told", "expected"),
    [
        ("published", {}, ("max", False, 1)),
        pytest.param("published", {"pooling": "cls"}, ("cls", False, 1), marks=pytest.mark.slow),
        ("classifier", {}, ("mean", True, 0)),
    ],
)
def test_initial_weights(source, told, expected, data, tmp_path):
    """Pooling, dense layers and normalisation come from the directory, unless they are given."""
    model = SentenceEncoder(
        small_encoder(), "max", normalize=False, dense=[{"units": 3, "activation": "tanh"}]
    )
    save_hugging_face(model, word_piece(), tmp_path / "published")
    keras_attention.save_run(small_model("classifier"), word_piece(), tmp_path / "classifier")
    options = dict(train=str(data / "valid.tsv"), max_sequence_length=24, epochs=1, batch_size=8)
    options |= dict(jit_compile=False, learning_rate=1e-9)
    weights = str(tmp_path / source)
    config = EmbeddingConfig.for_preset(initial_weights=weights, **options, **told)
    found = train(config, tmp_path / "run", quiet=True).model
    assert (found.pooling, found.normalize, len(found.dense)) == expected
    assert config_of(tmp_path / "run")["pooling"] == expected[0]
    if source == "published":
        for one, other in zip(found.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_run_is_exported_on_its_own_texts(run, data, tmp_path):
    keras_attention.export(run, tmp_path / "artifact", formats=("onnx",))
    manifest = json.loads((tmp_path / "artifact" / "manifest.json").read_text())
    assert manifest["compared_on"] == "the run's validation data"
    assert manifest["preset"] == "tiny"
    texts = read_pairs(data / "valid.tsv").texts
    found = keras_attention.load(tmp_path / "artifact").embed(texts)
    np.testing.assert_allclose(found, keras_attention.load(run).embed(texts), atol=1e-5)


def test_what_a_training_refuses(data, tmp_path, capfd):
    (tmp_path / "one.tsv").write_text("a\tb\nx\ty\nz\t \n")
    train_on = ("--train", data / "train.tsv")
    for arguments, sentence in (
        ((), "Sentence vectors need pairs of texts: give --train a file."),
        (("--train", tmp_path / "one.tsv"), "expected two pairs of texts or more. Received: 1"),
        (("--train", tmp_path / "none.tsv"), "none.tsv"),
        ((*train_on, "--batch-size", 1), "--batch-size must be 2 or more"),
        ((*train_on, "--pooling", "sum"), "--pooling must be one of"),
        ((*train_on, "--scale", 0), "--scale must be a number above 0"),
        ((*train_on, "--pair-column", "fr"), "no column 'fr'"),
        ((*train_on, "--preset", "huge"), "Unknown --preset 'huge'"),
        ((*train_on, "--initial-weights", tmp_path / "none"), "neither a run nor a HuggingFace"),
    ):
        status, out, error = run_here(
            capfd, "train", "embedding", *arguments, "--output", tmp_path / "run", "--quiet"
        )
        assert (status, out) == (2, ""), error
        assert error.count("\n") == 1 and sentence in error
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="`lowercase` is for random weights"):
        EmbeddingConfig.for_preset(train="x", initial_weights="y", lowercase=False)
