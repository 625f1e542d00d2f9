"""The labelled texts that a classifier is trained and validated on."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.tasks.classification.stated_problem_type import stated_problem_type
from keras_attention.tasks.comparison import BUILT_IN_TEXTS, OWN_TEXTS
from keras_attention.text.corpora.label_values import label_targets
from keras_attention.text.corpora.labelled_texts import (
    LabelledTexts,
    read_labelled,
    split_labelled,
)
from keras_attention.text.corpora.phrase_corpus import phrase_corpus

VALIDATION_FRACTION = 0.1  # of the training data, where no validation data is given
PHRASES = 200  # of the built-in corpus, where there are no labelled texts


def read_examples(config, path):
    """The `LabelledTexts` in a file with the columns of `config`."""
    columns = config.text_column, config.label_column, config.pair_column
    return read_labelled(path, *columns, config.problem_type)


def load_examples(config, say=print):
    """The training and the validation examples of `config`: two `LabelledTexts`.

    A row with a text of nothing is left out.
    """
    train = _with_text(read_examples(config, config.train), say)
    if config.valid is not None:
        return train, _with_text(read_examples(config, config.valid), say)
    train, valid = split_labelled(train, VALIDATION_FRACTION, config.seed)
    say(f"{len(valid):,} of the training texts are set aside to validate on.")
    return train, valid


def _with_text(data, say):
    kept = data.with_text()
    if not len(kept):
        raise InputError(f"{data.path}: no row has a text.")
    if len(kept) < len(data):
        left_out = f"{len(data) - len(kept):,} of {len(data):,} rows"
        say(f"{data.path}: {left_out} have a text of nothing and are left out.")
    return kept


def examples_to_compare_on(config, valid=None):
    """The `LabelledTexts` of an export, of a file, of the run's own data, or without labels; and
    what they are, in words.

    Args:
        config: of the run, a dict.
        valid: path of labelled texts, or None for the run's own validation data. A run that was
            not trained here has none: then phrases of the built-in corpus show the agreement.

    Raises:
        InputError: if a file is unusable, or holds a label that the classifier does not know.
    """
    if valid is None and not config.get("train"):
        return _phrases(config), BUILT_IN_TEXTS
    columns = [config.get(name) for name in ("text_column", "label_column", "pair_column")]
    kind = stated_problem_type("config.json", config)
    own = valid or config.get("valid")
    try:
        if own is not None:
            data = read_labelled(own, columns[0] or "text", columns[1] or "label", columns[2], kind)
        else:  # some of the training texts were set aside
            data = read_labelled(config["train"], *columns, kind).with_text()
            data = split_labelled(data, VALIDATION_FRACTION, config["seed"])[1]
    except InputError as error:
        if valid is not None:
            raise
        raise InputError(f"{error} Give `valid` a file of labelled texts to compare on.") from error
    label_targets(data, config["labels"], kind)  # every label is a known one
    return data, OWN_TEXTS if valid is None else f"the texts of {Path(valid).name}"


def _phrases(config):
    texts, others = phrase_corpus(PHRASES, split="valid")
    pairs = others if config.get("pair_column") is not None else None
    return LabelledTexts(texts, pairs, None)
