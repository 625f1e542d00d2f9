"""`import --family bigbird` makes a long encoder of a BERT, whatever its head."""

import numpy as np
import pytest

import keras_attention
from keras_attention.checkpoints import save_hugging_face
from keras_attention.models import BigBirdEncoder
from keras_attention.tasks.encoder_task import own_encoder
from tests.backend import to_numpy
from tests.cli.command import run_here
from tests.runs.small_runs import word_piece
from tests.tasks.small_models import (
    LENGTH,
    TEXTS,
    answers,
    assert_same_answers,
    config_of,
    save_small_run,
    saved,
    small_model,
)

HEADS = ("classifier", "masked-lm", "token-classifier", "encoder")
POSITIONS = 150
BIGBIRD = ("--family", "bigbird", "--positions", POSITIONS)


@pytest.mark.parametrize("head", HEADS)
def test_a_run_becomes_one_with_a_long_encoder(head, once, tmp_path, capfd):
    run = tmp_path / "long"
    command = ("import", saved(once, head), *BIGBIRD, "--output", run)
    status, output, error = run_here(capfd, *command)
    assert (status, output) == (0, f"The run is in {run}.\n"), error
    assert (config_of(run)["kind"], config_of(run)["max_sequence_length"]) == (head, POSITIONS)
    user = keras_attention.load(run)
    short, long = small_model(head), user.model
    encoder = own_encoder(long)
    assert (type(encoder), encoder.max_sequence_length) == (BigBirdEncoder, POSITIONS)
    positions = [
        to_numpy(own_encoder(model).embedding.position_layer.position_embeddings.value)
        for model in (short, long)
    ]
    np.testing.assert_array_equal(positions[1], positions[0][np.arange(POSITIONS) % LENGTH])
    # Of one block all tokens see each other.
    expected = keras_attention.load(saved(once, head))
    assert_same_answers(answers(user, head), answers(expected, head))
    (found,) = user.outputs([" ".join(TEXTS * 6)]) if head == "encoder" else [None]
    assert found is None or len(found) > LENGTH


def test_a_published_directory_becomes_one_with_its_head(tmp_path, capfd):
    save_hugging_face(small_model("classifier"), word_piece(), tmp_path / "published")
    command = ("import", tmp_path / "published", *BIGBIRD, "--output", tmp_path / "run", "--quiet")
    status, _, error = run_here(capfd, *command)
    assert status == 0, error
    config = config_of(tmp_path / "run")
    assert (config["kind"], config["initial_weights"]) == ("classifier", "published")
    user = keras_attention.load(tmp_path / "run")
    assert user.labels == small_model("classifier").labels
    inputs = word_piece().pack(TEXTS)
    expected = to_numpy(small_model("classifier")(inputs))
    np.testing.assert_allclose(to_numpy(user.model(inputs)), expected, atol=1e-5)


def test_a_classifier_of_pairs_stays_one(tmp_path, capfd):
    run = save_small_run("classifier", tmp_path / "run", pair_column="other")
    command = ("import", run, *BIGBIRD, "--output", tmp_path / "long", "--quiet")
    status, _, error = run_here(capfd, *command)
    assert status == 0, error
    config = config_of(tmp_path / "long")
    assert (config["pair_column"], config["max_sequence_length"]) == ("other", POSITIONS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--positions", 99), "--positions are those of the encoder that --family asks for."),
        (("--family", "bigbird", "--positions", 9), "run: 24. Received: 9"),
        (("--family", "bigbird", "--positions", 0), "run: 24. Received: 0"),
        ((*BIGBIRD, "--task", "encoder"), "is a run, whose task is known: leave out --task."),
    ],
)
def test_what_does_not_fit_is_one_sentence(options, said, once, tmp_path, capfd):
    command = ("import", saved(once, "encoder"), *options, "--output", tmp_path / "run")
    status, output, error = run_here(capfd, *command)
    assert (status, output) == (2, "")
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["translator", "functional classifier"])
def test_only_a_bert_becomes_one(kind, tmp_path, capfd):
    run = save_small_run(kind, tmp_path / "run")
    command = ("import", run, *BIGBIRD, "--output", tmp_path / "long")
    status, _, error = run_here(capfd, *command)
    assert status == 2
    assert "cannot become a bigbird: `encoder` must be a BertEncoder" in error
    assert not (tmp_path / "long").exists()
