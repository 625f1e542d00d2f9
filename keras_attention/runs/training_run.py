"""What every training does around `fit`: the run directory, its snapshots, and resuming."""

import base64
import contextlib
import dataclasses
import tempfile
from pathlib import Path

import keras

from keras_attention._validation import InputError, printable
from keras_attention.digests import file_digests, file_names
from keras_attention.files import writing
from keras_attention.new_directory import (
    new_directory,
    recover,
    refuse_existing_directory,
    require_replaceable,
)
from keras_attention.output_lock import output_lock
from keras_attention.runs.architecture import require_same_model
from keras_attention.runs.fingerprint import fingerprint
from keras_attention.runs.resumed_config import resumed_config
from keras_attention.runs.run_directory import (
    CONFIG,
    DATA,
    MODEL,
    read_config,
    save_model_atomically,
    verify_digests,
    write_config,
    write_digests,
)
from keras_attention.runs.run_files import changed_run, foreign_to_run, remove_half_written
from keras_attention.runs.signed_json import RUN, read_signed, write_signed
from keras_attention.training.workers import decide, is_chief

PENDING = "snapshots/config.json"  # the options with which a run goes on, until it is finished


class TrainingRun:
    """A run directory in the making: `model.keras`, `digests.json`, `tokenizer/`, `config.json`,
    `history.csv`, `snapshots/` and `logs/` (TensorBoard). `model.keras` appears when training is
    finished.

    In the scope of a `tf.distribute` strategy training is distributed. Of several workers the chief
    alone reads and writes the directory, and tells the others what they need of it.

    While it is open it holds the lock of the directory (`keras_attention.output_lock`), so that no
    other process writes it. It is a context that closes itself.

    Args:
        config: a `RunConfig`.
        output: path of the run directory.
        resume: whether to go on from the last snapshot in `output`, if there is one. Options of
            `config` that were given and differ from those of the run are taken, or refused by name:
            see `resumed_config`.
        force: whether an existing run may be overwritten.
        quiet: whether to print nothing.

    Attributes:
        config: that of the directory where it resumes, with the options that are given.
        resumes: whether the directory was begun before.
        is_finished: whether it is complete: there is nothing to do.
        id: a fingerprint of config, data and tokenizer that the run was begun with, which its files
            hold; of a new run known after `start`.

    Raises:
        InputError: if `output` exists and neither `resume` nor `force` is given, `force` would
            overwrite what the training reads, another process writes `output`, or an option is
            given that cannot change any more.
    """

    def __init__(self, config, output, resume=False, force=False, quiet=False):
        self.output = Path(output)
        self.force = force
        self.quiet = quiet or not is_chief()
        self._lock, self._data = None, {}
        self._closing = contextlib.ExitStack()
        try:
            found = decide(lambda: self._look(config, resume))
        except BaseException:
            self._closing.close()
            raise
        self.resumes, self.is_finished = found["resumes"], found["is_finished"]
        self.id = found["id"]
        self._is_changed, self._asked = found["is_changed"], found["asked"]
        self.config = type(config).from_dict(found["config"])
        if self.is_finished:
            done = "its config is changed" if self._asked else "nothing to do"
            self.say(f"{output} is finished: {done}.")
            return
        keras.utils.set_random_seed(self.config.seed)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._closing.close()

    def _look(self, config, resume):
        """What the directory holds, as JSON values."""
        self._lock = self._closing.enter_context(output_lock(self.output))
        if self._lock:
            with writing(self.output):
                recover(self.output, self._lock, self.force)
        if not (resume and (self.output / CONFIG).exists()):
            if not (resume and _is_empty(self.output)):
                refuse_existing_directory(self.output, self.force, _sources(config), foreign_to_run)
            unchanged = dict(is_changed=False, asked=[], id=None, config=config.to_dict())
            return dict(resumes=False, is_finished=False, **unchanged)
        has_model = (self.output / MODEL).exists()
        verify_digests(self.output, has_model, needed=[DATA])
        run = read_signed(self.output / DATA).get(RUN)
        pending = self.output / PENDING  # of a training that went on with other options
        is_finished = has_model and not pending.exists()
        values = read_signed(pending, run) if pending.exists() else read_config(self.output)
        own = type(config).from_dict(values)
        new, asked, has_more = resumed_config(own, config, self.output, is_finished)
        if is_finished and asked and not has_more:
            with changed_run(self.output, lock=self._lock) as directory:
                write_config(directory, new.to_dict())
                write_digests(directory, directory / MODEL)
        return dict(
            resumes=True,
            id=run,
            is_finished=is_finished and not has_more,
            is_changed=new != own or pending.exists(),
            asked=asked,
            config=new.to_dict(),
        )

    def say(self, text):
        """Prints progress."""
        if not self.quiet:
            print(printable(text), flush=True)

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
                return {
                    name: base64.b64encode((Path(directory) / name).read_bytes()).decode()
                    for name in file_names(directory)
                }

        with tempfile.TemporaryDirectory() as directory:
            for name, text in decide(files).items():
                path = Path(directory) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(text))
            return load(directory)

    def require_data(self, **data):
        """Remembers what the training reads, and on resuming requires that it is the same.

        Args:
            **data: by a name for messages, values for `fingerprint`; None where there are none.

        Raises:
            InputError: if the run was begun with other data, or a worker reads others than the
                chief.
        """
        own = {name: fingerprint(value) for name, value in data.items() if value is not None}

        def find():
            known = read_signed(self.output / DATA, self.id) if self.resumes else own
            others = [name for name in data if known.get(name) != own.get(name)]
            if others:
                given = [
                    f"`{name}` {value}"
                    for name in self.config.data
                    if (value := getattr(self.config, name, None)) is not None
                ]
                raise InputError(
                    f"{self.output} was begun with other data: its {' and '.join(others)} differ "
                    f"from what is read now ({', '.join(given) or 'the built-in corpus'}). A "
                    "training goes on with the same data only."
                )
            return own

        self._data = decide(find)
        if own != self._data:
            raise InputError(
                "The files of this worker are not those of the chief: "
                f"{' and '.join(name for name in own if own[name] != self._data.get(name))} differ."
            )

    def require_model(self, architecture, code=None):
        """As `require_data`, of the `architecture` of the model and the user's `custom_code`."""
        own = {"model": architecture, "code": code}
        known = decide(lambda: read_signed(self.output / DATA, self.id) if self.resumes else own)
        require_same_model(self.output, known, own)
        self._data = {**self._data, **own}

    def settle(self, **values):
        """Puts what a training has decided in the place of fields of the config."""
        self.config = dataclasses.replace(self.config, **values)
        self._is_changed = self._is_changed or self.resumes

    def start(self, tokenizer, save=None):
        """Makes the directory with what does not change while training, unless it resumes.

        Args:
            tokenizer: of the run.
            save: function of a path that writes what else is known of the data, or None.
        """

        def make():
            force = self.force or _is_empty(self.output)
            with new_directory(self.output, force, foreign_to_run, self._lock) as directory:
                tokenizer.save(directory / "tokenizer")
                write_config(directory, self.config.to_dict())
                files = file_digests(directory)
                self.id = fingerprint([self._data, {name: files[name] for name in sorted(files)}])
                write_signed(directory / DATA, {RUN: self.id, **self._data})
                write_digests(directory)
                if save is not None:
                    save(directory)
            return self.id

        def renew():
            if save is not None:
                save(self.output)
            return self.id

        self.id = decide(renew if self.resumes else make)

    def go_on(self, epoch, step, is_stopped, selection):
        """Prepares the directory for training on from a step; whether training is over."""
        epochs = self.config.epochs
        remove_half_written(self.output)
        if selection is not None:
            selection.forget_from(epoch)
            # Stopped by what has changed since: more patience.
            is_stopped = is_stopped and getattr(selection, "is_over", lambda epoch: True)(epoch)
        if "average_checkpoints" in self._asked:
            self._require_kept(selection, epoch)
        if is_stopped and self._asked and epoch < epochs:
            raise InputError(
                f"{self.output} has ended after {epoch} epochs, because no better one came: "
                f"`epochs` {epochs} changes nothing alone. Give a greater `patience` too."
            )
        if self._is_changed:
            require_replaceable(self.output)  # as `save` does at the end
            with writing(self.output):
                (self.output / PENDING).parent.mkdir(exist_ok=True)
            write_signed(self.output / PENDING, {RUN: self.id, **self.config.to_dict()})
        return is_stopped

    def _require_kept(self, selection, epoch):
        """Raises `InputError` where a mean of more epochs needs weights that were not kept."""
        lacking = selection.lacking(epoch)
        if lacking:
            most = selection.final_epoch - lacking[-1] - 1
            less = f"at most {most}, or " if most else ""
            raise InputError(
                f"`average_checkpoints` {selection.last} takes the weights of epoch "
                f"{', '.join(str(number + 1) for number in lacking)} too, which {self.output} has "
                f"not kept. Give {less}`epochs` {lacking[-1] + 1 + selection.last} or more."
            )

    def save(self, model, finish):
        """Writes the model and what belongs to it."""
        finish = finish or (lambda directory: None)
        if not self._is_changed and not (self.output / MODEL).exists():
            finish(self.output)
            save_model_atomically(model, self.output / MODEL)
            return
        without = (MODEL, Path(PENDING).name)
        with changed_run(self.output, without, self._lock) as directory:
            write_config(directory, self.config.to_dict())
            finish(directory)
            save_model_atomically(model, directory / MODEL)


def _sources(config):
    """What the training reads: the fields of all configs that are paths."""
    return [getattr(config, name, None) for name in config.data if not name.endswith("_column")]


def _is_empty(directory):
    return directory.is_dir() and not any(directory.iterdir())
