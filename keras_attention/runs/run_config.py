"""What the configs of all trainings share."""

import dataclasses
import typing

from keras_attention._validation import (
    InputError,
    require,
    require_positive_integer,
    require_positive_number,
    require_rate,
    require_seed,
    with_article,
)
from keras_attention.text.corpora.reading_options import READING, UTF_8, ReadingOptions

LARGEST_SEED = 2**32 - 1  # that NumPy's global generator takes


@dataclasses.dataclass
class RunConfig:
    """The base class of the dataclasses that hold a training's options.

    `config.json` of a run holds all fields. A subclass has the fields `kind`, with a default,
    `epochs`, `seed`, `vocabulary_size`, `max_sequence_length`, `learning_rate`, `clip_norm`,
    `dropout` and `snapshot_every`.

    Args:
        lora_rank: rank of the adapters to train in the place of `initial_weights`; None for none.
        encoding, delimiter, skip_invalid: how files of texts are read, as `reading_as` has them.

    Attributes:
        changeable: names of the fields that a training which resumes may change, beside those that
            all trainings have: see `keras_attention.runs.resumed_config`.
        of_kept_weights: names of those that choose among the weights of epochs: a finished run may
            change them too.
        of_answers: names of those that say how the model answers: a finished run takes them without
            training.
        suits: what a training may begin with, such as the name of a preset -> the fields that suit
            it, where they differ from the defaults.
        normalized: the defaults of fields that a subclass writes out in full.
        data: names of the fields that say where the data are. They may change where these do not.
        lora_factor: what the default of `learning_rate` is multiplied by where adapters are
            trained.
    """

    lora_rank: int | None = dataclasses.field(default=None, kw_only=True)
    encoding: str = dataclasses.field(default=UTF_8, kw_only=True)
    delimiter: str | None = dataclasses.field(default=None, kw_only=True)
    skip_invalid: bool = dataclasses.field(default=False, kw_only=True)

    changeable = frozenset()
    of_kept_weights = of_answers = frozenset()
    suits = normalized = {}
    data = ("train", "valid", "initial_weights", "teacher")
    lora_factor = 1
    _given = None

    def to_dict(self):
        """A dict of JSON values."""
        return dataclasses.asdict(self)

    def updates(self, steps_per_epoch):
        """How many updates the whole training is, of epochs of `steps_per_epoch`."""
        return self.epochs * steps_per_epoch

    @classmethod
    def given_of(cls, **options):
        """Those of `options` that were given: all that are not None.

        Raises:
            InputError: if one is no field of this class, whatever its value.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = [name for name in options if name not in known]
        if unknown:
            raise InputError(
                f"Unknown option {unknown[0]!r} of the training of {with_article(cls.kind)}; "
                f"expected some of {', '.join(known)}."
            )
        return {name: value for name, value in options.items() if value is not None}

    @classmethod
    def default_rate(cls, rate, lora_rank):
        """The learning rate that suits weights, or adapters of them where a rank is given."""
        return rate if lora_rank is None else rate * cls.lora_factor

    @classmethod
    def of_given(cls, given, **suited):
        """The config of the options that a user gives, over those that suit a preset."""
        rate = suited.get("learning_rate", cls.learning_rate)
        if rate is not None:  # else it is settled when the weights are known
            suited["learning_rate"] = cls.default_rate(rate, given.get("lora_rank"))
        config = cls(**{**suited, **given})
        config._given = (dict(given), config.to_dict())
        return config

    @classmethod
    def of_run(cls, values, given):
        """The config of a run, a dict, that asks for the options that a user gives to train on.

        They are not applied yet: see `keras_attention.runs.resumed_config`.
        """
        config = cls.from_dict(values)
        config._given = (dict(given), config.to_dict())
        return config

    def given(self):
        """The fields that a user has asked for, a dict.

        Those that were given to `for_preset`, even where they are the defaults, and what was
        changed since; of a config that was made otherwise what differs from the defaults.
        """
        values = self.to_dict()
        if self._given is None:
            given, made = {}, {f.name: _default(f) for f in dataclasses.fields(self)}
            made |= self.normalized
        else:
            given, made = self._given
        changed = {name: value for name, value in values.items() if value != made[name]}
        return {**given, **changed}

    @classmethod
    def from_dict(cls, values):
        """The config of a `config.json`.

        Raises:
            InputError: if it is of another kind, or has other fields.
        """
        if values.get("kind") != cls.kind:
            raise InputError(
                f"This run is of another kind: {values.get('kind')!r}, not {cls.kind}."
            )
        fields = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - fields)
        if unknown:
            raise InputError(
                f"This run's config has fields that no training of a {cls.kind} has: "
                f"{', '.join(unknown)}."
            )
        return cls(**values)


def _default(field):
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


_WORDS = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "True or False",
    list: "a list",
    dict: "a dict",
    type(None): "None",
}


def fields_of(cls):
    """The types of the fields of a `RunConfig`, a dict; of what all runs have where it is None."""
    fields = () if cls is None else dataclasses.fields(cls)
    return {"initial_weights": str | None, **{field.name: field.type for field in fields}}


def require_entries(cls, values):
    """Raises an error unless values, a dict, may be entries of the config of a run.

    Args:
        cls: the `RunConfig` of its training, or None where there is none.
        values: of any fields.

    Raises:
        InputError, ValueError: if one is of another type than the field, or out of range.

    >>> require_entries(ClassifierConfig, {"epochs": "x"})
    Traceback (most recent call last):
    InputError: `epochs` must be an integer. Received: epochs='x'
    """
    kinds = fields_of(cls)
    for name, value in values.items():
        allowed = typing.get_args(kinds[name]) or (kinds[name],)
        if isinstance(value, bool):
            holds = bool in allowed
        else:
            holds = isinstance(value, allowed) or (isinstance(value, int) and float in allowed)
        if not holds:
            expected = " or ".join(_WORDS[kind] for kind in allowed)
            raise InputError(f"`{name}` must be {expected}. Received: {name}={value!r}")
    if cls is not None:
        needed = {"train": "train"} if "train" in kinds else {}
        cls(**{**needed, **values})


def require_training(config, *sizes):
    """Raises `ValueError` unless the numbers that all trainings have make sense.

    Args:
        config: of any training.
        sizes: names of further fields that hold positive integers.
    """
    ReadingOptions(**{name: getattr(config, name) for name in READING})  # refuses what is none
    for name in ("epochs", "vocabulary_size", "max_sequence_length", *sizes):
        require_positive_integer(name, getattr(config, name))
    require_seed("seed", config.seed, LARGEST_SEED)
    is_to_be_settled = config.learning_rate is None and type(config).learning_rate is None
    if not is_to_be_settled:
        require_positive_number("learning_rate", config.learning_rate)
    if config.clip_norm is not None:
        require_positive_number("clip_norm", config.clip_norm)
    if config.snapshot_every is not None:
        require_positive_integer("snapshot_every", config.snapshot_every)
    jit = config.jit_compile
    require(jit in (True, False, "auto"), "jit_compile", "True, False or 'auto'", jit_compile=jit)
    if config.dropout is not None:
        require_rate("dropout", config.dropout)
    if config.lora_rank is not None:
        require_positive_integer("lora_rank", config.lora_rank)
        if config.initial_weights is None:
            raise InputError(
                "`lora_rank` is for `initial_weights`: random weights would stay random."
            )


def require_encoder_training(config):
    """As `require_training`, of the further numbers that trainings of encoders have.

    Raises:
        ValueError: see `require_training`.
    """
    require_training(config, "batch_size", "max_buckets")
    require(
        config.max_sequence_length >= 3,
        "max_sequence_length",
        "3 or more, for a token between [CLS] and [SEP]",
        max_sequence_length=config.max_sequence_length,
    )
    for name, highest, expected in (
        ("warmup_share", 1, "a number from 0 to 1"),
        ("weight_decay", float("inf"), "a number that is not negative"),
    ):
        value = getattr(config, name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(is_number and 0 <= value <= highest, name, expected, **{name: value})


def require_random_weights(initial_weights, given):
    """Raises `InputError` if options that make a vocabulary are given beside what brings one."""
    if initial_weights is None and "teacher" not in given:
        return
    whose = "`initial_weights` the vocabulary is theirs"
    if initial_weights is None:
        whose = "a `teacher` the vocabulary is the teacher's"
    for name in ("vocabulary_size", "vocabulary_type", "normalization", "lowercase"):
        if name in given:
            raise InputError(f"`{name}` is for random weights: with {whose}.")


def require_window(config, train):
    """Raises an error unless `window` of a config is None or an integer above 0, for files.

    `train` is the path of the files that are read by windows, or None.
    """
    if config.window is not None:
        require_positive_integer("window", config.window)
        if train is None:
            raise InputError("`window` is for files; the built-in corpus is held in memory.")
