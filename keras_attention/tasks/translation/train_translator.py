"""Training of a translator from files or the built-in corpus to a run directory."""

import keras

from keras_attention._validation import InputError, require
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.runs.streamed_corpus import StreamedCorpus
from keras_attention.runs.training_run import TrainingRun
from keras_attention.tasks import load_run
from keras_attention.tasks.keras_runtime import keras_translator
from keras_attention.text import (
    TranslationBatches,
    TranslationTokenizer,
    drop_empty_pairs,
    phrase_corpus,
    read_parallel,
    train_sentencepiece,
)
from keras_attention.text.batches.pair_buckets import PairBuckets
from keras_attention.text.corpora.shards import find_parallel_shards
from keras_attention.training import (
    AverageCheckpoints,
    LabelSmoothedCrossEntropy,
    NoamSchedule,
    Perplexity,
    TokenAccuracy,
    TranslationScores,
    WarmupLinearSchedule,
)
from keras_attention.training.distribution import jit_options
from keras_attention.training.workers import is_chief

VALIDATION_FRACTION = 0.02  # of the training data, where no validation data is given
SCORED_SENTENCES = 500  # validation sentences that are translated after every epoch


def _find_pairs(config, part):
    """The shards of a part that `config` names, and both names; None if not given."""
    source, target = getattr(config, f"{part}_source"), getattr(config, f"{part}_target")
    if source is None and target is None:
        return None
    if source is None or target is None:
        raise InputError(f"--{part}-source and --{part}-target must be given together.")
    return find_parallel_shards(source, target), source, target


def _read_pairs(config, part, say):
    """The pairs of a part that `config` names, without empty ones; None if not given."""
    found = _find_pairs(config, part)
    if found is None:
        return None
    shards, source, target = found
    parts = [drop_empty_pairs(*read_parallel(*paths)) for paths in shards]
    sources, targets = ([text for part in parts for text in part[side]] for side in (0, 1))
    dropped = sum(part[2] for part in parts)
    if dropped:
        say(f"{source}: {dropped:,} pairs with an empty side are left out.")
    if not sources:
        raise InputError(f"{source} and {target} hold no pair with text on both sides.")
    return sources, targets


def load_corpus(config, say=print):
    """The training and the validation pairs of `config`: two pairs of lists of strings."""
    train, valid = _read_pairs(config, "train", say), _read_pairs(config, "valid", say)
    if train is None:
        if valid is None:
            valid = phrase_corpus(SCORED_SENTENCES, seed=config.seed, split="valid")
        return phrase_corpus(config.corpus_size, seed=config.seed), valid
    if valid is None:
        sources, targets = train
        if len(sources) < 2:
            raise InputError(
                "The corpus has one pair; give two or more, or validation files, so that one is "
                "left to validate on."
            )
        step = max(2, round(1 / VALIDATION_FRACTION))
        start = config.seed % min(step, len(sources))
        held_out = set(range(start, len(sources), step))
        valid = [sources[i] for i in sorted(held_out)], [targets[i] for i in sorted(held_out)]
        train = tuple([x for i, x in enumerate(side) if i not in held_out] for side in train)
    return train, valid


def stream_corpus(config, run):
    """The training pairs of `config` as a `StreamedCorpus`, and the validation pairs."""
    valid = _read_pairs(config, "valid", run.say)
    corpus = StreamedCorpus(run, _find_pairs(config, "train")[0], hold_out=valid is None)
    return corpus, valid or corpus.held_out


def train_tokenizer(config, train, say=print):
    """One vocabulary for both languages of the training pairs."""
    model = train_sentencepiece(
        [*train[0], *train[1]],
        config.vocabulary_size,
        model_type=config.vocabulary_type,
        normalization=config.normalization,
    )
    tokenizer = TranslationTokenizer(model)
    if tokenizer.source.vocabulary_size < config.vocabulary_size:
        say(
            f"The corpus is too small for a vocabulary of {config.vocabulary_size:,}; "
            f"it gets the largest possible one, {tokenizer.source.vocabulary_size:,}."
        )
    return tokenizer


def make_batches(config, tokenizer, pairs, seed=0, max_buckets=None):
    """The batches of sentence pairs."""
    return TranslationBatches(
        tokenizer.source.encode_all(pairs[0]),
        tokenizer.target.encode_all(pairs[1]),
        batch_tokens=config.batch_tokens,
        max_buckets=max_buckets or config.max_buckets,
        max_length=config.max_sequence_length,
        seed=seed,
    )


def stream_batches(config, tokenizer, corpus):
    """The same of a `StreamedCorpus`."""

    def encode(sources, targets):
        return (tokenizer.source.encode_all(sources), tokenizer.target.encode_all(targets)), 0

    options = dict(max_length=config.max_sequence_length)

    def make(sources, targets, buckets):
        return TranslationBatches(
            sources, targets, config.batch_tokens, seed=config.seed, buckets=buckets, **options
        )

    return corpus.batches(encode, PairBuckets, config.batch_tokens, make, **options)


def make_model(config, vocabulary_size):
    """The untrained model of `config`."""
    options = dict(
        vocabulary_size=vocabulary_size,
        dropout=config.dropout,
        max_sequence_length=config.max_sequence_length,
    )
    if config.architecture == "rnn":
        return RNNTranslator.from_preset(config.preset, **options)
    return TransformerTranslator.from_preset(
        config.preset, normalize_first=config.normalize_first, **options
    )


def compile_translator(model, config, total_steps):
    """Adam with the config's schedule, the smoothed loss and the token metrics."""
    warmup = min(config.warmup_steps, max(1, total_steps // 4))
    if config.schedule == "noam":
        # The same peak as the linear schedule: scale / sqrt(D * warmup) = peak.
        scale = config.learning_rate * (model.hidden_dim * warmup) ** 0.5
        schedule = NoamSchedule(model.hidden_dim, warmup, scale)
    else:
        schedule = WarmupLinearSchedule(config.learning_rate, warmup, total_steps)
    model.compile(
        optimizer=keras.optimizers.Adam(
            schedule, beta_1=0.9, beta_2=0.98, epsilon=1e-9, global_clipnorm=config.clip_norm
        ),
        loss=LabelSmoothedCrossEntropy(config.label_smoothing),
        metrics=[TokenAccuracy(), Perplexity()],
        **jit_options(config.jit_compile),
    )


def train_translator(config, output, resume=False, force=False, quiet=False):
    """Trains a translator and leaves a run directory: see `TrainingRun`.

    Args:
        config: a `TranslatorConfig`.
        output: path of the run directory.
        resume: whether to go on from the last snapshot in `output`, if there is one.
        force: whether an existing run may be overwritten.
        quiet: whether to print nothing.

    Returns:
        A `TextTranslator` whose Keras model is `.model`.

    Raises:
        InputError: if a file is unusable, or `output` exists and neither `resume` nor `force` is
        given.
    """
    run = TrainingRun(config, output, resume, force, quiet)
    if run.is_finished:
        return load_run(output) if is_chief() else None
    config = run.config
    # Before anything is written.
    if config.window is None:
        corpus, (train, valid) = None, load_corpus(config, run.say)
    else:
        train, (corpus, valid) = None, stream_corpus(config, run)

    def make_tokenizer():
        if config.initial_weights is not None:
            return load_run(config.initial_weights).tokenizer
        return train_tokenizer(config, train or corpus.sample, run.say)

    tokenizer = run.tokenizer(make_tokenizer, TranslationTokenizer.load)
    if corpus is None:
        batches, pairs = make_batches(config, tokenizer, train, config.seed), len(train[0])
    else:
        batches, pairs = stream_batches(config, tokenizer, corpus), corpus.rows
    # XLA compiles the validation step for each of its shapes, which takes longer than padding.
    valid_batches = make_batches(
        config, tokenizer, valid, max_buckets=2 if config.jit_compile else None
    )
    if batches.dropped:
        run.say(
            f"{batches.dropped:,} pairs longer than {config.max_sequence_length} tokens left out."
        )
    model = make_model(config, tokenizer.target.vocabulary_size)
    if config.initial_weights is not None:
        _copy_weights(config.initial_weights, model)
    compile_translator(model, config, config.epochs * len(batches))
    run.start(tokenizer)
    if corpus is not None and is_chief():
        corpus.save()
    translator = keras_translator(model, tokenizer)
    scored = tuple(side[:SCORED_SENTENCES] for side in valid)
    run.fit(
        model,
        batches,
        valid_batches,
        selection=AverageCheckpoints(
            run.output / "snapshots" / "averaging", config.average_checkpoints, config.epochs
        ),
        description=f"{pairs:,} pairs, {tokenizer.target.vocabulary_size:,} tokens in the "
        f"vocabulary, {len(batches)} updates an epoch, {batches.padding:.0%} padding",
        scores=[TranslationScores(translator.translate, *scored, tokenize=config.bleu_tokenize)],
    )
    return translator


def _copy_weights(run, model):
    weights = load_run(run).model.get_weights()
    shapes = [tuple(w.shape) for w in model.get_weights()]
    require(
        [w.shape for w in weights] == shapes,
        "initial_weights",
        "a run of the same preset",
        initial_weights=str(run),
    )
    model.set_weights(weights)
