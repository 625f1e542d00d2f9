"""Every option of the trainings, given to a run that goes on: taken, or refused by name."""

import shutil

import keras
import pytest

from keras_attention._validation import InputError
from keras_attention.cli.options import READING_OPTIONS, add_options, flag_of, spelled
from keras_attention.cli.train import CONFIG_OPTIONS
from keras_attention.runs.run_directory import read_config, save_model_atomically, verify_digests
from keras_attention.runs.training_run import TrainingRun
from keras_attention.tasks import TASKS, task_of
from keras_attention.tasks import train as module
from keras_attention.tasks.train import asked_config
from tests.cli.command import run_here
from tests.runs.tiny_training import Vocabulary

KINDS = [kind for kind in TASKS if task_of(kind).trains]
# What the run was begun with, and must have to begin.
BEGUN = {
    "translator": dict(architecture="rnn", train_source="a.en", train_target="a.de", window=40),
    "classifier": dict(train="a.jsonl", preset="tiny", pooling="mean"),
    "masked-lm": dict(train="a.jsonl", window=40),
    "embedding": dict(train="a.jsonl", preset="tiny", pooling="mean"),
    "language-model": dict(train="a.txt", preset="nano", epochs=2),
}
# Where another value than the run's cannot be made from the option alone.
VALUES = {"encoding": "cp1252", "delimiter": ";"}
VALUES |= {"class_weights": "balanced", "bleu_tokenize": "none", "layer_decay": 0.9, "patience": 2}
# Data may have moved; whether they are the same is another question.
DATA = {"train", "valid", "text_column", "label_column", "initial_weights"}
COLUMNS = {"embedding": {"pair_column"}}  # of a classifier it says what the model reads
DATA |= {f"{part}_{side}" for part in ("train", "valid") for side in ("source", "target")}
DECODING = {"beam_size", "length_penalty", "coverage_penalty", "min_length", "max_length"}
DECODING |= {"repetition_penalty"}
EVERY = {"epochs", "learning_rate", "clip_norm", "jit_compile", "snapshot_every"}
TAKEN = {
    "translator": EVERY
    | {"schedule", "warmup_steps", "label_smoothing", "average_checkpoints", "bleu_tokenize"}
    | {"dropout"}
    | DECODING,
    "classifier": EVERY
    | {"warmup_share", "weight_decay", "layer_decay", "class_weights", "patience"},
    "masked-lm": EVERY | {"warmup_share", "weight_decay", "masked_share", "whole_words"},
    "embedding": EVERY | {"warmup_share", "weight_decay"},
    "language-model": EVERY | {"warmup_steps", "weight_decay", "sample_prompt"},
}
# What a finished run takes: more to train, and what needs no training.
LATE = {"epochs", "patience", "average_checkpoints", *DECODING}


def options(kind):
    return (*task_of(kind).train_options, *CONFIG_OPTIONS, *READING_OPTIONS)


EACH = [(kind, option) for kind in KINDS for option in options(kind)]
named = pytest.mark.parametrize(
    ("kind", "option"), EACH, ids=[f"{kind}-{option.name}" for kind, option in EACH]
)


def own(config, name):
    return config.decoding[name] if name in DECODING else getattr(config, name)


def other_value(option, value):
    """A valid value of an option that is not the run's."""
    if option.name == "pooling":
        return "pooled" if value == "mean" and "pooled" in option.help else "cls"
    if option.name in VALUES:
        return VALUES[option.name]
    if option.name == "jit_compile":
        return not value
    if option.choices:
        return next(choice for choice in option.choices if choice != value)
    if option.type is bool:
        return option.const
    if option.type is int:
        return (value or 0) + 3
    if option.type is float:
        return (value or 1) / 2
    return f"other-{option.name}"


def begin(kind, path):
    with TrainingRun(asked_config(kind, path, **BEGUN[kind]), path, quiet=True) as run:
        run.require_data(**{"training data": [1]})
        run.start(Vocabulary())
    return path


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun")
    return {kind: begin(kind, folder / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def finished(begun, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    paths = {kind: shutil.copytree(path, folder / kind) for kind, path in begun.items()}
    for path in paths.values():
        save_model_atomically(model, path / "model.keras")
    return paths


@pytest.fixture(autouse=True)
def flags():
    """How the command line spells the options of one kind."""

    class Parser:
        def add_argument(self, *arguments, **settings):
            pass

        def add_argument_group(self, name):
            return self

    return lambda kind: add_options(Parser(), options(kind))


def resumed(kind, path, **given):
    """The config with which a run goes on, and whether there is nothing to do."""
    with TrainingRun(
        asked_config(kind, path, resume=True, **given), path, resume=True, quiet=True
    ) as run:
        return run.config, run.is_finished


def test_no_kind_and_no_option_is_forgotten():
    assert set(BEGUN) == set(TAKEN) == set(KINDS)
    for kind in KINDS:
        assert TAKEN[kind] <= {option.name for option in options(kind)}


@named
def test_of_a_run_that_was_interrupted(kind, option, begun, flags):
    flags(kind)
    path = begun[kind]
    before, _ = resumed(kind, path)
    value = other_value(option, own(before, option.name))
    assert value != own(before, option.name)
    try:
        config, is_finished = resumed(kind, path, **{option.name: value})
    except (InputError, ValueError) as error:
        assert flag_of(option) in spelled(str(error))
        assert option.name not in TAKEN[kind] | DATA | COLUMNS.get(kind, set())
    else:
        assert own(config, option.name) == value and not is_finished
        assert option.name in TAKEN[kind] | DATA | COLUMNS.get(kind, set())
        rest = {n: v for n, v in before.to_dict().items() if n not in (option.name, "decoding")}
        assert rest.items() <= config.to_dict().items()


@named
def test_of_a_run_that_is_finished(kind, option, finished, flags, tmp_path):
    flags(kind)
    path = shutil.copytree(finished[kind], tmp_path / "run")
    before, _ = resumed(kind, path)
    value = other_value(option, own(before, option.name))
    try:
        config, is_finished = resumed(kind, path, **{option.name: value})
    except (InputError, ValueError) as error:
        assert flag_of(option) in spelled(str(error))
        assert option.name not in LATE or option.name not in TAKEN[kind]
        assert read_config(path) == before.to_dict()
        return
    assert own(config, option.name) == value
    assert option.name in LATE
    assert is_finished == (option.name in DECODING)
    if is_finished:  # it is in the config now, and nothing had to be trained
        assert read_config(path)["decoding"][option.name] == value
        verify_digests(path)


@named
def test_the_run_s_own_value_is_no_change(kind, option, begun, finished, flags):
    flags(kind)
    for path in (begun[kind], finished[kind]):
        before, is_finished = resumed(kind, path)
        value = own(before, option.name)
        if value is not None:
            assert resumed(kind, path, **{option.name: value}) == (before, is_finished)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_new_run_needs_may_be_left_out(kind, finished, tmp_path):
    assert resumed(kind, finished[kind])[1]
    if kind != "translator":  # which has a corpus of its own
        with pytest.raises(InputError, match="give `train` a file"):
            asked_config(kind, tmp_path / "nothing", resume=True)


def test_the_command_line(finished, tmp_path, capfd, monkeypatch):
    """What its messages advise works, and they name flags."""
    monkeypatch.setattr(module, "load_run", lambda *arguments, **options: None)
    runs = {kind: shutil.copytree(finished[kind], tmp_path / kind) for kind in KINDS}

    def command(kind, *flags):
        given = ("train", kind, "--output", runs[kind], "--resume", *flags)
        status, out, err = run_here(capfd, *given)
        return status, out + err

    for kind in ("classifier", "masked-lm"):
        status, said = command(kind, "--train", "moved.jsonl")
        assert status == 2 and "so --train would change nothing. Leave it out, or give" in said
        assert command(kind) == (0, f"{runs[kind]} is finished: nothing to do.\n")
    status, said = command("classifier", "--pooling", "pooled")
    assert status == 2 and "was begun with --pooling 'mean', not 'pooled'; " in said
    assert command("classifier", "--pooling", "mean")[0] == 0
    for flag in ("--freeze-encoder", "--cased"):
        status, said = command("classifier", flag)
        assert status == 2 and f"was begun with another {flag}; a training that goes on" in said
    status, said = command("translator", "--window", 40, "--preset", "small", "--beam-size", 4)
    assert (status, said) == (0, f"{runs['translator']} is finished: its config is changed.\n")
    status, said = command("translator", "--beam-size", 2, "--learning-rate", 1)
    assert status == 2 and "so --learning-rate would change nothing" in said
    status, said = run_here(capfd, "train", "classifier", "--output", tmp_path / "new")[::2]
    assert status == 2 and said.endswith(
        "A classifier needs labelled texts: give --train a file.\n"
    )
