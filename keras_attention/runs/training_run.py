"""What every training does around `fit`: the run directory, its snapshots, and resuming."""

import base64
import os
import tempfile
import time
from pathlib import Path

import keras

from keras_attention._validation import InputError
from keras_attention.files import new_directory, refuse_existing_directory, write_atomically
from keras_attention.runs.input_pipeline_monitor import InputPipelineMonitor
from keras_attention.runs.run_directory import read_config, save_model_atomically, write_config
from keras_attention.training import PreemptionHandler, Snapshots, StopAtNaN
from keras_attention.training.workers import (
    any_worker,
    decide,
    is_chief,
    share_weights,
    worker_lost,
)


class TrainingRun:
    """A run directory in the making: `model.keras`, `digests.json`, `tokenizer/`, `config.json`,
    `history.csv`, `snapshots/` and `logs/` (TensorBoard). `model.keras` appears when training is
    finished.

    In the scope of a `tf.distribute` strategy training is distributed. Of several workers the chief
    alone reads and writes the directory, and tells the others what they need of it.

    Args:
        config: a dataclass with `to_dict`, `from_dict`, `seed`, `epochs` and `snapshot_every`.
        output: path of the run directory.
        resume: whether to go on from the last snapshot in `output`, if there is one.
        force: whether an existing run or artifact may be overwritten.
        quiet: whether to print nothing.

    Attributes:
        config: that of the directory where it resumes.
        resumes: whether the directory was begun before.
        is_finished: whether it is complete: there is nothing to do.

    Raises:
        InputError: if `output` exists and neither `resume` nor `force` is given, or `force` would
            overwrite what the training reads.
    """

    def __init__(self, config, output, resume=False, force=False, quiet=False):
        self.output = Path(output)
        self.force = force
        self.quiet = quiet or not is_chief()
        found = decide(lambda: self._look(config, resume))
        self.resumes, self.is_finished = found["resumes"], found["is_finished"]
        self.config = type(config).from_dict(found["config"])
        if self.is_finished:
            self.say(f"{output} is finished: nothing to do.")
            return
        keras.utils.set_random_seed(self.config.seed)

    def _look(self, config, resume):
        """What the directory holds, as JSON values."""
        resumes = resume and (self.output / "config.json").exists()
        values = read_config(self.output) if resumes else config.to_dict()
        type(config).from_dict(values)
        is_finished = resumes and (self.output / "model.keras").exists()
        if not resumes and not (resume and _is_empty(self.output)):
            refuse_existing_directory(self.output, self.force, _sources(config))
        return {"resumes": resumes, "is_finished": is_finished, "config": values}

    def say(self, text):
        """Prints progress."""
        if not self.quiet:
            print(text, flush=True)

    def tokenizer(self, make, load):
        """The run's tokenizer: of the directory where it resumes, else a new one.

        Args:
            make: function without arguments that makes it. The chief alone calls it.
            load: function that reads it from a directory.
        """

        def files():
            with tempfile.TemporaryDirectory() as directory:
                if self.resumes:
                    directory = self.output / "tokenizer"
                else:
                    make().save(directory)
                paths = [path for path in sorted(Path(directory).rglob("*")) if path.is_file()]
                return {
                    path.relative_to(directory).as_posix(): base64.b64encode(
                        path.read_bytes()
                    ).decode()
                    for path in paths
                }

        with tempfile.TemporaryDirectory() as directory:
            for name, text in decide(files).items():
                path = Path(directory) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(text))
            return load(directory)

    def start(self, tokenizer):
        """Makes the directory with what does not change while training, unless it resumes."""

        def make():
            if _is_empty(self.output):
                remove = Path.unlink if self.output.is_symlink() else Path.rmdir
                remove(self.output)
            with new_directory(self.output, self.force) as directory:
                tokenizer.save(directory / "tokenizer")
                write_config(directory, self.config.to_dict())

        if not self.resumes:
            decide(make)

    def fit(
        self, model, batches, valid_batches, description, selection=None, scores=(), finish=None
    ):
        """Trains `model` from where the run stands to its end, and saves it.

        Args:
            model: compiled.
            batches: of training, with `dataset(epoch, step)`.
            valid_batches: of validation, with `dataset(epochs=1)`.
            description: sentence to begin with.
            selection: callback that chooses the weights of the end from those of the epochs, such
                as `AverageCheckpoints`; without one they are those of the last epoch.
            scores: callbacks that add to an epoch's row of `history.csv`.
            finish: function without arguments that is called before `model.keras` appears.
        """
        _require_same_data(batches, valid_batches)
        directory = self.output / "snapshots"
        steps = len(batches)
        snapshots = Snapshots(directory, steps, self.config.snapshot_every, keep=3)
        first_epoch, first_step = 0, 0
        if self.resumes:
            first_epoch, first_step = snapshots.restore(model, next(batches.epochs()))
            if snapshots.step:
                self.say(f"resumed at step {snapshots.step}")
        self.say(f"{model.count_params():,} parameters, {description}")
        rate = InputPipelineMonitor()
        batches = rate.watch(batches)
        callbacks = [rate, StopAtNaN(directory, steps, snapshots.step, batches.describe)]
        if is_chief():
            _drop_history(self.output / "history.csv", first_epoch)
            callbacks += [
                *scores,
                keras.callbacks.CSVLogger(
                    str(self.output / "history.csv"), append=snapshots.step > 0
                ),
                *_tensorboard(self.output / "logs"),
                # Before the snapshots: none stands without what is to be chosen from.
                *([] if selection is None else [selection]),
            ]
        callbacks += [snapshots, _StopTogether()]
        if not self.resumes:
            share_weights(model)
        started = time.time()
        is_over = first_epoch >= self.config.epochs or model.stop_training
        if not is_over:
            with worker_lost(), PreemptionHandler() as snapshots.interruption:
                self._fit(model, batches, valid_batches, first_epoch, first_step, callbacks)
        elif (
            is_chief() and selection is not None
        ):  # stopped between the last snapshot and model.keras
            selection.apply(model)
        share_weights(model)

        def save():
            if finish is not None:
                finish()
            save_model_atomically(model, self.output / "model.keras")

        decide(save)
        if rate.sentence():
            self.say(rate.sentence())
        self.say(f"Trained in {time.time() - started:.0f} s; the run is in {self.output}.")

    def _fit(self, model, batches, valid_batches, first_epoch, first_step, callbacks):
        """`model.fit`, called twice when training resumes within an epoch: that has fewer steps."""
        from keras_attention.training.distribution import distributed_dataset

        epochs = self.config.epochs
        calls = [(first_epoch, first_step, epochs)]
        if first_step:
            calls = [(first_epoch, first_step, first_epoch + 1), (first_epoch + 1, 0, epochs)]
        for epoch, step, last_epoch in calls:
            if epoch < last_epoch and not model.stop_training:
                model.fit(
                    distributed_dataset(batches, first_epoch=epoch, first_step=step),
                    steps_per_epoch=len(batches) - step,
                    initial_epoch=epoch,
                    epochs=last_epoch,
                    validation_data=distributed_dataset(valid_batches, epochs=1),
                    validation_steps=len(valid_batches),
                    callbacks=callbacks,
                    shuffle=False,  # the batches come in an order of their own
                    verbose=0 if self.quiet else "auto",
                )


def _require_same_data(*of_worker):
    """Raises `InputError` on a worker whose batches are not those of the chief."""
    found = [[len(batches), batches.padding] for batches in of_worker]
    expected = decide(lambda: found)
    if found != expected:
        raise InputError(
            "The files of this worker are not those of the chief: expected training and validation "
            f"batches of which number and padding are {expected}. Received: {found}"
        )


class _StopTogether(keras.callbacks.Callback):
    """Ends training on all workers when the chief's callbacks have ended it."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = any_worker(self.model.stop_training)


def _drop_history(path, first_epoch):
    """Drops the rows of epochs that are trained again, because no snapshot followed them."""
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines() or [""]
        kept = [row for row in rows if int(row.split(",")[0]) < first_epoch]
        write_atomically(path, "".join(f"{line}\n" for line in [header, *kept] if line).encode())


def _sources(config):
    """What the training reads: the fields of all configs that are paths."""
    files = [f"{part}{side}" for part in ("train", "valid") for side in ("", "_source", "_target")]
    return [getattr(config, name, None) for name in ("initial_weights", *files)]


def _is_empty(directory):
    return directory.is_dir() and not any(directory.iterdir())


def _tensorboard(directory):
    """The TensorBoard callback, which stock Keras builds on TensorFlow's summaries."""
    if keras.backend.backend() != "tensorflow":
        return []
    os.makedirs(directory, exist_ok=True)
    return [keras.callbacks.TensorBoard(str(directory), write_graph=False, update_freq="epoch")]
