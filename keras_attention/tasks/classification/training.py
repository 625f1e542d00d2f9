"""What the training of a classifier consists of: batches, model, loss and schedule."""

import keras

from keras_attention._validation import require
from keras_attention.models import Classifier, LessonClassifier
from keras_attention.models.encoder_families import encoder_from_preset
from keras_attention.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from keras_attention.tasks.unknown_tokens import say_unknown
from keras_attention.text.batches.classification_batches import (
    ClassificationBatches,
    balanced_class_weights,
)
from keras_attention.training import (
    LayerwiseAdamW,
    WarmupLinearSchedule,
    layer_rate_scales,
)
from keras_attention.training.distiller import student_of
from keras_attention.training.distribution import jit_options

DROPOUT = 0.1  # before the classifier, where neither the user nor the family says another rate


def make_classifier(config, encoder, vocabulary_size, num_classes):
    """The untrained classifier of `config`, on `encoder` where there is one.

    `config.pooling` becomes what it is where it is None.
    """
    if config.is_lesson:
        config.pooling = config.pooling or "mean"
        return LessonClassifier(
            num_classes,
            vocabulary_size=vocabulary_size,
            max_sequence_length=config.max_sequence_length,
            dropout=DROPOUT if config.dropout is None else config.dropout,
            labels=config.labels,
            problem_type=config.problem_type,
        )
    if encoder is None:
        encoder = encoder_from_preset(
            config.preset,
            config.family,
            vocabulary_size=vocabulary_size,
            max_sequence_length=config.max_sequence_length,
            **config.given_of(dropout=config.dropout),
        )
    encoder.trainable = not config.freeze_encoder
    options = encoder.classifier_options()
    config.pooling = config.pooling or options["pooling"]
    if config.pooling != options["pooling"]:
        options = {"pooling": config.pooling}
    given = config.given_of(dropout=config.dropout)
    options["classifier_dropout"] = given.get("dropout", options.get("classifier_dropout", DROPOUT))
    return Classifier(
        encoder,
        num_classes,
        **options,
        labels=config.labels,
        problem_type=config.problem_type,
    )


def class_weights(config, targets):
    """What each class counts, or None for 1; `targets` are the labels of the training texts."""
    if config.class_weights == "balanced":
        return balanced_class_weights(targets, len(config.labels))
    return None


def make_batches(config, tokenizer, data, targets, seed=0, class_weights=None, say=None):
    """The batches of labelled texts, and how many of these were cut.

    `say`, a function of a string, is told of unknown tokens.
    """
    encoded = tokenizer.encode(data.texts, data.pairs, config.max_sequence_length)
    say_unknown(encoded.token_ids, tokenizer.special_ids.unknown, say)
    batches = ClassificationBatches(
        encoded.token_ids,
        encoded.segment_ids,
        targets,
        batch_size=config.batch_size,
        max_buckets=config.max_buckets,
        seed=seed,
        class_weights=class_weights,
        padding_id=tokenizer.padding_id,
    )
    return batches, sum(encoded.truncated)


def compile_classifier(model, config, total_steps):
    """AdamW with warm-up and linear decay, and the loss; the accuracy where a text has one label.

    The loss is a cross-entropy, of each label on its own where several may hold, or the squared
    error of a regression.
    """
    warmup = max(1, round(config.warmup_share * total_steps))
    rate_scales = None
    student = student_of(model)
    if config.layer_decay is not None:
        require(
            isinstance(student, Classifier),
            "layer_decay",
            "None for a model that has no layers of an encoder",
            layer_decay=config.layer_decay,
        )
        rate_scales = layer_rate_scales(student.encoder.layer_names(), config.layer_decay)
    model.compile(
        optimizer=LayerwiseAdamW(
            WarmupLinearSchedule(config.learning_rate, warmup, total_steps),
            weight_decay=config.weight_decay,
            global_clipnorm=config.clip_norm,
            rate_scales=rate_scales,
        ),
        loss=_loss(config.problem_type),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
        if config.problem_type == SINGLE_LABEL
        else None,
        **jit_options(config.jit_compile),
    )


def _loss(problem_type):
    """The loss of a row of logits; rows count as their weights say."""
    reduction = "mean_with_sample_weight"
    if problem_type == REGRESSION:
        return keras.losses.MeanSquaredError(reduction=reduction)
    if problem_type == MULTI_LABEL:
        return keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
