"""What the training of sentence vectors consists of: batches, model, loss and schedule."""

import json

from keras_attention._validation import InputError, truncation_is_known
from keras_attention.files import write_atomically
from keras_attention.models import SentenceEncoder
from keras_attention.models.encoder_families import encoder_from_preset
from keras_attention.tasks.embedding.evaluation import pair_scores
from keras_attention.text.batches.text_pair_batches import TextPairBatches
from keras_attention.training import (
    LayerwiseAdamW,
    MultipleNegativesRanking,
    WarmupLinearSchedule,
)
from keras_attention.training.distribution import jit_options


def make_batches(config, tokenizer, pairs, seed=0):
    """The batches of pairs, and how many texts of these were cut."""
    both = [
        tokenizer.encode(texts, None, config.max_sequence_length)
        for texts in (pairs.texts, pairs.pairs)
    ]
    batches = TextPairBatches(
        *(encoded.token_ids for encoded in both),
        batch_size=config.batch_size,
        max_buckets=config.max_buckets,
        seed=seed,
        padding_id=tokenizer.padding_id,
    )
    return batches, sum(sum(encoded.truncated) for encoded in both)


def make_sentence_encoder(config, vocabulary_size):
    """The untrained model of `config`, from random weights."""
    encoder = encoder_from_preset(
        config.preset,
        config.family,
        vocabulary_size=vocabulary_size,
        max_sequence_length=config.max_sequence_length,
        **config.given_of(dropout=config.dropout),
    )
    return SentenceEncoder(encoder, pooling=config.pooling)


def compile_sentence_encoder(model, config, total_steps):
    """AdamW with warm-up and linear decay, and the loss over the pairs of a batch.

    Several replicas exchange their vectors within the forward pass, which XLA cannot compile.

    Raises:
        InputError: if XLA is asked for with several replicas.
    """
    import tensorflow as tf

    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        if config.jit_compile is True:
            raise InputError(
                "`jit_compile` must be False over several replicas: they exchange the vectors of a "
                "batch, which XLA cannot compile. Received: jit_compile=True"
            )
        config.jit_compile = False
    warmup = max(1, round(config.warmup_share * total_steps))
    model.compile(
        optimizer=LayerwiseAdamW(
            WarmupLinearSchedule(config.learning_rate, warmup, total_steps),
            weight_decay=config.weight_decay,
            global_clipnorm=config.clip_norm,
        ),
        loss=MultipleNegativesRanking(config.scale, config.symmetric),
        **jit_options(config.jit_compile),
    )


def write_scores(directory, embedder, pairs):
    """Writes scores.json of a run, and returns a clause on the scores."""
    with truncation_is_known():  # it has been said
        scores = pair_scores(embedder, pairs)
    write_atomically(directory / "scores.json", json.dumps(scores, indent=2).encode())
    return f"recall@1 {scores['recall_at_1']:.4f} of {scores['pairs']:,} pairs"
