"""What the training of a translator consists of: vocabulary, batches, model, loss and schedule."""

import keras

from keras_attention._validation import InputError
from keras_attention.runs.architecture import DROPOUT, architecture
from keras_attention.tasks.translation.translator_families import translator_family
from keras_attention.tasks.unknown_tokens import say_unknown
from keras_attention.text.batches.translation_batches import PairBuckets, TranslationBatches
from keras_attention.text.tokenizers.train_sentencepiece import train_sentencepiece
from keras_attention.text.tokenizers.translation_tokenizer import TranslationTokenizer
from keras_attention.training import (
    LabelSmoothedCrossEntropy,
    NoamSchedule,
    Perplexity,
    TokenAccuracy,
    WarmupLinearSchedule,
)
from keras_attention.training.distribution import jit_options


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


def make_batches(config, tokenizer, pairs, seed=0, say=None):
    """The batches of sentence pairs. `say`, a function of a string, is told of unknown tokens."""
    sources, targets = (
        processor.encode_all(texts)
        for processor, texts in zip((tokenizer.source, tokenizer.target), pairs, strict=True)
    )
    say_unknown([*sources, *targets], tokenizer.special_ids.unknown, say)
    return TranslationBatches(
        sources,
        targets,
        batch_tokens=config.batch_tokens,
        max_buckets=config.max_buckets,
        max_length=config.max_sequence_length,
        seed=seed,
        special_ids=tokenizer.special_ids,
    )


def stream_batches(config, tokenizer, corpus):
    """The batches of a `StreamedCorpus` of sentence pairs."""

    def encode(sources, targets):
        return (tokenizer.source.encode_all(sources), tokenizer.target.encode_all(targets)), 0

    options = dict(max_length=config.max_sequence_length)
    special_ids = tokenizer.special_ids

    def make(sources, targets, buckets):
        return TranslationBatches(
            sources,
            targets,
            config.batch_tokens,
            seed=config.seed,
            buckets=buckets,
            special_ids=special_ids,
            **options,
        )

    return corpus.batches(encode, PairBuckets, config.batch_tokens, make, **options)


def make_model(config, vocabulary_size, **vocabulary):
    """The untrained model of `config`.

    Args:
        config: with a preset.
        vocabulary_size: V.
        **vocabulary: what else the model is told of it, such as `special_ids`.

    Raises:
        InputError: if the config names an architecture or a preset that is unknown.
    """
    family, preset = translator_family(config.architecture, config.preset)
    return family.from_preset(
        preset,
        config,
        **vocabulary,
        vocabulary_size=vocabulary_size,
        dropout=config.dropout,
        max_sequence_length=config.max_sequence_length,
    )


def continued_model(model, config, custom_objects=None):
    """The model that a training begins with, ready to be trained.

    Its class, its layers and its vocabulary are those of the initial weights. The dropout and the
    longest sentence are the config's.

    Args:
        model: that of the run `config.initial_weights`.
        config: its preset is the one that the model is of, or None for any other model.
        custom_objects: as that of `keras_attention.load`.

    Raises:
        InputError: if the preset is of another model, or the model cannot be changed so.
    """
    if config.preset is None:
        other = _changed(model, config, custom_objects)
    else:
        names = ("vocabulary_size", "source_vocabulary_size", "special_ids", "forbidden_ids")
        other = make_model(config, **{name: getattr(model, name) for name in names})
        free = {*DROPOUT, "dtype", "max_sequence_length"}  # a training says them itself
        if architecture(other, free) != architecture(model, free):
            raise InputError(
                f"`preset` {config.preset!r} of architecture {config.architecture!r} is not what "
                f"{config.initial_weights} holds: it is for random weights. Leave both out to go "
                f"on with the {type(model).__name__} there."
            )
    if other is not model:
        other.set_weights(model.get_weights())
    return other


def _changed(model, config, custom_objects):
    """A model of any class, with the dropout and the longest sentence of a config."""
    own, changed = model.get_config(), {}
    for name in ("dropout", "max_sequence_length"):
        value, known = getattr(config, name), getattr(model, name, None)
        if name in own and value not in (None, own[name]):
            changed[name] = value
        elif name not in own and value is not None and (known is None or value > known):
            raise InputError(
                f"`{name}` {value} is not possible with {config.initial_weights}: the config of "
                f"its {type(model).__name__} has no `{name}`. Leave it out."
            )
    if not changed:
        return model
    with keras.saving.custom_object_scope(custom_objects or {}):
        other = type(model).from_config({**own, **changed})
    if [w.shape for w in other.weights] != [w.shape for w in model.weights]:
        told = " and ".join(f"`{name}` {value}" for name, value in changed.items())
        raise InputError(
            f"{told} is not possible with {config.initial_weights}: the weights of its "
            f"{type(model).__name__} would have other shapes. Leave it out."
        )
    return other


def compile_translator(model, config, total_steps):
    """Adam with the config's schedule, the smoothed loss and the token metrics."""
    padding = model.special_ids.padding
    warmup = min(config.warmup_steps, max(1, total_steps // 4))
    if config.schedule == "noam":
        if model.hidden_dim is None:
            raise InputError(
                f"`schedule` 'noam' needs a model with `hidden_dim`, its width. A "
                f"{type(model).__name__} has none; take 'linear'."
            )
        # The same peak as the linear schedule: scale / sqrt(D * warmup) = peak.
        scale = config.learning_rate * (model.hidden_dim * warmup) ** 0.5
        schedule = NoamSchedule(model.hidden_dim, warmup, scale)
    else:
        schedule = WarmupLinearSchedule(config.learning_rate, warmup, total_steps)
    model.compile(
        optimizer=keras.optimizers.Adam(
            schedule, beta_1=0.9, beta_2=0.98, epsilon=1e-9, global_clipnorm=config.clip_norm
        ),
        loss=LabelSmoothedCrossEntropy(config.label_smoothing, ignore_class=padding),
        metrics=[TokenAccuracy(ignore_class=padding), Perplexity(ignore_class=padding)],
        **jit_options(config.jit_compile),
    )
