"""The families of translators that `train translator` makes, by name: one table of them."""

import dataclasses
import importlib

from keras_attention._validation import InputError

# What suits the built-in corpus: short sentences of few words, learned in minutes.
BUILT_IN_CORPUS = dict(
    epochs=2,
    dropout=0.1,  # of recurrent models too: with 0.3 they are worse at combinations never seen
    vocabulary_size=500,
    normalization="identity",
    batch_tokens=2048,
    max_sequence_length=128,
    average_checkpoints=1,
)


@dataclasses.dataclass(frozen=True)
class TranslatorFamily:
    """A family of translators, as data: nothing is imported before its class is asked for.

    Args:
        model: the subclass of `Translator`, as "module:class". Its `from_preset` takes the name of
            a preset, `vocabulary_size`, `special_ids`, `forbidden_ids`, `source_vocabulary_size`,
            `dropout`, `max_sequence_length` and the `model_options`.
        presets: dict from the name of a preset of this class, the default one first, to the fields
            of `TranslatorConfig` that suit it, where they differ from the defaults there.
        model_options: names of further fields of `TranslatorConfig` that `from_preset` takes.
        built_in_corpus: dict of the fields that suit a training on the built-in corpus.
    """

    model: str
    presets: dict
    model_options: tuple = ()
    built_in_corpus: dict = dataclasses.field(default_factory=lambda: BUILT_IN_CORPUS)

    def from_preset(self, preset, config, **options):
        """An untrained model.

        Args:
            preset: one of `presets`.
            config: what holds the `model_options` as attributes.
            **options: arguments of the class.
        """
        module, name = self.model.split(":")
        own = {name: getattr(config, name) for name in self.model_options}
        cls = getattr(importlib.import_module(module), name)
        return cls.from_preset(preset, **own, **options)


# Wider models want smaller steps and more text a step; recurrent ones a limit on the gradient
# (Bahdanau et al. 2015, appendix B.2).
_RECURRENT = dict(clip_norm=1.0, learning_rate=2e-3, dropout=0.3, epochs=20)

# What a config calls a family -> the family; the first is the default.
TRANSLATOR_FAMILIES = {
    "transformer": TranslatorFamily(
        "keras_attention.models.transformer_translator:TransformerTranslator",
        presets={
            "tiny": {},
            "fast": {},  # of the width of tiny
            "base": dict(learning_rate=7e-4, warmup_steps=4000, batch_tokens=4096),
            "big": dict(learning_rate=5e-4, warmup_steps=4000, batch_tokens=4096, dropout=0.3),
        },
        model_options=("normalize_first",),
    ),
    "rnn": TranslatorFamily(
        "keras_attention.models.rnn_translator:RNNTranslator",
        presets={
            "small": _RECURRENT,
            "small-fixed": _RECURRENT,
            "rnnencdec": {**_RECURRENT, "learning_rate": 5e-4, "dropout": 0.0},
            "rnnsearch": {**_RECURRENT, "learning_rate": 5e-4, "dropout": 0.0},
            "gnmt": {**_RECURRENT, "learning_rate": 5e-4, "dropout": 0.2},
        },
        # They learn some phrases as a whole; the mean of three epochs is better at new ones.
        built_in_corpus={**BUILT_IN_CORPUS, "epochs": 6, "average_checkpoints": 3},
    ),
}


def default_architecture():
    """The name of the first family of `TRANSLATOR_FAMILIES`."""
    return next(iter(TRANSLATOR_FAMILIES))


def translator_family(architecture, preset=None):
    """The family that a config calls `architecture`, and the name of a preset of it.

    Args:
        architecture: a key of `TRANSLATOR_FAMILIES`.
        preset: one of the family's presets; None for its default.

    Returns:
        The `TranslatorFamily` and the preset.

    Raises:
        InputError: if there is no such family, or it has no such preset.

    >>> translator_family("rnn")[1]
    'small'
    """
    if architecture not in TRANSLATOR_FAMILIES:
        raise InputError(
            f"Unknown architecture {architecture!r}; expected one of "
            f"{', '.join(TRANSLATOR_FAMILIES)}."
        )
    family = TRANSLATOR_FAMILIES[architecture]
    preset = next(iter(family.presets)) if preset is None else preset
    if preset not in family.presets:
        raise InputError(
            f"Unknown preset {preset!r} of architecture {architecture!r}; expected one of "
            f"{', '.join(family.presets)}."
        )
    return family, preset
