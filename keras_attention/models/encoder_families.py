"""The families of encoders that start from a preset or a published checkpoint, by name."""

from keras_attention._validation import require
from keras_attention.models.bert_encoder import BertEncoder
from keras_attention.models.big_bird_encoder import BigBirdEncoder
from keras_attention.models.distil_bert_encoder import DistilBertEncoder

# name -> subclass of `Encoder`; its `presets` are the sizes
ENCODER_FAMILIES = {
    "bert": BertEncoder,
    "distilbert": DistilBertEncoder,
    "bigbird": BigBirdEncoder,
}
DEFAULT_FAMILY = "bert"


def encoder_family(family):
    """The subclass of `Encoder` that is called `family`.

    Raises:
        ValueError: if there is none.
    """
    require(
        family in ENCODER_FAMILIES, "family", f"one of {tuple(ENCODER_FAMILIES)}", family=family
    )
    return ENCODER_FAMILIES[family]


def encoder_from_preset(preset, family=DEFAULT_FAMILY, **overrides):
    """An encoder with random weights in one of the published sizes of a family.

    Args:
        preset: name of the size: see the family's class.
        family: a key of `ENCODER_FAMILIES`.
        **overrides: arguments of the family's class.

    Raises:
        ValueError: if there is no such family or preset, or the class does not take an argument.
    """
    return encoder_family(family).from_preset(preset, **overrides)
