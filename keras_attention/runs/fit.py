"""The one training loop around `model.fit`: snapshots, history, resuming, the model of the end."""

import os
import sys
import time

import keras

from keras_attention._validation import InputError
from keras_attention.runs.history_file import HistoryFile
from keras_attention.runs.input_pipeline_monitor import InputPipelineMonitor
from keras_attention.training import PreemptionHandler, Snapshots, StopAtNaN
from keras_attention.training.workers import (
    any_worker,
    decide,
    is_chief,
    share_weights,
    worker_lost,
)


def fit(
    run,
    model,
    batches,
    valid_batches,
    description,
    selection=None,
    scores=(),
    finish=None,
    saved=None,
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
        finish: function of the path of the run directory, called before `model.keras` appears.
        saved: the part of `model` that `model.keras` holds; None for all of it.
    """
    saved = model if saved is None else saved
    _require_same_data(batches, valid_batches)
    directory = run.output / "snapshots"
    steps = len(batches)
    history = HistoryFile(run.output / "history.csv")
    snapshots = Snapshots(
        directory,
        steps,
        run.config.snapshot_every,
        keep=3,
        state_of=[history] if is_chief() else [],
        run=run.id,
        total_steps=run.config.updates(steps),
    )
    first_epoch, first_step = 0, 0
    if run.resumes:
        first_epoch, first_step = snapshots.restore(model, next(batches.epochs()))
        if snapshots.step:
            run.say(f"resumed at step {snapshots.step}")
        _require_enough(run, first_epoch + bool(first_step), snapshots.step)
        model.stop_training = decide(
            lambda: run.go_on(first_epoch, first_step, model.stop_training, selection)
        )
    run.say(f"{saved.count_params():,} parameters, {description}")
    rate = InputPipelineMonitor()
    batches = rate.watch(batches)
    callbacks = [rate, StopAtNaN(directory, steps, snapshots.step, batches.describe, run.id)]
    if is_chief():
        history.go_back_to(first_epoch)
        callbacks += [
            *scores,
            history,
            *_tensorboard(run.output / "logs"),
            # Before the snapshots: none stands without what is to be chosen from.
            *([] if selection is None else [selection]),
        ]
    callbacks += [snapshots, _StopTogether()]
    if not run.resumes:
        share_weights(model)
    started = time.time()
    is_over = first_epoch >= run.config.epochs or model.stop_training
    if not is_over:
        with worker_lost(), PreemptionHandler() as snapshots.interruption:
            _fit(run, model, batches, valid_batches, first_epoch, first_step, callbacks)
    elif is_chief() and selection is not None:  # stopped between the last snapshot and model.keras
        selection.apply(model)
    share_weights(model)

    decide(lambda: run.save(saved, finish))
    if rate.sentence():
        run.say(rate.sentence())
    run.say(f"Trained in {duration(time.time() - started)}; the run is in {run.output}.")


def _require_enough(run, epochs, steps):
    """Raises `InputError` where a training is to be shorter than what it has begun.

    Args:
        epochs, steps: how many it has begun.
    """
    name, begun = "epochs", epochs
    if getattr(run.config, "steps", None) is not None:
        name, begun = "steps", steps
    asked = getattr(run.config, name)
    if asked < begun:
        raise InputError(
            f"`{name}` must be {begun} or more: so many has {run.output} begun. Received: {asked}"
        )


def _fit(run, model, batches, valid_batches, first_epoch, first_step, callbacks):
    """`model.fit`, called once for every number of updates in an epoch.

    The first epoch has fewer where training resumes within it, and the last may be shorter.
    """
    from keras_attention.training.distribution import distributed_dataset

    epochs, steps = run.config.epochs, len(batches)
    last = run.config.updates(steps) - (epochs - 1) * steps
    ends = {epochs} if last == steps else {epochs - 1, epochs}
    ends |= {first_epoch + 1} if first_step else set()
    epoch, step = first_epoch, first_step
    for end in sorted(ends):
        if epoch < end and not model.stop_training:
            model.fit(
                distributed_dataset(batches, first_epoch=epoch, first_step=step),
                steps_per_epoch=(last if end == epochs else steps) - step,
                initial_epoch=epoch,
                epochs=end,
                validation_data=distributed_dataset(valid_batches, epochs=1),
                validation_steps=len(valid_batches),
                callbacks=callbacks,
                shuffle=False,  # the batches come in an order of their own
                verbose=0 if run.quiet else 1 if _shows_progress() else 2,
            )
            epoch, step = end, 0


def duration(seconds):
    """A time in words, as exact as is of use.

    >>> duration(7.4), duration(754), duration(9000)
    ('7 s', '12 min 34 s', '2 h 30 min')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _shows_progress():
    """Whether output is read as it comes, on a terminal or in a notebook: not so in a log."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules


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


def _tensorboard(directory):
    """The TensorBoard callback, which stock Keras builds on TensorFlow's summaries."""
    if keras.backend.backend() != "tensorflow":
        return []
    os.makedirs(directory, exist_ok=True)
    return [keras.callbacks.TensorBoard(str(directory), write_graph=False, update_freq="epoch")]
