"""What the training of a language model consists of: batches, model, loss and schedule."""

from keras_attention._validation import InputError
from keras_attention.models.block_language_model import BlockLanguageModel
from keras_attention.models.language_model_families import language_model_class
from keras_attention.text.batches.batch_rounds import BatchRounds
from keras_attention.text.batches.language_model_batches import LanguageModelBatches
from keras_attention.training import (
    LabelSmoothedCrossEntropy,
    LayerwiseAdamW,
    Perplexity,
    WarmupCosineSchedule,
)
from keras_attention.training.distribution import jit_options

VALIDATED_TOKENS = 4096  # of a batch of validation, about
BETA_2 = 0.99  # of Adam: batches of few tokens want longer means than GPT-3's 0.95


def make_batches(config, stream):
    """The batches of training, of a `TokenStream`."""
    batches = LanguageModelBatches(
        stream, config.max_sequence_length, config.batch_size, seed=config.seed
    )
    if config.steps_per_epoch is None:
        return batches
    return BatchRounds(batches, config.steps_per_epoch)


def make_valid_batches(config, stream):
    """The batches of validation: every token but a document's first is scored once."""
    rows = max(config.batch_size, VALIDATED_TOKENS // config.max_sequence_length)
    return LanguageModelBatches(stream, config.max_sequence_length, rows, shuffled=False)


def make_model(config, tokenizer):
    """The untrained model of `config`."""
    return language_model_class(config.preset).from_preset(
        config.preset,
        vocabulary_size=tokenizer.vocabulary_size,
        max_sequence_length=config.max_sequence_length,
        special_ids=tokenizer.special_ids,
        **config.given_of(dropout=config.dropout),
    )


def continued_model(model, config):
    """The model that a training begins with: that of the initial weights, with `config.dropout`.

    Raises:
        InputError: if the windows are longer than what the model reads, or its dropout is its own.
    """
    if config.max_sequence_length > model.max_sequence_length:
        raise InputError(
            f"`max_sequence_length` {config.max_sequence_length} is more than the "
            f"{model.max_sequence_length:,} positions of {config.initial_weights}."
        )
    if config.dropout is None:
        return model
    if not isinstance(model, BlockLanguageModel):
        raise InputError(
            f"`dropout` {config.dropout} is not possible with {config.initial_weights}: its model "
            f"is a {type(model).__name__} of your own. Leave it out."
        )
    return model.with_dropout(config.dropout)


def compile_language_model(model, config, total_steps):
    """AdamW with warm-up and a cosine to a tenth; the loss is the mean over all tokens, in nats."""
    warmup = min(config.warmup_steps, max(1, total_steps // 4))
    schedule = WarmupCosineSchedule(
        config.learning_rate, warmup, total_steps, final_share=config.final_rate_share
    )
    model.compile(
        optimizer=LayerwiseAdamW(
            schedule,
            weight_decay=config.weight_decay,
            beta_2=BETA_2,
            global_clipnorm=config.clip_norm,
        ),
        # Without smoothing; it needs no logits of a whole batch.
        loss=LabelSmoothedCrossEntropy(label_smoothing=0.0, ignore_class=None),
        weighted_metrics=[Perplexity(ignore_class=None)],  # weights say what counts
        **jit_options(config.jit_compile),
    )
