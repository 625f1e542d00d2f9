"""What the training of a translator consists of: vocabulary, batches, model, loss and schedule."""

import keras

from keras_attention._validation import require
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.text.batches.translation_batches import PairBuckets, TranslationBatches
from keras_attention.text.tokenizers.sentencepiece_vocabulary import train_sentencepiece
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
    """The batches of a `StreamedCorpus` of sentence pairs."""

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


def copy_weights(initial, model, name):
    """Gives `model` the weights of another one of the same shapes, from the run `name`."""
    weights = initial.get_weights()
    shapes = [tuple(w.shape) for w in model.get_weights()]
    require(
        [w.shape for w in weights] == shapes,
        "initial_weights",
        "a run of the same preset",
        initial_weights=str(name),
    )
    model.set_weights(weights)


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
