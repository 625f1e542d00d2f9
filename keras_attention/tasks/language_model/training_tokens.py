"""The tokens of a training. A run keeps those of large texts: going on encodes nothing again."""

import contextlib
import shutil
import weakref
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.digests import digest
from keras_attention.files import writing
from keras_attention.runs.signed_json import RUN, read_signed, write_signed
from keras_attention.tasks.language_model.training_documents import encoded
from keras_attention.text.batches.token_stream import BEGINS, DESCRIPTION, IDS, TokenStream

FOLDER = "snapshots/tokens"
FILES = (IDS, BEGINS, DESCRIPTION)
SIGNED = "digests.json"


class TrainingTokens:
    """The tokens of a training: of large texts in files, which the run keeps.

    Args:
        texts: dict of `Texts` by name: "train" and "valid".
        run: the `TrainingRun`.

    Attributes:
        streams: their `TokenStream`s, in the same order, as soon as they are encoded.
    """

    def __init__(self, texts, run):
        self.texts, self._run, self.streams = texts, run, []
        self._written = {}  # the folders of those that the run has not
        self._files = contextlib.ExitStack()
        weakref.finalize(self, self._files.close)

    def encode(self, tokenizer):
        """Encodes the texts, but for what a run that goes on has kept."""
        self.streams = [self._encoded(name, tokenizer) for name in self.texts]

    def _encoded(self, name, tokenizer):
        kept = kept_tokens(self._run.output, name, self._run.id) if self._run.resumes else None
        if kept is not None:
            return kept
        stream, self._written[name] = encoded(self.texts[name], tokenizer, self._files)
        return stream

    def keep(self, directory):
        """Puts what was written to files into the directory of the run."""
        for name, folder in self._written.items():
            if folder is not None:
                keep_tokens(folder, directory, name, self._run.id)


def keep_tokens(written, run, name, run_id):
    """Moves the files of a `TokenStream` into a run.

    Args:
        written: path of the folder that `TokenStream.write` filled. What is mapped from its files
            stays so.
        run: path of the run.
        name: of the texts: "train" or "valid".
        run_id: of the run.

    Raises:
        InputError: if the disk is full.
    """
    folder = Path(run) / FOLDER / name
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SIGNED).unlink(missing_ok=True)
        for file in FILES:
            shutil.move(Path(written) / file, folder / file)
    digests = {file: digest(folder / file) for file in FILES}
    write_signed(folder / SIGNED, {RUN: run_id, "files": digests})


def kept_tokens(run, name, run_id):
    """The `TokenStream` that `keep_tokens` put into a run; None where there is no sound one."""
    folder = Path(run) / FOLDER / name
    if not (folder / SIGNED).exists():
        return None
    try:
        expected = read_signed(folder / SIGNED, run_id).get("files")
        if expected != {file: digest(folder / file) for file in FILES}:
            return None
        return TokenStream.open(folder)
    except (InputError, OSError):  # then they are made anew
        return None
