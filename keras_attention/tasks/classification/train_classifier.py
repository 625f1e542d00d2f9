"""Training of a classifier from labelled texts to a run directory."""

import json
import warnings

import keras

from keras_attention._validation import TruncationWarning, require
from keras_attention.files import write_atomically
from keras_attention.models import BertEncoder, Classifier, LessonClassifier
from keras_attention.runs.training_run import TrainingRun
from keras_attention.tasks import load_run
from keras_attention.tasks.initial_encoder import initial_encoder
from keras_attention.tasks.keras_runtime import keras_classifier
from keras_attention.text import (
    ClassificationBatches,
    balanced_class_weights,
    label_ids,
    label_names,
    read_labelled,
    split_labelled,
    train_wordpiece,
)
from keras_attention.training import (
    BestCheckpoint,
    LayerwiseAdamW,
    WarmupLinearSchedule,
    classification_scores,
    layer_rate_scales,
)
from keras_attention.training.distribution import jit_options
from keras_attention.training.workers import is_chief
from keras_attention.visualization import save_confusion_plot

VALIDATION_FRACTION = 0.1  # of the training data, where no validation data is given


def read_examples(config, path):
    """The `LabelledTexts` in a file with the columns of `config`."""
    return read_labelled(path, config.text_column, config.label_column, config.pair_column)


def load_examples(config, say=print):
    """The training and the validation examples of `config`: two `LabelledTexts`."""
    train = read_examples(config, config.train)
    if config.valid is not None:
        return train, read_examples(config, config.valid)
    train, valid = split_labelled(train, VALIDATION_FRACTION, config.seed)
    say(f"{len(valid):,} of the training texts are set aside to validate on.")
    return train, valid


def make_classifier(config, encoder, vocabulary_size, num_classes):
    """The untrained classifier of `config`, on `encoder` where there is one."""
    dropout = 0.1 if config.dropout is None else config.dropout
    if config.preset == "lesson":
        return LessonClassifier(
            num_classes,
            vocabulary_size=vocabulary_size,
            max_sequence_length=config.max_sequence_length,
            dropout=dropout,
            labels=config.labels,
        )
    if encoder is None:
        encoder = BertEncoder.from_preset(
            config.preset,
            vocabulary_size=vocabulary_size,
            max_sequence_length=config.max_sequence_length,
            dropout=dropout,
        )
    encoder.trainable = not config.freeze_encoder
    return Classifier(
        encoder,
        num_classes,
        pooling=config.pooling,
        classifier_dropout=dropout,
        labels=config.labels,
    )


def make_batches(config, tokenizer, data, ids, seed=0, max_buckets=None, class_weights=None):
    """The batches of labelled texts, and how many of these were cut."""
    encoded = tokenizer.encode(data.texts, data.pairs, config.max_sequence_length)
    batches = ClassificationBatches(
        encoded.token_ids,
        encoded.segment_ids,
        ids,
        batch_size=config.batch_size,
        max_buckets=max_buckets or config.max_buckets,
        seed=seed,
        class_weights=class_weights,
    )
    return batches, sum(encoded.truncated)


def compile_classifier(model, config, total_steps):
    """AdamW with warm-up and linear decay, the cross-entropy, and the accuracy."""
    warmup = max(1, round(config.warmup_share * total_steps))
    rate_scales = None
    if config.layer_decay is not None:
        require(
            isinstance(model, Classifier),
            "layer_decay",
            "None for a model that has no layers of an encoder",
            layer_decay=config.layer_decay,
        )
        rate_scales = layer_rate_scales(model.encoder.layer_names(), config.layer_decay)
    model.compile(
        optimizer=LayerwiseAdamW(
            WarmupLinearSchedule(config.learning_rate, warmup, total_steps),
            weight_decay=config.weight_decay,
            global_clipnorm=config.clip_norm,
            rate_scales=rate_scales,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        **jit_options(config.jit_compile),
    )


def train_classifier(config, output, resume=False, force=False, quiet=False):
    """Trains a classifier and leaves a run directory: see `TrainingRun`.

    The weights are those of the epoch with the best accuracy on the validation texts, of which the
    directory also holds `scores.json` and `confusion.png`.

    Args:
        config: a `ClassifierConfig`.
        output: path of the run directory.
        resume: whether to go on from the last snapshot in `output`, if there is one.
        force: whether an existing run may be overwritten.
        quiet: whether to print nothing.

    Returns:
        A `TextClassifier` whose Keras model is `.model`.

    Raises:
        InputError: if a file is unusable, or `output` exists and neither `resume` nor `force` is
        given.
    """
    from keras_attention.text import WordPieceTokenizer

    run = TrainingRun(config, output, resume, force, quiet)
    if run.is_finished:
        return load_run(output) if is_chief() else None
    config = run.config
    train, valid = load_examples(config, run.say)  # before anything is written
    if config.labels is None:
        config.labels = label_names(train.labels, config.train)
    names = config.labels
    train_ids, valid_ids = label_ids(train, names), label_ids(valid, names)
    encoder, encoder_tokenizer = None, None
    if config.initial_weights is not None:
        encoder, encoder_tokenizer = initial_encoder(config)

    def make_tokenizer():
        if encoder_tokenizer is not None:
            return encoder_tokenizer
        texts = [*train.texts, *(train.pairs or ())]
        return WordPieceTokenizer(
            train_wordpiece(texts, config.vocabulary_size, config.lowercase), config.lowercase
        )

    tokenizer = run.tokenizer(make_tokenizer, WordPieceTokenizer.load)
    class_weights = None
    if config.class_weights == "balanced":
        class_weights = balanced_class_weights(train_ids, len(names))
    batches, cut = make_batches(
        config, tokenizer, train, train_ids, config.seed, class_weights=class_weights
    )
    # XLA compiles the validation step for each of its shapes, which takes longer than padding.
    valid_batches, valid_cut = make_batches(
        config, tokenizer, valid, valid_ids, max_buckets=1 if config.jit_compile else None
    )
    if cut or valid_cut:
        run.say(
            f"{cut + valid_cut:,} of {len(train) + len(valid):,} texts are longer than "
            f"{config.max_sequence_length} tokens; only their beginnings are read."
        )
    model = make_classifier(config, encoder, tokenizer.vocabulary_size, len(names))
    compile_classifier(model, config, config.epochs * len(batches))
    run.start(tokenizer)
    classifier = keras_classifier(
        model, tokenizer, names, config.max_sequence_length, config.pair_column is not None
    )

    def finish():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncationWarning)  # it has been said
            predicted = classifier.probabilities(valid.texts, valid.pairs).argmax(axis=1)
        scores = classification_scores(valid_ids, predicted, names)
        run.say(f"validation: accuracy {scores['accuracy']:.4f}, macro F1 {scores['macro_f1']:.4f}")
        write_atomically(run.output / "scores.json", json.dumps(scores, indent=2).encode())
        save_confusion_plot(scores["confusion"], names, run.output / "confusion.png", force=True)

    run.fit(
        model,
        batches,
        valid_batches,
        selection=BestCheckpoint(
            run.output / "snapshots" / "best",
            monitor="val_accuracy",
            mode="max",
            patience=config.patience,
            final_epoch=config.epochs,
        ),
        description=f"{len(train):,} texts of {len(names)} labels, "
        f"{tokenizer.vocabulary_size:,} tokens in the vocabulary, {len(batches)} updates an "
        f"epoch, {batches.padding:.0%} padding",
        finish=finish,
    )
    return classifier
