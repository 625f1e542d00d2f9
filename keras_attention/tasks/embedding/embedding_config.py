"""Everything that is needed to repeat the training of sentence vectors."""

import dataclasses
from pathlib import Path

from keras_attention._validation import InputError, require, require_positive_number
from keras_attention.json_file import is_size, json_object_or_empty
from keras_attention.runs.preset_for import encoder_preset_for
from keras_attention.runs.run_config import (
    RunConfig,
    require_encoder_training,
    require_random_weights,
)

POOLINGS = ("mean", "cls", "max")

# What suits a preset from random weights, whatever its family, where it differs from the defaults
# below, which suit pretrained ones.
SMALL = dict(learning_rate=1e-3, epochs=10)
PRESET_OPTIONS = {
    "tiny": SMALL,
    "mini": SMALL,
    "small": dict(learning_rate=5e-4, epochs=10),
    "medium": dict(learning_rate=3e-4, epochs=10),
}
OTHER = dict(learning_rate=1e-4, epochs=10)


@dataclasses.dataclass
class EmbeddingConfig(RunConfig):
    """The options of training sentence vectors; `config.json` of a run holds them all.

    >>> EmbeddingConfig.for_preset(initial_weights="minilm", train="pairs.tsv")
    """

    train: str | None = None
    valid: str | None = None
    text_column: str | None = None  # None: the first column
    pair_column: str | None = None  # None: the next one
    preset: str | None = "tiny"  # None: the architecture of `initial_weights`
    family: str | None = "bert"  # of the preset; None with `initial_weights`
    initial_weights: str | None = None
    epochs: int = 3
    seed: int = 0
    # text
    vocabulary_size: int = 8000
    lowercase: bool = True
    max_sequence_length: int = 128  # or that of initial weights that are sentence vectors
    # batches
    batch_size: int = 64  # pairs: a pair has as many negatives, less one
    max_buckets: int = 4
    # model
    pooling: str | None = None  # None: that of the initial weights, or "mean"
    dropout: float | None = None  # None: 0.1, or that of the initial weights
    # optimisation
    scale: float = 20.0  # of the cosine similarity
    symmetric: bool = False
    learning_rate: float | None = None  # None: that of a preset, or see `fine_tuning_rate`
    warmup_share: float = 0.1  # of all updates
    weight_decay: float = 0.01
    clip_norm: float | None = 1.0
    jit_compile: bool | str = "auto"
    snapshot_every: int | None = None
    kind: str = "embedding"

    suits = {**PRESET_OPTIONS, "base": OTHER, "large": OTHER}
    lora_factor = 10  # Schulman et al. 2025, "LoRA Without Regret"
    changeable = frozenset({"warmup_share", "weight_decay"})
    data = (*RunConfig.data, "text_column", "pair_column")

    @classmethod
    def for_preset(cls, preset=None, initial_weights=None, family=None, **options):
        """The options that suit a preset, changed by `options`; those that are None are left alone.

        Raises:
            InputError: if the preset is unknown, or an option does not concern the weights.
            ValueError: if the family is unknown.
        """
        asked = cls.given_of(preset=preset, initial_weights=initial_weights, family=family)
        preset, family = encoder_preset_for(preset, family, initial_weights)
        given = cls.given_of(**options)
        require_random_weights(initial_weights, given)
        suited = {} if preset is None else PRESET_OPTIONS.get(preset, OTHER)
        suited = {**suited, **_length_of(initial_weights), "preset": preset, "family": family}
        return cls.of_given({**given, **asked}, **suited)

    def __post_init__(self):
        if not self.train:
            raise InputError("Sentence vectors need pairs of texts: give `train` a file.")
        require_encoder_training(self)
        if self.pooling is not None:
            require(self.pooling in POOLINGS, "pooling", f"one of {POOLINGS}", pooling=self.pooling)
        require_positive_number("scale", self.scale)
        require(
            isinstance(self.symmetric, bool),
            "symmetric",
            "True or False",
            symmetric=self.symmetric,
        )
        require(
            self.batch_size > 1,
            "batch_size",
            "2 or more: the other pairs of a batch are the negatives",
            batch_size=self.batch_size,
        )


def _length_of(initial_weights):
    """The longest text of sentence vectors that a training begins with, a dict of a field.

    Nothing of other weights, and of what cannot be read, which is said when weights are read.
    """
    if initial_weights is None:
        return {}
    values = json_object_or_empty(Path(initial_weights) / "config.json")
    if values.get("kind") == EmbeddingConfig.kind:
        length = values.get("max_sequence_length")
    else:
        length = _published_length(initial_weights, values.get("max_position_embeddings"))
    return {"max_sequence_length": length} if is_size(length) and length > 2 else {}


def _published_length(directory, positions):
    """As the import of a directory of sentence-transformers has it."""
    from keras_attention.checkpoints.hugging_face_config import read_max_length
    from keras_attention.checkpoints.sentence_transformers import task_of_modules

    if task_of_modules(directory) is None:
        return None
    try:
        length = read_max_length(directory)
    except InputError:
        return None
    return min((n for n in (length, positions) if is_size(n)), default=None)
