"""A training by windows that goes on reads the rows that it was begun with, wherever they are."""

import json
import os
import shutil

import pytest

from keras_attention._validation import InputError
from keras_attention.runs.run_directory import read_config
from keras_attention.runs.signed_json import read_signed
from keras_attention.tasks import train as module
from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig
from keras_attention.text.corpora import sharded_corpus

WORDS = "red dog cat sun sea sky".split()


class Accepted(Exception):
    """The data are the run's: all is ready to be trained."""


@pytest.fixture(autouse=True)
def begun_only(monkeypatch):
    def fit(*arguments, **options):
        raise Accepted

    monkeypatch.setattr(module, "fit", fit)


def write_rows(path, words=WORDS, count=40):
    """Two columns of as many words, each of three letters."""
    rows = [[words[(i + j) % 6] for j in range(3)] for i in range(count)]
    lines = [dict(text=" ".join(row), other=" ".join(row[::-1])) for row in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def begin(folder, run="run", **options):
    values = dict(vocabulary_size=60, max_sequence_length=16, window=16, batch_size=4, **options)
    with pytest.raises(Accepted):
        module.train(MaskedLMConfig.for_preset("tiny", **values), folder / run, quiet=True)
    return folder / run


def go_on(run, **options):
    config = module.asked_config("masked-lm", run, resume=True, **options)
    module.train(config, run, resume=True, quiet=True)


@pytest.fixture(params=[True, False], ids=["valid", "held-out"])
def begun(request, tmp_path):
    """A run and its data, with validation files and without."""
    path = write_rows(tmp_path / "a.jsonl")
    options = {}
    if request.param:  # whose columns are the same
        (tmp_path / "v.jsonl").write_text('{"text": "red dog", "other": "red dog"}\n')
        options = dict(valid=str(tmp_path / "v.jsonl"))
    return begin(tmp_path, train=str(path), **options), path


def refused(run, said, **options):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=said):
        go_on(run, **options)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def replaced_in_place(path, text):
    path.write_text(text)


def replaced_by_another(path, text):
    path.with_name("new").write_text(text)
    path.with_name("new").rename(path)


@pytest.mark.parametrize("replace", [replaced_in_place, replaced_by_another])
def test_other_text_of_the_same_size_and_time(begun, replace):
    """As `cp -p` and `touch -r` leave it."""
    run, path = begun
    before = path.stat()
    replace(path, path.read_text().replace("red", "cat"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    refused(run, "a.jsonl has changed since the run began")


def test_another_column(begun):
    run, _ = begun
    refused(run, "its training data", text_column="other")


def test_the_same_column_by_name(begun):
    run, _ = begun
    with pytest.raises(Accepted):
        go_on(run, text_column="text")


def test_the_name_of_a_column_does_not_matter_where_there_is_none(tmp_path):
    (tmp_path / "a.txt").write_text("red dog\n" * 40)
    run = begin(tmp_path, train=str(tmp_path / "a.txt"))
    with pytest.raises(Accepted):
        go_on(run, text_column="other")


def test_without_what_is_known_of_the_corpus(begun, tmp_path):
    """It is found again where the data are the same, and nothing else is taken for them."""
    run, path = begun
    known = read_signed(run / "corpus.json")
    (run / "corpus.json").unlink()
    other = write_rows(tmp_path / "b.jsonl", WORDS[::-1])
    refused(run, "its training data", train=str(other))
    with pytest.raises(Accepted):
        go_on(run)
    assert read_signed(run / "corpus.json") == known


@pytest.mark.parametrize(
    "move", [shutil.copy, os.rename, os.link, lambda a, b: b.write_bytes(a.read_bytes())]
)
def test_moved_data_are_the_same_data(begun, tmp_path, move, monkeypatch):
    run, path = begun
    (tmp_path / "moved").mkdir()
    there = tmp_path / "moved" / "b.jsonl"
    move(path, there)
    with pytest.raises(Accepted):
        go_on(run, train=str(there))
    assert read_signed(run / "corpus.json")["corpus"]["shards"] == [[str(there)]]
    assert read_config(run)["train"] == str(path)  # until the training has ended
    # They were read to be compared. They are not read again.
    monkeypatch.setattr(sharded_corpus, "text_sha256", None)
    with pytest.raises(Accepted):
        go_on(run, train=str(there))


def test_other_data_elsewhere(begun, tmp_path):
    run, _ = begun
    other = write_rows(tmp_path / "b.jsonl", WORDS[::-1])
    refused(run, "b.jsonl does not hold what .*a.jsonl held when the run began", train=str(other))


def test_shards_in_another_order(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    first, second = write_rows(folder / "1.jsonl"), write_rows(folder / "2.jsonl", WORDS[::-1])
    run = begin(tmp_path, train=str(folder))
    first.rename(folder / "3.jsonl")
    refused(run, "2.jsonl does not hold what .*1.jsonl held")
    second.unlink()
    refused(run, "1.jsonl is missing: these are not the shards")


def test_what_is_known_of_another_run(begun, tmp_path):
    run, path = begun
    options = {"valid": read_config(run)["valid"]} if read_config(run)["valid"] else {}
    other = begin(tmp_path, "other", train=str(path), seed=3, **options)
    for name in ("corpus.json", "data.json"):
        kept = (run / name).read_bytes()
        shutil.copy(other / name, run / name)
        refused(run, f"{name} (is of another run|has been changed)")
        (run / name).write_bytes(kept)
    with pytest.raises(Accepted):
        go_on(run)
