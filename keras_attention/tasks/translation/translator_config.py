"""Everything that is needed to repeat the training of a translator."""

import dataclasses
from pathlib import Path

from keras_attention._validation import (
    InputError,
    require,
    require_positive_integer,
    require_rate,
)
from keras_attention.json_file import is_boolean, is_size, is_string, json_object_or_empty
from keras_attention.runs.run_config import (
    RunConfig,
    require_random_weights,
    require_training,
    require_window,
)
from keras_attention.search_options import SearchOptions
from keras_attention.tasks.translation.translator_families import (
    BUILT_IN_CORPUS,
    TRANSLATOR_FAMILIES,
    default_architecture,
    translator_family,
)

# The options of a vocabulary, and what tells whether one from a file is right.
VOCABULARY_OPTIONS = {
    "vocabulary_size": is_size,
    "vocabulary_type": is_string,
    "normalization": is_string,
}


@dataclasses.dataclass
class TranslatorConfig(RunConfig):
    """The options of training a translator; `config.json` of a run holds them all.

    >>> TranslatorConfig.for_preset("tiny", train_source="train.en", train_target="train.de")
    """

    preset: str | None = "tiny"  # None: a model of its own in `initial_weights`
    architecture: str | None = "transformer"
    epochs: int = 15
    train_source: str | None = None
    train_target: str | None = None
    valid_source: str | None = None
    valid_target: str | None = None
    initial_weights: str | None = None
    seed: int = 0
    # text
    vocabulary_size: int = 8000
    vocabulary_type: str = "bpe"
    normalization: str = "nmt_nfkc"
    corpus_size: int = 50_000  # pairs of the built-in corpus
    bleu_tokenize: str = "13a"
    # batches
    batch_tokens: int = 1024
    max_buckets: int = 7
    window: int | None = None  # rows in memory at a time; None for all
    max_sequence_length: int = 256
    # model
    dropout: float | None = 0.1  # None: that of a model of its own
    normalize_first: bool = True
    # optimisation
    learning_rate: float = 3e-3
    schedule: str = "linear"
    warmup_steps: int = 500
    clip_norm: float | None = None  # of all gradients together
    label_smoothing: float = 0.1
    average_checkpoints: int = 3
    shortlist: int | None = None  # likely translations of each token, for decoding
    jit_compile: bool | str = "auto"
    snapshot_every: int | None = None
    # how the trained model translates: fields of `SearchOptions`; while training it is greedy
    decoding: dict = dataclasses.field(default_factory=dict)
    kind: str = "translator"

    suits = {
        **{
            name: suited for f in TRANSLATOR_FAMILIES.values() for name, suited in f.presets.items()
        },
        "the built-in corpus": BUILT_IN_CORPUS,
    }
    changeable = frozenset(
        {
            "schedule",
            "warmup_steps",
            "label_smoothing",
            "average_checkpoints",
            "bleu_tokenize",
            "decoding",
        }
    )
    of_kept_weights = frozenset({"average_checkpoints"})
    of_answers = frozenset({"decoding"})
    normalized = {"decoding": SearchOptions().to_dict()}
    data = ("train_source", "train_target", "valid_source", "valid_target", "initial_weights")

    @classmethod
    def for_preset(cls, preset=None, architecture=None, **options):
        """The options that suit a preset, changed by `options`; those that are None are left alone.

        Args:
            preset: one of the architecture's, or None for its default, or for that of the initial
                weights.
            architecture: a key of `TRANSLATOR_FAMILIES`; None for the first one, or for that of the
                initial weights.
            **options: fields of this class.

        Raises:
            InputError: if the architecture, the preset or an option is unknown, an option that
                makes a vocabulary is given beside initial weights, or `normalize_first` is given
                for initial weights that are of no preset.
        """
        asked = dict(preset=preset, architecture=architecture)
        given = cls.given_of(**asked, **{**options, "decoding": options.get("decoding") or None})
        require_random_weights(options.get("initial_weights"), given)
        theirs = _of_initial_weights(options.get("initial_weights"))
        if given.keys() & asked.keys():
            theirs = {name: theirs[name] for name in VOCABULARY_OPTIONS if name in theirs}
        else:
            preset, architecture = theirs.get("preset"), theirs.get("architecture")
            if theirs and preset is None:
                return cls._of_own_model(given, theirs)
        architecture = architecture or default_architecture()
        family, preset = translator_family(architecture, preset or None)
        suited = family.presets[preset]
        if options.get("train_source") is None and options.get("train_target") is None:
            suited = {**suited, **family.built_in_corpus}
        made = dict(preset=preset, architecture=architecture)
        return cls.of_given(given, **{**suited, **theirs, **made})

    @classmethod
    def _of_own_model(cls, given, theirs):
        """The config of initial weights whose model is of no preset: its architecture stays."""
        if "normalize_first" in given:
            raise InputError(
                "`normalize_first` is for random weights: with `initial_weights` the architecture "
                "is theirs."
            )
        built_in = not given.keys() & {"train_source", "train_target"}
        suited = {**(BUILT_IN_CORPUS if built_in else {}), **theirs, "dropout": None}
        return cls.of_given(given, **suited)

    def __post_init__(self):
        from keras_attention.training.translation_scores import require_bleu_tokenizer

        sizes = ("batch_tokens", "max_buckets", "corpus_size", "warmup_steps")
        require_training(self, *sizes, "average_checkpoints")
        if self.shortlist is not None:
            require_positive_integer("shortlist", self.shortlist)
        require_rate("label_smoothing", self.label_smoothing)
        require_window(self, self.train_source)
        self.decoding = SearchOptions(**self.decoding).to_dict()
        require_bleu_tokenizer("bleu_tokenize", self.bleu_tokenize)
        schedules = ("linear", "noam")
        require(
            self.schedule in schedules, "schedule", f"one of {schedules}", schedule=self.schedule
        )


def _of_initial_weights(run):
    """What the config of a run says of its model and vocabulary; nothing if there is no such run.

    The preset is None for a model that was made otherwise. Then the longest sentence is said too.
    """
    if run is None:
        return {}
    values = json_object_or_empty(Path(run) / "config.json")
    if values.get("kind") != TranslatorConfig.kind:
        return {}  # which is said when the weights are read
    sizes = {name: values.get(name) for name in ("preset", "architecture")}
    if isinstance(sizes["preset"], str) and isinstance(sizes["architecture"], str):
        others = {"normalize_first": is_boolean}
    else:
        sizes, others = dict.fromkeys(sizes), {"max_sequence_length": is_size}
    others |= VOCABULARY_OPTIONS
    known = {name: values.get(name) for name, holds in others.items() if holds(values.get(name))}
    return {**sizes, **known}
