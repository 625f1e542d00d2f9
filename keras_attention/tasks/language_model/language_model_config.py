"""Everything that is needed to repeat the training of a language model."""

import dataclasses

from keras_attention._validation import InputError, require, require_positive_integer
from keras_attention.runs.preset_for import preset_for
from keras_attention.runs.run_config import RunConfig, require_training
from keras_attention.search_options import SearchOptions

TOKENIZERS = ("bytes", "bpe", "characters")
ROUNDS = 10  # of a training by steps: about so many times it is validated
LEAST_ROUNDS, MOST_ROUNDS = 8, 25  # of equal length

# What suits a preset, where it differs from the defaults below. That of nano is nanoGPT's setting
# for a CPU.
PRESET_OPTIONS = {
    "nano": dict(
        tokenizer="characters",
        max_sequence_length=64,
        batch_size=12,
        learning_rate=1e-3,
        steps=2000,
    ),
    "tiny": dict(batch_size=32, learning_rate=1e-3),
}
# Of initial weights: they are fine-tuned.
CONTINUED = dict(learning_rate=1e-4, warmup_steps=20, tokenizer=None, batch_size=8)


@dataclasses.dataclass
class LanguageModelConfig(RunConfig):
    """The options of training a language model; `config.json` of a run holds them all.

    A training is so many passes over the texts (`epochs`) or so many updates (`steps`). With
    `steps` an epoch is a round of `steps_per_epoch` updates: validation comes after each. The last
    round may be shorter.

    >>> LanguageModelConfig.for_preset("nano", train="input.txt", steps=2000)
    """

    train: str | None = None
    valid: str | None = None
    text_column: str = "text"
    preset: str | None = "nano"  # None: the model of `initial_weights`
    initial_weights: str | None = None
    epochs: int = 1
    steps: int | None = None
    steps_per_epoch: int | None = None  # None: all of a pass
    seed: int = 0
    # text
    tokenizer: str | None = "bpe"  # None: that of `initial_weights`
    vocabulary_size: int = 8000  # of bpe
    max_sequence_length: int = 256  # the context: tokens of a window
    # batches
    batch_size: int = 16  # windows
    # model
    dropout: float | None = None  # None: the preset's, or that of the initial weights
    # optimisation
    learning_rate: float = 6e-4
    final_rate_share: float = 0.1  # of the learning rate, at the end of the cosine
    warmup_steps: int = 100
    weight_decay: float = 0.1
    clip_norm: float | None = 1.0
    sample_prompt: str | None = (
        None  # of samples while training; None: how a validation text begins
    )
    jit_compile: bool | str = "auto"
    snapshot_every: int | None = None
    # how the trained model generates: fields of `SearchOptions`
    decoding: dict = dataclasses.field(default_factory=dict)
    kind: str = "language-model"

    suits = {**PRESET_OPTIONS, "initial weights": CONTINUED}
    changeable = frozenset(
        {
            "steps",
            "final_rate_share",
            "warmup_steps",
            "weight_decay",
            "sample_prompt",
            "decoding",
        }
    )
    of_answers = frozenset({"decoding"})
    normalized = {"decoding": SearchOptions().to_dict()}
    data = (*RunConfig.data, "text_column")

    @classmethod
    def for_preset(cls, preset=None, initial_weights=None, **options):
        """The options that suit a preset, changed by `options`; those that are None are left alone.

        Raises:
            InputError: if the preset is unknown, or an option does not concern the weights.
        """
        from keras_attention.models.language_model_families import language_model_presets

        asked = cls.given_of(preset=preset, initial_weights=initial_weights)
        preset = preset_for(preset, initial_weights, language_model_presets())
        given = cls.given_of(**{**options, "decoding": options.get("decoding") or None})
        if initial_weights is not None:
            for name in ("tokenizer", "vocabulary_size"):
                if name in given:
                    raise InputError(
                        f"`{name}` is for random weights: with `initial_weights` the vocabulary is "
                        "theirs."
                    )
        if {"epochs", "steps"} <= given.keys():
            raise InputError("`epochs` and `steps` cannot be given together.")
        suited = CONTINUED if preset is None else PRESET_OPTIONS.get(preset, {})
        if "epochs" in given:
            suited = {name: value for name, value in suited.items() if name != "steps"}
        return cls.of_given({**given, **asked}, **{**suited, "preset": preset})

    def __post_init__(self):
        if not self.train:
            raise InputError("A language model needs texts: give `train` a file.")
        require_training(self, "batch_size", "warmup_steps")
        require(
            self.max_sequence_length >= 2,
            "max_sequence_length",
            "2 or more, for a token to be predicted from another",
            max_sequence_length=self.max_sequence_length,
        )
        require(
            self.tokenizer in (None, *TOKENIZERS),
            "tokenizer",
            f"one of {', '.join(TOKENIZERS)}",
            tokenizer=self.tokenizer,
        )
        for name, highest in (("final_rate_share", 1), ("weight_decay", float("inf"))):
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            expected = "a number that is not negative" + (" and at most 1" if highest == 1 else "")
            require(is_number and 0 <= value <= highest, name, expected, **{name: value})
        require(
            self.sample_prompt is None
            or (isinstance(self.sample_prompt, str) and self.sample_prompt),
            "sample_prompt",
            "a text that is not empty",
            sample_prompt=self.sample_prompt,
        )
        self.decoding = SearchOptions(**self.decoding).to_dict()
        if self.steps is not None:
            self._divide_steps()

    def _divide_steps(self):
        require_positive_integer("steps", self.steps)
        if self.steps_per_epoch is None:
            self.steps_per_epoch = round_of(self.steps)
        self.epochs = -(-self.steps // self.steps_per_epoch)

    def updates(self, steps_per_epoch):
        return super().updates(steps_per_epoch) if self.steps is None else self.steps


def round_of(steps):
    """The updates of a round: about `ROUNDS` of them are `steps`. The last one may be shorter.

    >>> round_of(2000), round_of(900), round_of(2003)
    (200, 90, 201)
    """
    least = min(steps, LEAST_ROUNDS)
    equal = [count for count in range(least, MOST_ROUNDS + 1) if steps % count == 0]
    if not equal:
        return -(-steps // ROUNDS)
    return steps // min(equal, key=lambda count: (abs(count - ROUNDS), count))
