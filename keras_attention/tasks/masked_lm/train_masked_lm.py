"""Pretraining of an encoder by masked tokens (Devlin et al. 2018, section 3.1)."""

import collections

import keras
import numpy as np

from keras_attention._validation import InputError
from keras_attention.models import MaskedLM
from keras_attention.runs.run_files import read_model
from keras_attention.runs.streamed_corpus import StreamedCorpus
from keras_attention.runs.training_run import TrainingRun
from keras_attention.tasks.initial_encoder import initial_masked_lm
from keras_attention.text import MaskedLMBatches, read_texts, train_wordpiece
from keras_attention.text.batches.length_buckets import LengthBuckets
from keras_attention.text.corpora.labelled_texts import text_of_line
from keras_attention.text.corpora.shards import find_shards
from keras_attention.training import (
    LayerwiseAdamW,
    TokenAccuracy,
    WarmupLinearSchedule,
)
from keras_attention.training.distribution import jit_options
from keras_attention.training.workers import is_chief

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


def stream_texts(config, run):
    """The training texts of `config` as a `StreamedCorpus`, and the validation texts."""
    valid = None if config.valid is None else _read_shards(config.valid, config.text_column)

    def parse(line, path, number):
        return text_of_line(line, number, path, config.text_column)

    shards = [(path,) for path in find_shards(config.train)]
    corpus = StreamedCorpus(run, shards, hold_out=valid is None, parse=parse)
    return corpus, valid or corpus.held_out[0]


def make_batches(config, tokenizer, texts, seed=0, max_buckets=None):
    """The batches of texts, and how many of these were cut."""
    encoded = tokenizer.encode(texts, max_length=config.max_sequence_length)
    batches = _batches_of_ids(config, tokenizer, encoded.token_ids, seed, max_buckets)
    return batches, sum(encoded.truncated)


def stream_batches(config, tokenizer, corpus):
    """The same of a `StreamedCorpus`."""

    def encode(texts):
        encoded = tokenizer.encode(texts, max_length=config.max_sequence_length)
        return (encoded.token_ids,), sum(encoded.truncated)

    def make(token_ids, buckets):
        return _batches_of_ids(config, tokenizer, token_ids, config.seed, buckets=buckets)

    batches = corpus.batches(encode, LengthBuckets, config.batch_size, make, pass_on=True)
    return batches, corpus.cut


def _batches_of_ids(config, tokenizer, token_ids, seed, max_buckets=None, buckets=None):
    return MaskedLMBatches(
        token_ids,
        None,
        config.batch_size,
        mask_id=tokenizer.mask_id,
        special_ids=[tokenizer.padding_id, tokenizer.start_id, tokenizer.end_id],
        is_continuation=[token.startswith("##") for token in tokenizer.vocabulary],
        whole_words=config.whole_words,
        rate=config.masked_share,
        max_buckets=max_buckets or config.max_buckets,
        seed=seed,
        buckets=buckets,
    )


def compile_masked_lm(model, config, total_steps):
    """AdamW with warm-up and linear decay; loss and accuracy are means over the masked tokens."""
    warmup = max(1, round(config.warmup_share * total_steps))
    model.compile(
        optimizer=LayerwiseAdamW(
            WarmupLinearSchedule(config.learning_rate, warmup, total_steps),
            weight_decay=config.weight_decay,
            global_clipnorm=config.clip_norm,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[TokenAccuracy()],
        **jit_options(config.jit_compile),
    )


def train_masked_lm(config, output, resume=False, force=False, quiet=False):
    """Pretrains an encoder and leaves a run directory: see `TrainingRun`.

    Tokens are masked anew in every epoch, but those of the validation texts once and for all. The
    weights are those of the last epoch: more of it is better to fine-tune, also where texts never
    seen are guessed no better any more (docs/results.md).

    Args:
        config: a `MaskedLMConfig`.
        output: path of the run directory.
        resume: whether to go on from the last snapshot in `output`, if there is one.
        force: whether an existing run may be overwritten.
        quiet: whether to print nothing.

    Returns:
        The `MaskedLM`.

    Raises:
        InputError: if a file is unusable, or `output` exists and neither `resume` nor `force` is
        given.
    """
    from keras_attention.text import WordPieceTokenizer

    run = TrainingRun(config, output, resume, force, quiet)
    if run.is_finished:
        return read_model(output) if is_chief() else None
    config = run.config
    # Before anything is written.
    if config.window is None:
        corpus, (train, valid) = None, load_texts(config, run.say)
    else:
        train, (corpus, valid) = None, stream_texts(config, run)
    model, model_tokenizer = None, None
    if config.initial_weights is not None:
        model, model_tokenizer = initial_masked_lm(config)

    def make_tokenizer():
        if model_tokenizer is not None:
            return model_tokenizer
        return WordPieceTokenizer(
            train_wordpiece(train or corpus.sample[0], config.vocabulary_size, config.lowercase),
            config.lowercase,
        )

    tokenizer = run.tokenizer(make_tokenizer, WordPieceTokenizer.load)
    if corpus is None:
        texts, (batches, cut) = len(train), make_batches(config, tokenizer, train, config.seed)
    else:
        texts, (batches, cut) = corpus.rows, stream_batches(config, tokenizer, corpus)
    # XLA compiles the validation step for each of its shapes, which takes longer than padding.
    valid_batches, valid_cut = make_batches(
        config, tokenizer, valid, max_buckets=1 if config.jit_compile else None
    )
    if cut or valid_cut:
        run.say(
            f"{cut + valid_cut:,} of {texts + len(valid):,} texts are longer than "
            f"{config.max_sequence_length} tokens; only their beginnings are read."
        )
    if model is None:
        model = MaskedLM.from_preset(
            config.preset,
            vocabulary_size=tokenizer.vocabulary_size,
            max_sequence_length=config.max_sequence_length,
            dropout=0.1 if config.dropout is None else config.dropout,
        )
    compile_masked_lm(model, config, config.epochs * len(batches))
    run.start(tokenizer)
    if corpus is not None and is_chief():
        corpus.save()
    run.fit(
        model,
        batches,
        valid_batches,
        description=f"{texts:,} texts, {tokenizer.vocabulary_size:,} tokens in the "
        f"vocabulary, {len(batches)} updates an epoch, {batches.padding:.0%} padding; guessing the "
        f"most frequent token is right for {most_frequent_rate(valid_batches):.1%}",
    )
    return model


def most_frequent_rate(batches):
    """The share of the masked tokens that are the most frequent one of them."""
    counts = collections.Counter()
    for _, labels, weights in batches.epochs(epochs=1):
        counts.update(labels[weights > 0].tolist())
    return max(counts.values(), default=0) / max(1, counts.total())
