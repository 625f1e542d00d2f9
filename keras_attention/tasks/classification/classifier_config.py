"""Everything that is needed to repeat the training of a classifier."""

import dataclasses

from keras_attention._validation import InputError, require, require_positive_integer
from keras_attention.problem_types import PROBLEM_TYPES, SINGLE_LABEL
from keras_attention.runs.preset_for import encoder_preset_for
from keras_attention.runs.run_config import (
    RunConfig,
    require_encoder_training,
    require_random_weights,
)
from keras_attention.tasks.distillation_config import (
    DISTILLATION,
    require_distillation,
    with_weights,
)

POOLINGS = ("pooled", "mean", "cls")
LESSON = "lesson"  # the preset of `LessonClassifier`, which is of no family

# What suits a preset from random weights, whatever its family, where it differs from the defaults
# below, which suit pretrained ones (Devlin et al. 2018, appendix A.3).
SMALL = dict(learning_rate=1e-3, epochs=5)
OTHER = dict(learning_rate=1e-4, epochs=5)
PRESET_OPTIONS = {
    LESSON: dict(
        learning_rate=3e-3,
        epochs=5,
        vocabulary_size=20_000,
        max_sequence_length=256,
        weight_decay=0.0,
    ),
    "tiny": SMALL,
    "mini": SMALL,
    "small": dict(learning_rate=5e-4, epochs=5),
    "medium": dict(learning_rate=3e-4, epochs=5),
    "base": OTHER,
    "large": dict(learning_rate=5e-5, epochs=5),
}


@dataclasses.dataclass
class ClassifierConfig(RunConfig):
    """The options of training a classifier; `config.json` of a run holds them all.

    >>> ClassifierConfig.for_preset(initial_weights="minilm", train="reviews.csv")
    """

    train: str | None = None
    valid: str | None = None
    text_column: str = "text"
    label_column: str = "label"
    pair_column: str | None = None
    problem_type: str = SINGLE_LABEL
    preset: str | None = None  # None: the architecture of `initial_weights`, or of the teacher
    family: str | None = "bert"  # of the preset; None of lesson and where there is none
    initial_weights: str | None = None
    teacher: str | None = None
    distillation_temperature: float | None = None  # None: 2, with a teacher
    distillation_weights: list | None = None  # None: 5, 2, 1, with a teacher
    epochs: int = 3
    seed: int = 0
    # text
    vocabulary_size: int = 8000
    lowercase: bool = True
    max_sequence_length: int = 128
    # batches
    batch_size: int = 32
    max_buckets: int = 4
    # model
    pooling: str | None = None  # None: that of `Encoder.classifier_options`
    dropout: float | None = None  # None: 0.1, or that of the initial weights
    freeze_encoder: bool = False
    # optimisation
    learning_rate: float | None = None  # None: that of a preset, or see `fine_tuning_rate`
    warmup_share: float = 0.1  # of all updates
    weight_decay: float = 0.01
    layer_decay: float | None = None  # factor on the learning rate from a block to the one below
    clip_norm: float | None = 1.0
    class_weights: str = "none"
    patience: int | None = None  # epochs without a better one after which training stops
    jit_compile: bool | str = "auto"
    snapshot_every: int | None = None
    labels: list | None = None  # names, from the training data
    kind: str = "classifier"

    suits = PRESET_OPTIONS
    lora_factor = 10  # Schulman et al. 2025, "LoRA Without Regret"
    changeable = frozenset(
        {"warmup_share", "weight_decay", "layer_decay", "class_weights", "patience"} | DISTILLATION
    )
    data = (*RunConfig.data, "text_column", "label_column")

    @classmethod
    def for_preset(cls, preset=None, initial_weights=None, family=None, **options):
        """The options that suit what training begins with, changed by `options`.

        Args:
            preset: a size for random weights, "lesson" by default; with a teacher the teacher's.
            initial_weights: directory of weights to begin with, or None for random ones.
            family: of the preset, a key of `ENCODER_FAMILIES`; "bert" by default.
            **options: fields of this class; those that are None are left alone.

        Raises:
            InputError: if the preset is unknown, or an option does not concern it or the weights.
            ValueError: if the family is unknown.
        """
        asked = cls.given_of(preset=preset, initial_weights=initial_weights, family=family)
        given = cls.given_of(**with_weights(options))
        teacher = given.get("teacher")
        preset, family = encoder_preset_for(preset, family, initial_weights, [LESSON], teacher)
        require_random_weights(initial_weights, given)
        if preset == LESSON and given.get("pooling", "mean") != "mean":
            raise InputError(
                "`pooling` concerns encoders of a family: lesson has the mean of all tokens."
            )
        suited = {} if preset is None else PRESET_OPTIONS.get(preset, OTHER)
        suited = {**suited, "preset": preset, "family": family}
        return cls.of_given({**given, **asked}, **suited)

    @property
    def is_lesson(self):
        """Whether the model is a `LessonClassifier`, and not one of an encoder of a family."""
        return self.preset == LESSON

    def __post_init__(self):
        if not self.train:
            raise InputError("A classifier needs labelled texts: give `train` a file.")
        require_encoder_training(self)
        require_distillation(self)
        if self.patience is not None:
            require_positive_integer("patience", self.patience)
        if self.pooling is not None:
            require(self.pooling in POOLINGS, "pooling", f"one of {POOLINGS}", pooling=self.pooling)
        if self.layer_decay is not None:
            require(
                0 < self.layer_decay <= 1,
                "layer_decay",
                "a number above 0 and at most 1",
                layer_decay=self.layer_decay,
            )
        if self.layer_decay is not None and self.freeze_encoder:
            raise InputError("`layer_decay` concerns the layers that `freeze_encoder` freezes.")
        if self.freeze_encoder and self.lora_rank is not None:
            raise InputError("`lora_rank` adapts the encoder that `freeze_encoder` freezes.")
        if self.freeze_encoder and self.initial_weights is None:
            raise InputError(
                "`freeze_encoder` is for `initial_weights`: random weights would stay random."
            )
        require(
            self.problem_type in PROBLEM_TYPES,
            "problem_type",
            f"one of {PROBLEM_TYPES}",
            problem_type=self.problem_type,
        )
        if self.problem_type != SINGLE_LABEL and self.class_weights != "none":
            raise InputError("`class_weights` are for texts of one label each.")
        weights = ("none", "balanced")
        require(
            self.class_weights in weights,
            "class_weights",
            f"one of {weights}",
            class_weights=self.class_weights,
        )
