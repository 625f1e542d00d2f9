"""What masked-LM pretraining consists of (Devlin et al. 2018, section 3.1)."""

import collections

import keras

from keras_attention.models import MaskedLM
from keras_attention.tasks.masked_lm.pretraining_texts import nothing_masked
from keras_attention.text.batches.encoder_batches import LengthBuckets
from keras_attention.text.batches.masked_lm_batches import MaskedLMBatches
from keras_attention.training import (
    Distiller,
    LabelSmoothedCrossEntropy,
    LayerwiseAdamW,
    TokenAccuracy,
    WarmupLinearSchedule,
)
from keras_attention.training.distribution import jit_options


def make_model(config, vocabulary_size):
    """The untrained model of `config`."""
    return MaskedLM.from_preset(
        config.preset,
        family=config.family,
        vocabulary_size=vocabulary_size,
        max_sequence_length=config.max_sequence_length,
        **config.given_of(dropout=config.dropout),
    )


def make_batches(config, tokenizer, texts, seed=0):
    """The batches of texts, and how many of these were cut."""
    encoded = tokenizer.encode(texts, max_length=config.max_sequence_length)
    batches = _batches_of_ids(config, tokenizer, encoded.token_ids, seed)
    return batches, sum(encoded.truncated)


def stream_batches(config, tokenizer, corpus):
    """The batches of a `StreamedCorpus` of texts, and how many of these were cut."""

    def encode(texts):
        encoded = tokenizer.encode(texts, max_length=config.max_sequence_length)
        return (encoded.token_ids,), sum(encoded.truncated)

    def make(token_ids, buckets):
        return _batches_of_ids(config, tokenizer, token_ids, config.seed, buckets=buckets)

    batches = corpus.batches(encode, LengthBuckets, config.batch_size, make, pass_on=True)
    return batches, corpus.cut


def _batches_of_ids(config, tokenizer, token_ids, seed, buckets=None):
    return MaskedLMBatches.of_tokenizer(
        tokenizer,
        token_ids,
        config.batch_size,
        whole_words=config.whole_words,
        rate=config.masked_share,
        max_buckets=config.max_buckets,
        seed=seed,
        buckets=buckets,
    )


def compile_masked_lm(model, config, total_steps):
    """AdamW with warm-up and linear decay; loss and accuracy are means over the masked tokens."""
    # One number, computed in two ways: the latter lets a distillation do without logits.
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    if isinstance(model, Distiller):
        loss = LabelSmoothedCrossEntropy(label_smoothing=0.0, ignore_class=None)
    warmup = max(1, round(config.warmup_share * total_steps))
    model.compile(
        optimizer=LayerwiseAdamW(
            WarmupLinearSchedule(config.learning_rate, warmup, total_steps),
            weight_decay=config.weight_decay,
            global_clipnorm=config.clip_norm,
        ),
        loss=loss,
        weighted_metrics=[TokenAccuracy(ignore_class=None)],  # weights say what counts
        **jit_options(config.jit_compile),
    )


def require_masked(batches, texts):
    """Raises `InputError` if no token is masked in an epoch; `texts` says what the batches hold."""
    if not any(weights.any() for _, _, weights in batches.epochs(epochs=1)):
        raise nothing_masked(texts)


def most_frequent_rate(batches):
    """The share of the masked tokens that are the most frequent one of them."""
    counts = collections.Counter()
    for _, labels, weights in batches.epochs(epochs=1):
        counts.update(labels[weights > 0].tolist())
    return max(counts.values(), default=0) / max(1, counts.total())
