"""All that writes into a directory, to be tried where it cannot."""

import signal
import sys
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.runs.run_directory import save_model_atomically
from keras_attention.runs.training_run import TrainingRun
from keras_attention.tasks.export import export as export_model
from keras_attention.tasks.translation.translator_config import TranslatorConfig
from keras_attention.training import save_snapshot
from tests.runs.small_runs import make_translator_run
from tests.tasks.small_translator import TEXTS, small_translator, tokenizer


def make_all(directory):
    """A run with a snapshot, and an artifact, all of which are to be overwritten."""
    run = make_translator_run(directory / "run")
    save_snapshot(run / "snapshots", compiled(), {"step": 1})
    export(directory, formats=["tf_saved_model"])


def compiled():
    model = small_translator(seed=1)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def snapshot(directory):
    save_snapshot(directory / "run" / "snapshots", compiled(), {"step": 2}, keep=1)


def start_run(directory):
    config = TranslatorConfig.for_preset("tiny", vocabulary_size=200)
    with TrainingRun(config, directory / "run", force=True, quiet=True) as run:
        run.start(tokenizer())


def save_model(directory):
    save_model_atomically(small_translator(seed=1), directory / "run" / "model.keras")


def save_tokenizer(directory):
    tokenizer().save(directory / "run" / "another")


def export(directory, **options):
    model = small_translator(seed=1)
    given = dict(examples=TEXTS, force=True, **options)
    export_model(model, directory / "artifact", tokenizer(), **given)


ACTIONS = {
    action.__name__: action for action in (snapshot, start_run, save_model, save_tokenizer, export)
}


def refused(action, directory, **options):
    """The one sentence with which an action is refused."""
    try:
        ACTIONS[action](directory, **options)
    except InputError as error:
        return str(error)
    raise AssertionError(f"{action} did what it could not.")


if __name__ == "__main__":  # LIMIT DIRECTORY ACTION ...: no file may have more than LIMIT bytes
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
    for name in sys.argv[3:]:
        print(f"{name}: {refused(name, Path(sys.argv[2]))}")
