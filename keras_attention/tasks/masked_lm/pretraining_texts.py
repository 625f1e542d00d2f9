"""The texts that an encoder is pretrained and validated on."""

import numpy as np

from keras_attention._validation import InputError
from keras_attention.text.corpora.labelled_texts import read_texts, text_of_line
from keras_attention.text.corpora.shards import find_shards
from keras_attention.text.corpora.tabular_files import tabular_format

VALIDATION_FRACTION = 0.02  # of the training data, where no validation data is given


def load_texts(config, say=print):
    """The training and the validation texts of `config`: two lists of strings."""
    train = _read_shards(config.train, config.text_column)
    if config.valid is not None:
        return train, _read_shards(config.valid, config.text_column)
    if len(train) < 2:
        raise InputError(
            f"{config.train}: one text; give two or more, or a validation file, so that one is "
            "left to validate on."
        )
    count = max(1, round(VALIDATION_FRACTION * len(train)))
    order = np.random.default_rng(config.seed).permutation(len(train))
    held_out = set(order[:count].tolist())
    say(f"{count:,} of the training texts are set aside to validate on.")
    return (
        [text for i, text in enumerate(train) if i not in held_out],
        [text for i, text in enumerate(train) if i in held_out],
    )


def _read_shards(pattern, text_column):
    return [text for path in find_shards(pattern) for text in read_texts(path, text_column)]


def nothing_masked(texts):
    """The `InputError` for `texts`, which says what they are, where no token can be masked."""
    return InputError(
        f"No token of {texts} can be masked: they hold nothing but special tokens, or words of "
        "more pieces than `masked_share` of a text. Give longer texts, or mask pieces of words one "
        "by one (`whole_words`)."
    )


def stream_texts(config, run):
    """The training texts of `config` as a `StreamedCorpus`, and the validation texts."""
    from keras_attention.runs.streamed_corpus import StreamedCorpus

    valid = None if config.valid is None else _read_shards(config.valid, config.text_column)

    def parse(line, path, number):
        return text_of_line(line, number, path, config.text_column)

    shards = [(path,) for path in find_shards(config.train)]
    has_columns = any(tabular_format(path) for (path,) in shards)
    column = config.text_column if has_columns else None
    corpus = StreamedCorpus(run, shards, hold_out=valid is None, parse=parse, column=column)
    return corpus, valid or corpus.held_out[0]
