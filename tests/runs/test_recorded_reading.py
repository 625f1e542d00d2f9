"""A run reads its files as it was begun, whatever reads them later."""

import pytest

from keras_attention._validation import InputError
from keras_attention.runs.recorded_reading import reading_of_run, with_reading_around
from keras_attention.runs.training_run import TrainingRun
from keras_attention.tasks import task_of
from keras_attention.tasks.classification.labelled_examples import load_examples
from keras_attention.tasks.train import asked_config
from keras_attention.text.corpora.reading_options import reading_as, reading_options
from tests.runs.tiny_training import TinyConfig, Vocabulary


def of(reading):
    return reading.encoding, reading.delimiter, reading.skip_invalid


def begin(path, config):
    with TrainingRun(with_reading_around(config), path, quiet=True) as run:
        run.require_data(**{"training data": [1]})
        run.start(Vocabulary())
        return run.config.to_dict()


def resume(path, **given):
    config = asked_config("classifier", path, resume=True, **given)
    with TrainingRun(with_reading_around(config), path, resume=True, quiet=True) as run:
        return run.config.to_dict()


def test_a_run_reads_as_it_was_begun(tmp_path):
    path, files = tmp_path / "run", {"train": "a.csv", "preset": "tiny"}
    begun = begin(
        path, asked_config("classifier", path, encoding="latin-1", skip_invalid=True, **files)
    )
    with reading_of_run(resume(path)):
        assert of(reading_options()) == ("iso8859-1", None, True)
    for same in ({"encoding": "latin-1"}, {"encoding": "LATIN1", "skip_invalid": True}):
        resume(path, **same)
    for other, name in (
        ({"encoding": "utf-8"}, "encoding"),
        ({"delimiter": ";"}, "delimiter"),
        ({"skip_invalid": False}, "skip_invalid"),
    ):
        with pytest.raises(InputError, match=f"was begun with .*`{name}`"):
            resume(path, **other)
    with reading_as(delimiter=";"), pytest.raises(InputError, match="was begun with `delimiter`"):
        resume(path)
    older = {name: value for name, value in begun.items() if name != "encoding"}
    assert task_of("classifier").config_class().from_dict(older).encoding == "utf-8"


def test_what_is_around_a_training_stands_in_its_config(tmp_path):
    with reading_as(encoding="cp1252", delimiter=";"):
        begun = begin(tmp_path / "run", TinyConfig())
        explicit = with_reading_around(TinyConfig(encoding="latin-1"))
    assert (begun["encoding"], begun["delimiter"]) == ("cp1252", ";")
    assert (explicit.encoding, explicit.delimiter) == ("latin-1", ";")
    assert of(with_reading_around(TinyConfig())) == ("utf-8", None, False)


def test_other_files_are_read_as_the_block_around_says():
    own = {"encoding": "latin-1", "delimiter": None, "skip_invalid": False}
    with reading_as(encoding="cp1252"):
        for config, others in ((own, ["valid.csv"]), ({}, [])):
            with reading_of_run(config, others):
                assert reading_options().encoding == "cp1252"
        with reading_of_run(own):
            assert reading_options().encoding == "iso8859-1"


def test_options_that_are_none_are_refused():
    for given in ({"encoding": "undefined"}, {"delimiter": ",,"}):
        with pytest.raises(ValueError, match=f"`{next(iter(given))}` must be"):
            asked_config("classifier", "none", train="a.csv", **given)


def test_rows_without_text_are_left_out_of_a_training(tmp_path):
    rows = [f"text {number},{'xy'[number % 2]}\n" for number in range(20)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows[:9]) + '" ",x\n,y\n' + rows[9])
    config = asked_config("classifier", "none", train=str(tmp_path / "a.csv"))
    said = []
    train, valid = load_examples(config, said.append)
    assert len(train) + len(valid) == 10 and all(text.strip() for text in train.texts)
    assert said[0].endswith("a.csv: 2 of 12 rows have a text of nothing and are left out.")
    (tmp_path / "a.csv").write_text("text,label\n ,x\n,y\n")
    with pytest.raises(InputError, match="a.csv: no row has a text"):
        load_examples(config, said.append)
