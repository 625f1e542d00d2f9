"""The corpus of a run that is read by windows, and what was found by reading all of it once."""

import dataclasses

import numpy as np

from keras_attention._validation import InputError
from keras_attention.runs.fingerprint import fingerprint
from keras_attention.runs.signed_json import RUN, read_signed, write_signed
from keras_attention.text.batches.corpus_measure import CorpusMeasure, measure_corpus, row_lengths
from keras_attention.text.batches.windowed_batches import WindowedBatches
from keras_attention.text.corpora.scan_shards import scan_shards
from keras_attention.text.corpora.sharded_corpus import ShardedCorpus
from keras_attention.training.workers import decide

CORPUS = "corpus.json"


class StreamedCorpus:
    """A sharded corpus with its measure. `corpus.json` in the run directory holds what is known of
    it, so that a run that resumes reads no more than the window it is in.

    Args:
        run: the `TrainingRun`; `run.config` has `window` and `seed`.
        shards: list of tuples of paths, one a side.
        hold_out: whether rows are set aside to validate on.
        parse: see `scan_shards`.
        column: name of the column that `parse` takes from a line; None for the whole line.

    Attributes:
        fingerprint: of all rows, wherever the files are.
        sample: rows to train a vocabulary on, a list of strings for each side; None where the run
            resumes, which has one, and when `batches` were made.
        held_out: rows to validate on, likewise; empty if none were set aside.
        rows: number of rows to train on, those too long included.
        cut: rows whose ends the tokenizer has cut; known when there are `batches`.

    Raises:
        InputError: if a file is unusable, or is not what it was when the run began.
    """

    def __init__(self, run, shards, hold_out, parse=None, column=None):
        self._run = run
        self._buckets = self._measure = None
        known = decide(self._read)
        if known:
            self._corpus = ShardedCorpus(**known["corpus"]).parsed_by(parse)
            self._corpus.require_unchanged(shards)
            self._buckets, self._measure = known["buckets"], CorpusMeasure(**known["measure"])
            self.sample, self.held_out = None, known["held_out"]
        else:
            run.say("Reading the corpus once to count its lines.")
            self._corpus, self.sample, self.held_out = scan_shards(
                shards, run.config.window, run.config.seed, hold_out, parse, say=run.say
            )
            self._say_what_was_found()
        self.rows = self._corpus.lines - self._corpus.blank - len(self._corpus.held_out)
        self.fingerprint = fingerprint([self._corpus.digests, column])

    def _read(self):
        """What the run knows of the corpus; None of a new run, and where the file is gone."""
        path = self._run.output / CORPUS
        return read_signed(path, self._run.id) if self._run.resumes and path.exists() else None

    def _say_what_was_found(self):
        corpus, say = self._corpus, self._run.say
        say(f"{corpus.lines:,} lines; windows of {self._run.config.window:,}: {len(corpus):,}.")
        if corpus.blank:
            say(f"{corpus.blank:,} lines with an empty side are left out.")
        if corpus.held_out:
            say(f"{len(corpus.held_out):,} of the others are set aside to validate on.")
        if corpus.reading() > 2:
            say(
                f"An epoch decompresses the shards {corpus.reading():.1f} times, because a window "
                "begins within them; smaller shards cost less, and files without .gz nothing."
            )

    @property
    def cut(self):
        return self._measure.cut

    def batches(self, encode, kind, size, make, max_length=None, pass_on=False):
        """The `WindowedBatches`; the first time, all rows are encoded once to measure them.

        Args:
            encode: see `row_lengths`.
            kind: `PairBuckets` or `LengthBuckets`.
            size: what `kind.choose` takes between the lengths and the number of buckets.
            make: function of id lists for each side and `buckets` that gives a window's batches.
            max_length: rows with a longer side are left out; None keeps all.
            pass_on: see `BucketedBatches`.
        """
        config = self._run.config
        if self._measure is None:
            parts = row_lengths(encode, self.sample, max_length)
            lengths = np.concatenate([lengths for lengths, _, _ in parts], axis=1)
            if not lengths.size:
                raise InputError(f"No row has at most {max_length} tokens a side.")
            buckets = kind.choose(*lengths, size, config.max_buckets)
            self._run.say("Reading it once more to measure it in tokens.")
            self._measure = measure_corpus(self._corpus, encode, buckets, max_length, self._run.say)
            self.sample = None  # it has served, and takes memory
            buckets.longest = self._measure.longest
            self._buckets = dataclasses.asdict(buckets)
        buckets = kind(**self._buckets)
        return WindowedBatches(
            self._corpus,
            self._measure,
            buckets,
            encode,
            lambda *ids: make(*ids, buckets=buckets),
            config.seed,
            pass_on,
        )

    def save(self, directory):
        """Writes `corpus.json` into a run directory; it says where the files are now."""
        known = {
            RUN: self._run.id,
            "corpus": self._corpus.to_dict(),
            "buckets": self._buckets,
            "measure": dataclasses.asdict(self._measure),
            "held_out": self.held_out,
        }
        write_signed(directory / CORPUS, known)
