import csv
import json
import shutil

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.tasks.load import load_run
from keras_attention.tasks.train import train
from keras_attention.tasks.translation.sentence_pairs import load_pairs
from keras_attention.tasks.translation.training import train_tokenizer
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.tasks.kill import kill_in_first_epoch
from tests.tasks.small_run import one_layer, small_config, write_corpus


def names(directory):
    return {path.name for path in directory.iterdir()}


def tree(directory):
    """Every file and its time, so that any writing shows."""
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*")}


def history(run):
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", autouse=True)
def small():
    with one_layer():
        yield


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("small_corpus"))


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """A run that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train(small_config(corpus), run, quiet=True)
    return run


def test_what_a_run_directory_holds(whole):
    assert names(whole) == {
        "model.keras",
        "digests.json",
        "data.json",
        "tokenizer",
        "config.json",
        "history.csv",
        "snapshots",
        "logs",
    }
    assert [path.name for path in whole.parent.iterdir()] == ["run"]
    assert list((whole / "logs").rglob("events.out.tfevents.*"))
    rows = history(whole)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert {"loss", "accuracy", "perplexity", "val_loss", "val_bleu", "val_chrf"} <= rows[0].keys()
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])


def test_the_config_repeats_the_run(whole, corpus):
    values = json.loads((whole / "config.json").read_text())
    assert TranslatorConfig.from_dict(values) == small_config(corpus)


def test_the_translator_that_is_returned_is_the_one_that_is_saved(corpus, whole, tmp_path):
    """Weights averaged at the end reach the file."""
    texts = ["three hundred and two", ""]
    loaded = load_run(whole)
    again = shutil.copytree(whole, tmp_path / "run")
    returned = train(small_config(corpus), again, resume=True, quiet=True)
    assert returned.translate(texts) == loaded.translate(texts)


def test_resuming_a_finished_run_does_nothing(whole, corpus, capsys):
    before = tree(whole)
    train(small_config(corpus), whole, resume=True)
    assert capsys.readouterr().out == f"{whole} is finished: nothing to do.\n"
    assert tree(whole) == before


def test_an_existing_run_is_refused(whole, corpus):
    before = tree(whole)
    with pytest.raises(InputError, match="run already exists. Give another path, or `force`"):
        train(small_config(corpus), whole, quiet=True)
    assert tree(whole) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(train_source="nowhere.en"), "nowhere.en"),
        (dict(valid_source=None), "`valid_source` and `valid_target` must be given together"),
        (dict(train_target=None), "`train_source` and `train_target` must be given together"),
    ],
)
def test_bad_input_writes_and_loses_nothing(whole, corpus, tmp_path, change, message):
    config = TranslatorConfig(**{**small_config(corpus).to_dict(), **change})
    with pytest.raises(InputError, match=message):
        train(config, tmp_path / "run", quiet=True)
    assert names(tmp_path) == set()
    shutil.copytree(whole, tmp_path / "run")
    before = tree(tmp_path / "run")
    with pytest.raises(InputError, match=message):
        train(config, tmp_path / "run", force=True, quiet=True)
    assert tree(tmp_path / "run") == before
    assert names(tmp_path) == {"run"}


def test_files_of_different_length_or_without_text(corpus, tmp_path):
    (tmp_path / "short.de").write_text("eins\n")
    config = small_config(corpus, train_target=str(tmp_path / "short.de"))
    with pytest.raises(InputError, match="has 96 lines and .* has 1; "):
        train(config, tmp_path / "run", quiet=True)
    for side in ("en", "de"):
        (tmp_path / f"blank.{side}").write_text("\n \n")
    config = small_config(
        corpus,
        train_source=str(tmp_path / "blank.en"),
        train_target=str(tmp_path / "blank.de"),
    )
    with pytest.raises(InputError, match="hold no pair with text on both sides"):
        train(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_the_validation_pairs_are_split_off(corpus):
    config = small_config(corpus)
    config.valid_source = config.valid_target = None
    (sources, targets), (valid_sources, valid_targets) = load_pairs(config)
    with open(config.train_source) as source, open(config.train_target) as target:
        pairs = list(zip(source.read().splitlines(), target.read().splitlines(), strict=True))
    together = [
        *zip(sources, targets, strict=True),
        *zip(valid_sources, valid_targets, strict=True),
    ]
    assert sorted(together) == sorted(pairs)
    assert 1 <= len(valid_sources) <= 0.03 * len(pairs)
    assert load_pairs(config)[1] == (valid_sources, valid_targets)  # the same every time


def test_one_pair_cannot_be_split(tmp_path):
    for side in ("en", "de"):
        (tmp_path / f"train.{side}").write_text("one\n")
    config = small_config(tmp_path)
    config.valid_source = config.valid_target = None
    with pytest.raises(InputError, match="The corpus has one pair; give two or more"):
        load_pairs(config)


def test_a_corpus_too_small_for_the_vocabulary_gets_the_largest_and_says_so(corpus, capsys):
    tokenizer = train_tokenizer(small_config(corpus, vocabulary_size=5000), (["ab ab"], ["ba"]))
    size = tokenizer.source.vocabulary_size
    assert 4 < size < 20
    out = capsys.readouterr().out
    assert out.count("too small for a vocabulary of 5,000") == 1 and f", {size:,}." in out


def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(corpus, whole, tmp_path, capsys):
    run = tmp_path / "run"
    kill_in_first_epoch(run, "tests.tasks.small_run", corpus, run)
    with pytest.raises(InputError, match="is not finished"):
        load_run(run)
    newest = read_snapshot(snapshot_paths(run / "snapshots")[-1])[1]  # sound, by its checksum
    translator = train(small_config(corpus), run, resume=True)
    assert f"resumed at step {newest['step']}\n" in capsys.readouterr().out
    expected = load_run(whole).model
    for model in (translator.model, load_run(run).model):
        for left, right in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(left, right)
    assert [row["epoch"] for row in history(run)] == ["0", "1"]
    assert history(run)[1]["val_loss"] == history(whole)[1]["val_loss"]
    assert names(run) == names(whole)


def test_resume_starts_afresh_where_there_is_nothing_and_initial_weights_are_copied(
    corpus, whole, tmp_path, capsys
):
    options = dict(initial_weights=str(whole), vocabulary_size=None)
    config = small_config(corpus, epochs=1, learning_rate=1e-12, **options)
    assert config.vocabulary_size == 150  # that of the initial weights
    config.average_checkpoints = 1
    (tmp_path / "run").mkdir()  # an empty folder is nothing
    translator = train(config, tmp_path / "run", resume=True)
    assert "resumed" not in capsys.readouterr().out
    for left, right in zip(
        translator.model.get_weights(), load_run(whole).model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(left, right, atol=1e-6)
    assert names(tmp_path) == {"run"}
