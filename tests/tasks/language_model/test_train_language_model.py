"""Training a language model, from a text to a run."""

import csv
import json
import math

import numpy as np
import pytest

from keras_attention import save_run
from keras_attention._validation import InputError
from keras_attention.runs.run_directory import read_model
from keras_attention.tasks.describe import describe
from keras_attention.tasks.evaluate import evaluate
from keras_attention.tasks.language_model.language_model_config import LanguageModelConfig
from keras_attention.tasks.language_model.language_model_scores import language_model_scores
from keras_attention.tasks.language_model.training_documents import read_texts
from keras_attention.tasks.load import load
from keras_attention.tasks.train import train
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.cli.command import run_process
from tests.tasks.kill import kill_in_first_epoch
from tests.tasks.language_model.small_language_model import small_config, small_nano, small_run

MODULE = "tests.tasks.language_model.small_language_model"


def history(run):
    with open(run / "history.csv", newline="") as file:
        return [{n: float(v) for n, v in row.items()} for row in csv.DictReader(file)]


def test_what_a_run_directory_holds(language_model_run, text_folder):
    found = {path.name for path in language_model_run.iterdir()}
    of_a_run = {"model.keras", "digests.json", "data.json", "tokenizer", "config.json"}
    assert found == of_a_run | {"history.csv", "snapshots", "logs"}
    values = json.loads((language_model_run / "config.json").read_text())
    assert LanguageModelConfig.from_dict(values) == small_config(text_folder)
    assert [row["epoch"] for row in history(language_model_run)] == [0, 1, 2]


def test_losses_in_all_units(language_model_run):
    for row in history(language_model_run):
        assert row["val_perplexity"] == pytest.approx(math.exp(row["val_loss"]), rel=1e-4)
        # Characters are bytes here, but for the end.
        assert row["val_bits_per_byte"] == pytest.approx(row["val_loss"] / math.log(2), rel=0.02)
    assert history(language_model_run)[-1]["val_loss"] < history(language_model_run)[0]["val_loss"]


def test_evaluation_is_the_validation_of_the_training(language_model_run, text_folder, tmp_path):
    text = (text_folder / "text.txt").read_text(encoding="utf-8")
    (tmp_path / "last.txt").write_text(text[int(0.9 * len(text)) :], encoding="utf-8")
    scores = evaluate("language-model", language_model_run, data=str(tmp_path / "last.txt"))
    best = min(row["val_loss"] for row in history(language_model_run))
    assert scores["loss"] == pytest.approx(best, rel=1e-4)
    row = min(history(language_model_run), key=lambda row: row["val_loss"])
    assert scores["bits_per_byte"] == pytest.approx(row["val_bits_per_byte"], rel=1e-4)


def test_every_token_but_the_first_is_scored_once(language_model_run, tmp_path):
    user = load(language_model_run)
    texts = ["three hundred and two of them", "one", "on the fifth of may"]
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    scores = evaluate("language-model", language_model_run, data=str(path), max_sequence_length=7)
    total = count = 0
    for text in texts:
        ids = [*user.tokenizer.encode([text]).token_ids[0], *user.special_ids.ends]
        for first in range(0, len(ids) - 1, 7):
            window = ids[first : first + 8]
            logits = np.asarray(user.model({"token_ids": np.array([window[:-1]], "int32")}))[0]
            logits = logits.astype("float64")
            for row, target in zip(logits, window[1:], strict=True):
                total += np.log(np.exp(row).sum()) - row[target]
                count += 1
    assert scores["tokens"] == count and scores["documents"] == 3
    assert scores["loss"] == pytest.approx(total / count, rel=1e-5)
    assert scores["perplexity"] == pytest.approx(math.exp(total / count), rel=1e-5)
    assert scores["bytes"] == sum(map(len, texts)) - 3
    assert scores["bits_per_byte"] == pytest.approx(total / math.log(2) / scores["bytes"], rel=1e-5)
    with pytest.raises(InputError, match="must be at most 12, which the model reads"):
        evaluate("language-model", language_model_run, data=str(path), max_sequence_length=13)


def test_the_weights_are_those_of_the_best_epoch(tmp_path):
    (tmp_path / "text.txt").write_text("one two three four five " * 40 + "q")
    # The more it knows of the text, the less it expects this one.
    (tmp_path / "valid.txt").write_text("q" * 60)
    valid = str(tmp_path / "valid.txt")
    options = dict(valid=valid, learning_rate=3e-2, steps=20)
    user = small_run(tmp_path, tmp_path / "run", **options)
    rows = history(tmp_path / "run")
    best = min(range(len(rows)), key=lambda n: rows[n]["val_loss"])
    assert best < len(rows) - 1
    scores = language_model_scores(user, read_texts(valid))
    assert scores["loss"] == pytest.approx(rows[best]["val_loss"], rel=1e-4)


def test_samples_are_shown_while_it_trains(text_folder, tmp_path, capsys):
    with small_nano():
        config = small_config(text_folder, sample_prompt="the ", steps=4, steps_per_epoch=None)
        train(config, tmp_path / "run")
    said = capsys.readouterr().out
    samples = [line for line in said.splitlines() if line.startswith("sample: the |")]
    assert len(samples) == config.epochs
    assert "bits a byte" in said and "tokens to train on in 1 documents" in said


# The streamed translator's and the other translator's are killed every time.
@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(
    text_folder, language_model_run, tmp_path
):
    run = tmp_path / "run"
    kill_in_first_epoch(run, MODULE, text_folder, run)
    assert read_snapshot(snapshot_paths(run / "snapshots")[-1])[1]["step"] < 12
    model = small_run(text_folder, run).model
    expected = read_model(language_model_run)
    for left, right in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert history(run) == history(language_model_run)


def test_the_last_round_may_be_shorter(text_folder, tmp_path):
    """As many updates as were asked for, whether it is interrupted in or after that round."""
    options, run = dict(steps=11, steps_per_epoch=4, snapshot_every=2), tmp_path / "run"
    user = small_run(text_folder, run, **options)
    rows, weights = history(run), user.model.get_weights()
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    ends = [int(path.stem.split("-")[1]) for path in snapshot_paths(run / "snapshots")]
    assert sorted(ends) == [8, 10, 11]
    for lost in ([], ["step-000000011.safetensors"]):
        (run / "model.keras").unlink()
        for name in lost:
            (run / "snapshots" / name).unlink()
        again = small_run(text_folder, run, **options)
        for own, expected in zip(again.model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(own, expected)
        assert [row["val_loss"] for row in history(run)] == [row["val_loss"] for row in rows]


def test_a_finished_run_takes_more_steps(text_folder, tmp_path):
    run = tmp_path / "run"
    small_run(text_folder, run, steps=4)
    assert len(history(run)) == 1
    small_run(text_folder, run, steps=8)
    assert len(history(run)) == 2
    assert json.loads((run / "config.json").read_text())["steps"] == 8


@pytest.mark.slow
def test_a_shorter_last_round_goes_on_with_more_steps(text_folder, tmp_path):
    """As if all had been asked for at once, at a learning rate that does not depend on that."""
    options = dict(steps_per_epoch=4, final_rate_share=1.0)
    small_run(text_folder, tmp_path / "at once", steps=13, **options)
    run = tmp_path / "run"
    small_run(text_folder, run, steps=10, **options)
    assert len(history(run)) == 3
    small_run(text_folder, run, steps=13, **options)
    found, expected = (
        read_snapshot(snapshot_paths(path / "snapshots")[-1])
        for path in (run, tmp_path / "at once")
    )
    assert found[1]["step"] == expected[1]["step"] == 13
    assert set(found[0]) == set(expected[0])
    for name, array in expected[0].items():
        np.testing.assert_array_equal(found[0][name], array, err_msg=name)
    rows, wanted = history(run), history(tmp_path / "at once")
    assert len(rows) == 4 and rows == wanted
    (run / "model.keras").unlink()  # as if it had been killed before the end
    with pytest.raises(InputError, match="`steps` must be 13 or more: so many has .*run begun"):
        small_run(text_folder, run, steps=6, **options)


# `tests/cli/test_launch.py` starts workers every time.
@pytest.mark.slow
def test_two_workers_are_as_one(text_folder, tmp_path):
    given = [
        *("train", "language-model", "--train", text_folder / "text.txt", "--preset", "nano"),
        *("--context", 12, "--batch-size", 6, "--steps", 4, "--warmup-steps", 2, "--dropout", 0),
        *("--jit", "no", "--quiet", "--output"),
    ]
    one, two = tmp_path / "one", tmp_path / "two"
    for process in (
        run_process(*given, one),
        run_process("launch", "--workers", 2, "--", *given, two),
    ):
        assert process.returncode == 0, process.stderr.decode()[-3000:]
    for row, expected in zip(history(two), history(one), strict=True):
        assert row == pytest.approx(expected, rel=2e-3, abs=2e-3)
    load(two).generate(["three"], max_new_tokens=2)


def test_a_table_of_documents_and_epochs(text_folder, tmp_path):
    lines = (text_folder / "text.txt").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "texts.tsv"
    path.write_text("said\tid\n" + "".join(f"{line}\t{n}\n" for n, line in enumerate(lines)))
    user = small_run(
        text_folder,
        tmp_path / "run",
        train=str(path),
        text_column="said",
        tokenizer="bytes",
        steps=None,
        steps_per_epoch=None,
        epochs=1,
    )
    assert user.tokenizer.kind == "bytes" and len(history(tmp_path / "run")) == 1
    assert user.generate(["three"], max_new_tokens=3)[0] is not None


def test_it_goes_on_from_a_run(language_model_run, text_folder, tmp_path):
    config = LanguageModelConfig.for_preset(
        train=str(text_folder / "text.txt"),
        initial_weights=str(language_model_run),
        steps=2,
        learning_rate=1e-12,
        jit_compile=False,
    )
    user = train(config, tmp_path / "run", quiet=True)
    assert user.context == 12
    values = json.loads((tmp_path / "run" / "config.json").read_text())
    assert values["max_sequence_length"] == 12 and values["tokenizer"] is None
    pairs = zip(user.model.get_weights(), read_model(language_model_run).get_weights(), strict=True)
    for left, right in pairs:
        np.testing.assert_allclose(left, right, atol=1e-5)
    with pytest.raises(InputError, match="`max_sequence_length` 13 is more than the 12 positions"):
        train(
            LanguageModelConfig.for_preset(
                train=str(text_folder / "text.txt"),
                initial_weights=str(language_model_run),
                max_sequence_length=13,
            ),
            tmp_path / "other",
            quiet=True,
        )


def test_a_model_that_fit_trained_becomes_a_run(language_model_run, tmp_path):
    user = load(language_model_run)
    save_run(user.model, user.tokenizer, tmp_path / "run", decoding={"repetition_penalty": 1.4})
    again = load(tmp_path / "run")
    assert again.search.repetition_penalty == 1.4
    expected = user.generate(["the "], 5, repetition_penalty=1.4)
    assert again.generate(["the "], 5) == expected
    with pytest.raises(InputError, match="has no classes"):
        save_run(user.model, user.tokenizer, tmp_path / "other", labels=["a"])
    with pytest.raises(InputError, match="do not belong together"):
        from keras_attention.text.tokenizers import language_model_tokenizer

        tokenizer = language_model_tokenizer("bytes").train(["a"])
        save_run(user.model, tokenizer, tmp_path / "other")


def test_what_inspect_says(language_model_run):
    said = describe(language_model_run)
    assert said.startswith("run, language-model, ") and "decoding: beam_size 1" in said


@pytest.mark.parametrize(
    ("text", "message"), [("", "no text"), ("x", "one character"), (" ", "no text")]
)
def test_a_text_that_is_too_short(tmp_path, text, message):
    (tmp_path / "text.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        small_run(tmp_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
