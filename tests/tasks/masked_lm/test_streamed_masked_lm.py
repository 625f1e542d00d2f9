import csv
import json

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.runs.run_directory import read_model
from keras_attention.tasks.train import train
from tests.tasks.kill import kill_in_first_epoch
from tests.tasks.small_classifier import one_layer, small_masked_lm, write_data


@pytest.fixture(scope="module", autouse=True)
def small_preset():
    with one_layer():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("texts"))


# The streamed translator's and the other translator's are killed every time.
@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(data, tmp_path, capsys):
    whole, run = tmp_path / "whole", tmp_path / "run"
    train(small_masked_lm(data, window=50), whole)
    assert "160 lines; windows of 50: 4.\n" in capsys.readouterr().out
    kill_in_first_epoch(run, "tests.tasks.small_classifier", "masked-lm-by-windows", data, run)
    train(small_masked_lm(data, window=50), run, resume=True)
    said = capsys.readouterr().out
    assert "resumed at step " in said and "to count their lines" not in said
    weights = [read_model(path).get_weights() for path in (whole, run)]
    for left, right in zip(*weights, strict=True):
        np.testing.assert_array_equal(left, right)
    with open(run / "history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]


def test_lines_of_text_in_a_directory_with_texts_set_aside(data, tmp_path, capsys):
    folder = tmp_path / "shards"
    folder.mkdir()
    texts = [json.loads(line)["text"] for line in (data / "train.jsonl").read_text().splitlines()]
    for shard, part in enumerate((texts[:30], texts[30:])):
        (folder / f"{shard}.txt").write_text("".join(f"{text}\n\n" for text in part))
    config = small_masked_lm(data, train=str(folder), window=400, epochs=1)
    config.valid = None
    train(config, tmp_path / "run")
    said = capsys.readouterr().out
    assert "320 lines; windows of 400: 1.\n160 lines with an empty side are left out.\n" in said
    assert "3 of the others are set aside to validate on.\n" in said
    assert "157 texts, " in said
    assert "10 updates an epoch" in said  # 157 texts, 16 a batch: only one batch is not full


def test_a_table_of_commas_cannot_be_read_by_windows(data, tmp_path):
    (tmp_path / "train.csv").write_text("text\nhello\n")
    config = small_masked_lm(data, train=str(tmp_path / "train.csv"), window=50)
    with pytest.raises(InputError, match="train.csv: a .csv file cannot be read by windows"):
        train(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_line_that_is_not_json_is_named(data, tmp_path):
    text = (data / "train.jsonl").read_text()
    (tmp_path / "train.jsonl").write_text(text + "[1]\n")
    config = small_masked_lm(data, train=str(tmp_path / "train.jsonl"), window=50)
    with pytest.raises(InputError, match="train.jsonl, line 161: expected a JSON object"):
        train(config, tmp_path / "run", quiet=True)
