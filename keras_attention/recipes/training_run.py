"""What every training does around `fit`: the run directory, its snapshots, and resuming."""

import json
import os
import time
from pathlib import Path

import keras

from keras_attention.files import new_directory, refuse_existing, write_atomically
from keras_attention.loading import read_config, save_model_atomically
from keras_attention.recipes.input_rate import InputRate
from keras_attention.training import Snapshots, restore_latest


class TrainingRun:
    """A run directory in the making: `model.keras`, `tokenizer/`, `config.json`, `history.csv`,
    `snapshots/` and `logs/` (TensorBoard). `model.keras` appears when training is finished.

    Args:
        config: a dataclass with `to_dict`, `from_dict`, `seed`, `epochs` and `snapshot_every`.
        output: path of the run directory.
        resume: whether to go on from the last snapshot in `output`, if there is one.
        force: whether an existing run may be overwritten.
        quiet: whether to print nothing.

    Attributes:
        config: that of the directory where it resumes.
        resumes: whether the directory was begun before.
        is_finished: whether it is complete: there is nothing to do.

    Raises:
        InputError: if `output` exists and neither `resume` nor `force` is given.
    """

    def __init__(self, config, output, resume=False, force=False, quiet=False):
        self.output = Path(output)
        self.force = force
        self.quiet = quiet
        self.resumes = resume and (self.output / "config.json").exists()
        self.config = type(config).from_dict(read_config(output)) if self.resumes else config
        self.is_finished = self.resumes and (self.output / "model.keras").exists()
        if self.is_finished:
            self.say(f"{output} is finished: nothing to do.")
            return
        if not self.resumes and not (resume and _is_empty(self.output)):
            refuse_existing(output, force)
        keras.utils.set_random_seed(self.config.seed)

    def say(self, text):
        """Prints progress."""
        if not self.quiet:
            print(text, flush=True)

    def start(self, tokenizer):
        """Makes the directory with what does not change while training, unless it resumes."""
        if self.resumes:
            return
        if _is_empty(self.output):
            self.output.rmdir()
        with new_directory(self.output, self.force) as directory:
            tokenizer.save(directory / "tokenizer")
            text = json.dumps(self.config.to_dict(), indent=2, ensure_ascii=False)
            write_atomically(directory / "config.json", text.encode())

    def fit(self, model, batches, valid_batches, selection, description, scores=(), finish=None):
        """Trains `model` from where the run stands to its end, and saves it.

        Args:
            model: compiled.
            batches: of training, with `dataset(epoch, step)`.
            valid_batches: of validation, with `dataset(epochs=1)`.
            selection: callback that chooses the weights of the end from those of the epochs, such
                as `AverageCheckpoints`.
            description: sentence to begin with.
            scores: callbacks that add to an epoch's row of `history.csv`.
            finish: function without arguments that is called before `model.keras` appears.
        """
        snapshots = self.output / "snapshots"
        position = restore_latest(snapshots, model) if self.resumes else None
        step = position["step"] if position else 0
        if position:
            self.say(f"resumed at step {step}")
        first_epoch, first_step = divmod(step, len(batches))
        self.say(f"{model.count_params():,} parameters, {description}")
        _drop_history(self.output / "history.csv", first_epoch)
        rate = InputRate()
        batches = rate.watch(batches)
        callbacks = [
            rate,
            *scores,
            keras.callbacks.CSVLogger(str(self.output / "history.csv"), append=step > 0),
            *_tensorboard(self.output / "logs"),
            selection,  # before the snapshots: none stands without what is to be chosen from
            Snapshots(snapshots, len(batches), self.config.snapshot_every, first_step=step, keep=3),
        ]
        started = time.time()
        if first_epoch < self.config.epochs and not selection.is_over(first_epoch):
            self._fit(model, batches, valid_batches, first_epoch, first_step, callbacks)
        else:  # stopped between the last snapshot and model.keras
            selection.apply(model)
        if finish is not None:
            finish()
        save_model_atomically(model, self.output / "model.keras")
        if rate.sentence():
            self.say(rate.sentence())
        self.say(f"Trained in {time.time() - started:.0f} s; the run is in {self.output}.")

    def _fit(self, model, batches, valid_batches, first_epoch, first_step, callbacks):
        """`model.fit`, called twice when training resumes within an epoch: that has fewer steps."""
        epochs = self.config.epochs
        calls = [(first_epoch, first_step, epochs)]
        if first_step:
            calls = [(first_epoch, first_step, first_epoch + 1), (first_epoch + 1, 0, epochs)]
        for epoch, step, last_epoch in calls:
            if epoch < last_epoch and not model.stop_training:
                model.fit(
                    batches.dataset(epoch, step),
                    steps_per_epoch=len(batches) - step,
                    initial_epoch=epoch,
                    epochs=last_epoch,
                    validation_data=valid_batches.dataset(epochs=1),
                    validation_steps=len(valid_batches),
                    callbacks=callbacks,
                    shuffle=False,  # the batches come in an order of their own
                    verbose=0 if self.quiet else "auto",
                )


def _drop_history(path, first_epoch):
    """Drops the rows of epochs that are trained again, because no snapshot followed them."""
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines() or [""]
        kept = [row for row in rows if int(row.split(",")[0]) < first_epoch]
        write_atomically(path, "".join(f"{line}\n" for line in [header, *kept] if line).encode())


def _is_empty(directory):
    return directory.is_dir() and not any(directory.iterdir())


def _tensorboard(directory):
    """The TensorBoard callback, which stock Keras builds on TensorFlow's summaries."""
    if keras.backend.backend() != "tensorflow":
        return []
    os.makedirs(directory, exist_ok=True)
    return [keras.callbacks.TensorBoard(str(directory), write_graph=False, update_freq="epoch")]
