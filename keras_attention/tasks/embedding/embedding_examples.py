"""The pairs of texts that sentence vectors are trained on, and the texts of an export."""

from pathlib import Path

import numpy as np

from keras_attention._validation import InputError
from keras_attention.tasks.comparison import BUILT_IN_TEXTS, OWN_TEXTS
from keras_attention.text.corpora.labelled_texts import LabelledTexts, read_texts
from keras_attention.text.corpora.phrase_corpus import phrase_corpus
from keras_attention.text.corpora.tabular_files import tabular_format
from keras_attention.text.corpora.text_pairs import read_pairs

VALIDATION_FRACTION = 0.1  # of the training data, where no validation data is given
PHRASES = 100  # of the built-in corpus, where there are no other texts
MOST = 500  # texts: each format embeds them twice


def load_pairs(config, say=print):
    """The training and the validation pairs of `config`: two `LabelledTexts`.

    A pair with a text of nothing is left out. Scores are not read: what is trained on is pairs that
    belong together.

    Raises:
        InputError: if a file is unusable, or too few pairs are left.
    """
    train = _pairs_of(config.train, config, say)
    if config.valid is not None:
        return train, _pairs_of(config.valid, config, say)
    train, valid = split_pairs(train, config.seed)
    say(f"{len(valid):,} of the training pairs are set aside to validate on.")
    return train, valid


def _pairs_of(path, config, say):
    pairs, left_out = _read(path, config.text_column, config.pair_column)
    if left_out:
        say(f"{left_out:,} pairs of {path} have a text of nothing and are left out.")
    if len(pairs) < 2:
        raise InputError(f"{path}: expected two pairs of texts or more. Received: {len(pairs)}")
    return pairs


def _read(path, text_column, pair_column):
    """The pairs of a file without those that have a text of nothing, and how many these are."""
    data = read_pairs(path, text_column, pair_column, with_scores=False)
    kept = data.with_text()
    return kept, len(data) - len(kept)


def split_pairs(pairs, seed):
    """A tenth of the pairs, at least one, set aside by the seed: training and validation."""
    count = max(1, round(VALIDATION_FRACTION * len(pairs)))
    order = np.random.default_rng(seed).permutation(len(pairs))
    return pairs.take(np.sort(order[count:])), pairs.take(np.sort(order[:count]))


def texts_to_compare_on(config, valid=None):
    """The different texts of an export, of a file, of the run's own data or of the built-in corpus;
    and what they are, in words.

    Args:
        config: of the run, a dict.
        valid: path of texts, one a line, or of a table with two texts a row; None for the run's own
            validation data. A run that was not trained here has none: then phrases of the built-in
            corpus show the agreement.

    Raises:
        InputError: if a file is unusable.
    """
    columns = config.get("text_column"), config.get("pair_column")
    if valid is not None:
        return texts_of_file(valid, *columns), f"the texts of {Path(valid).name}"
    if not config.get("train"):
        return phrase_corpus(PHRASES, split="valid")[0], BUILT_IN_TEXTS
    try:
        if config.get("valid"):
            pairs, _ = _read(config["valid"], *columns)
        else:
            pairs, _ = _read(config["train"], *columns)
            _, pairs = split_pairs(pairs, config["seed"])
    except InputError as error:
        raise InputError(f"{error} Give `valid` a file of texts to compare on.") from error
    return texts_of_examples(pairs), OWN_TEXTS


def texts_of_file(path, text_column=None, pair_column=None):
    """At most 500 different texts of a file: lines, or a table with two texts a row."""
    if tabular_format(path) is None:
        return texts_of_examples(read_texts(path))
    return texts_of_examples(_read(path, text_column, pair_column)[0])


def texts_of_examples(examples):
    """At most 500 different texts: of a list of strings, or of both columns of `LabelledTexts`."""
    if isinstance(examples, LabelledTexts):
        columns = [each for each in (examples.texts, examples.pairs) if each is not None]
        examples = [text for row in zip(*columns, strict=True) for text in row]
    return list(dict.fromkeys(examples))[:MOST]
