import json
import os
import shutil

import numpy as np
import pytest

from keras_attention._validation import InputError
from keras_attention.runs.run_directory import write_digests
from keras_attention.runs.signed_json import write_signed
from keras_attention.tasks.load import load_run
from keras_attention.tasks.train import train
from keras_attention.tasks.translation.sentence_pairs import load_pairs
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from keras_attention.training.snapshot_file import read_snapshot
from keras_attention.training.snapshots import snapshot_paths
from tests.tasks.kill import kill_in_first_epoch
from tests.tasks.small_run import (
    one_layer,
    small_config,
    small_streamed_config,
    write_corpus,
    write_shards,
)

MODULE = "tests.tasks.small_run"


@pytest.fixture(scope="module", autouse=True)
def small():
    with one_layer():
        yield


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_shards(write_corpus(tmp_path_factory.mktemp("small_corpus")))


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """A run that nothing interrupted, and what it said."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train(small_streamed_config(corpus), run, quiet=True)
    return run


@pytest.fixture(scope="module")
def killed(corpus, tmp_path_factory):
    """A run that was killed in its first epoch. Not to be changed: copy it."""
    run = tmp_path_factory.mktemp("killed") / "run"
    kill_in_first_epoch(run, MODULE, corpus, run, 40)
    return run


def test_the_run_holds_what_is_known_of_the_corpus(whole, corpus):
    known = json.loads((whole / "corpus.json").read_text())
    assert [os.path.basename(path) for path, _ in known["corpus"]["shards"]] == [
        f"shard-{n}.en" for n in range(3)
    ]
    assert known["corpus"]["lines"] == 96
    assert np.sum(known["measure"]["counts"]) + known["measure"]["dropped"] == 96
    assert known["held_out"] == [[], []]  # there are validation files
    values = json.loads((whole / "config.json").read_text())
    assert TranslatorConfig.from_dict(values) == small_streamed_config(corpus)


def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(
    corpus, whole, killed, tmp_path, capsys
):
    run = shutil.copytree(killed, tmp_path / "run")
    newest = read_snapshot(snapshot_paths(run / "snapshots")[-1])[1]
    assert newest["epoch"] == 0
    train(small_streamed_config(corpus), run, resume=True)
    said = capsys.readouterr().out
    assert f"resumed at step {newest['step']}\n" in said
    assert "to count their lines" not in said and "measured in tokens" not in said
    expected = load_run(whole).model.get_weights()
    for left, right in zip(load_run(run).model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_it_resumes_where_it_was_killed_before_the_corpus_was_written(
    corpus, whole, killed, tmp_path
):
    run = shutil.copytree(killed, tmp_path / "run")
    (run / "corpus.json").unlink()
    train(small_streamed_config(corpus), run, resume=True, quiet=True)
    assert json.loads((run / "corpus.json").read_text()) == json.loads(
        (whole / "corpus.json").read_text()
    )
    expected = load_run(whole).model.get_weights()
    for left, right in zip(load_run(run).model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(left, right)


def test_it_does_not_resume_on_another_corpus(killed, corpus, tmp_path):
    """On copies of the shards, as what the others use may not change."""
    copies = shutil.copytree(corpus, tmp_path / "corpus")
    run = shutil.copytree(killed, tmp_path / "run")
    for name in ("config.json", "corpus.json"):
        text = (run / name).read_text().replace(str(corpus), str(copies))
        (run / name).write_text(text)
    with pytest.raises(InputError, match=r"config.json has (been changed|[\d,]+ bytes instead of)"):
        train(small_streamed_config(copies), run, resume=True, quiet=True)
    write_digests(run)
    with pytest.raises(InputError, match="corpus.json has been changed"):
        train(small_streamed_config(copies), run, resume=True, quiet=True)
    known = json.loads((run / "corpus.json").read_text())
    write_signed(run / "corpus.json", {n: v for n, v in known.items() if n != "sha256"})
    config = small_streamed_config(copies)
    shard = copies / "shard-1.de"
    text = shard.read_text()
    shard.write_text(text.replace("e", "f", 1))
    with pytest.raises(InputError, match="shard-1.de has changed since the run began"):
        train(config, run, resume=True, quiet=True)
    shard.write_text(text + "mehr\n")
    with pytest.raises(InputError, match="shard-1.de has changed since the run began"):
        train(config, run, resume=True, quiet=True)
    shard.write_text(text)
    for language in ("en", "de"):
        shutil.copy(copies / f"shard-1.{language}", copies / f"shard-3.{language}")
    with pytest.raises(InputError, match="shard-3.de is new: these are not the shards that the"):
        train(config, run, resume=True, quiet=True)
    for language in ("en", "de"):
        (copies / f"shard-3.{language}").unlink()
    os.utime(shard, ns=(0, 0))  # another time, the same text
    train(config, run, resume=True, quiet=True)


def test_shards_in_memory_are_the_corpus_they_were_cut_from(corpus):
    config = small_streamed_config(corpus, window=None)
    assert load_pairs(config) == load_pairs(small_config(corpus))


def test_validation_pairs_are_set_aside(corpus, tmp_path, capsys):
    config = small_streamed_config(corpus, epochs=1)
    config.valid_source = config.valid_target = None
    train(config, tmp_path / "run")
    said = capsys.readouterr().out
    assert "96 lines; windows of 40: 3.\n" in said
    assert "2 of the others are set aside to validate on.\n" in said
    assert "94 pairs, " in said
    assert "The input pipeline makes " in said
    known = json.loads((tmp_path / "run" / "corpus.json").read_text())
    lines = (corpus / "train.en").read_text().splitlines()
    assert known["held_out"][0] == [lines[number] for number in known["corpus"]["held_out"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(train_source="{}/none-*.en"), "none-\\*.en: no file matches"),
        (dict(train_source="{}/shard-[01].en"), "has 2 shards and .* has 3; .*shard-2.de has none"),
        (dict(train_source="{0}/train.en", train_target="{0}/shard-0.de"), "has 96 lines and .*20"),
        (dict(train_target=None), "`train_source` and `train_target` must be given together"),
    ],
)
def test_bad_input_writes_nothing(corpus, tmp_path, change, message):
    change = {name: value and value.format(corpus) for name, value in change.items()}
    for window in (40, None):
        config = small_streamed_config(corpus, window)
        config = TranslatorConfig(**{**config.to_dict(), **change})
        with pytest.raises(InputError, match=message):
            train(config, tmp_path / "run", quiet=True)
    assert not list(tmp_path.iterdir())


def test_windows_are_of_files():
    with pytest.raises(InputError, match="`window` is for files; the built-in corpus is held"):
        TranslatorConfig.for_preset("tiny", window=10)
    with pytest.raises(ValueError, match="`window` must be a positive integer"):
        TranslatorConfig.for_preset("tiny", window=0, train_source="a", train_target="b")
