"""Everything that is needed to repeat the pretraining of an encoder."""

import dataclasses

from keras_attention._validation import InputError, require
from keras_attention.runs.preset_for import encoder_preset_for
from keras_attention.runs.run_config import (
    RunConfig,
    require_encoder_training,
    require_random_weights,
    require_window,
)
from keras_attention.tasks.distillation_config import (
    DISTILLATION,
    require_distillation,
    with_weights,
)

# What suits a preset, whatever its family, where it differs from the defaults below. Wider models
# want smaller steps (Devlin et al. 2018, appendix A.2, for base and large).
PRESET_OPTIONS = {
    "tiny": dict(learning_rate=1e-3),
    "mini": dict(learning_rate=1e-3),
    "small": dict(learning_rate=5e-4),
    "medium": dict(learning_rate=3e-4),
}


@dataclasses.dataclass
class MaskedLMConfig(RunConfig):
    """The options of pretraining an encoder; `config.json` of a run holds them all.

    >>> MaskedLMConfig.for_preset("mini", train="texts.txt")
    """

    train: str | None = None
    valid: str | None = None
    text_column: str = "text"
    preset: str | None = "tiny"
    family: str | None = "bert"  # of the preset; None where there is none
    initial_weights: str | None = None
    teacher: str | None = None
    distillation_temperature: float | None = None  # None: 2, with a teacher
    distillation_weights: list | None = None  # None: 5, 2, 1, with a teacher
    epochs: int = 10
    seed: int = 0
    # text
    vocabulary_size: int = 8000
    lowercase: bool = True
    max_sequence_length: int = 128
    # batches
    batch_size: int = 64
    max_buckets: int = 4
    window: int | None = None  # rows in memory at a time; None for all
    masked_share: float = 0.15
    whole_words: bool = True
    # model
    dropout: float | None = None  # None: 0.1, or that of the initial weights
    # optimisation
    learning_rate: float = 1e-4
    warmup_share: float = 0.1  # of all updates
    weight_decay: float = 0.01
    clip_norm: float | None = 1.0
    jit_compile: bool | str = "auto"
    snapshot_every: int | None = None
    kind: str = "masked-lm"

    suits = PRESET_OPTIONS
    lora_factor = 10  # Schulman et al. 2025, "LoRA Without Regret"
    changeable = frozenset(
        {"warmup_share", "weight_decay", "masked_share", "whole_words"} | DISTILLATION
    )
    data = (*RunConfig.data, "text_column")

    @classmethod
    def for_preset(cls, preset=None, initial_weights=None, family=None, **options):
        """The options that suit a preset, changed by `options`; those that are None are left alone.

        Raises:
            InputError: if the preset is unknown, or an option does not concern the weights.
            ValueError: if the family is unknown.
        """
        asked = cls.given_of(preset=preset, initial_weights=initial_weights, family=family)
        given = cls.given_of(**with_weights(options))
        teacher = given.get("teacher")
        preset, family = encoder_preset_for(preset, family, initial_weights, teacher=teacher)
        require_random_weights(initial_weights, given)
        suited = {**PRESET_OPTIONS.get(preset, {}), "preset": preset, "family": family}
        return cls.of_given({**given, **asked}, **suited)

    def __post_init__(self):
        if not self.train:
            raise InputError("Pretraining needs texts: give `train` a file.")
        require_encoder_training(self)
        require_distillation(self)
        require_window(self, self.train)
        require(
            0 < self.masked_share < 1,
            "masked_share",
            "a number between 0 and 1",
            masked_share=self.masked_share,
        )
