"""The base class of published families of encoders: their heads, labels and tokenizers."""

from keras_attention._validation import InputError
from keras_attention.checkpoints.family import Family
from keras_attention.checkpoints.published_labels import (
    label_config,
    labels_of,
    problem_type_of_config,
    unnamed_labels,
)
from keras_attention.models import (
    Classifier,
    ClassifierHead,
    EncoderHead,
    MaskedLM,
    SentenceEncoder,
    TokenClassifier,
)
from keras_attention.models.classifier_head import require_labels
from keras_attention.problem_types import SINGLE_LABEL
from keras_attention.text.tokenizers import load_encoder_tokenizer

ENCODER = "encoder"  # the task of the bare model
EMBEDDING = "embedding"  # that of the bare model with the modules of sentence-transformers


class EncoderFamily(Family):
    """A family of `Encoder`s, with the heads of this package: see `Family`."""

    bare_task = ENCODER
    head_classes = (Classifier, MaskedLM, SentenceEncoder, TokenClassifier)

    @property
    def tasks(self):
        return (*super().tasks, EMBEDDING)

    def bare(self, model):
        return model.encoder if isinstance(model, EncoderHead) else model

    def task_config(self, task, config, path):
        """The config, with what it says of a classifier's logits under "problem_type"."""
        if task not in ("classifier", "token-classifier"):
            return config
        problem_type = problem_type_of_config(config, path)
        if task == "token-classifier" and problem_type not in (None, SINGLE_LABEL):
            raise InputError(
                f"{path} says that the logits of a token are those of {problem_type}; a token "
                f"classifier here is of {SINGLE_LABEL} alone."
            )
        return {**config, "problem_type": problem_type}

    def complete(self, model, config, path):
        if isinstance(model, ClassifierHead):
            model.labels = labels_of(config, model.num_classes, path)

    def label_config(self, model, labels=None):
        if not isinstance(model, ClassifierHead):
            return super().label_config(model, labels)
        labels = model.labels if labels is None else require_labels(labels, model.num_classes)
        config = label_config(labels or unnamed_labels(model.num_classes))
        if isinstance(model, Classifier) and model.problem_type != SINGLE_LABEL:
            config["problem_type"] = model.problem_type
        return config

    def load_tokenizer(self, directory):
        """The tokenizer that a directory names, else that of `bare_class`."""
        return load_encoder_tokenizer(directory, self.bare_class.tokenizer_class)
