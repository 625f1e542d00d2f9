"""The published model families that can be read and written, by `model_type` of config.json."""

from keras_attention._validation import require
from keras_attention.checkpoints.bert import Bert
from keras_attention.checkpoints.bigbird import BigBird
from keras_attention.checkpoints.distilbert import DistilBert
from keras_attention.checkpoints.gpt2 import GPT2
from keras_attention.checkpoints.gpt_neo import GPTNeo
from keras_attention.checkpoints.llama import Llama

# A new family adds its file and a line here. The first says what is wrong with a config that names
# no family.
_ALL = (Bert(), DistilBert(), BigBird(), GPT2(), GPTNeo(), Llama())
FAMILIES = {family.model_type: family for family in _ALL}


def family_of_config(config):
    """The family that a config names, or the first one where it names none that is known."""
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        return next(iter(FAMILIES.values()))
    return FAMILIES[model_type]


def family_of_model(model):
    """The family of one of our models.

    Raises:
        ValueError: if it is of none of them, or of a subclass: that may compute something else, of
            which a published config says nothing.
    """
    families = FAMILIES.values()
    found = [family for family in families if family.describes(model)]
    names = " or ".join(family.name for family in families)
    require(found, "model", f"a {names}", model=model)
    # A family may derive its class from another's: the nearest one it is.
    family = max(found, key=lambda family: len(family.bare_class.__mro__))
    for part, known in (
        (family.bare(model), (family.bare_class,)),
        (model, (family.bare_class, *family.head_classes)),
    ):
        require(
            type(part) in known,
            "model",
            f"made of {' or '.join(kind.__name__ for kind in known)} itself, as a subclass may "
            "compute something else than HuggingFace's model",
            model=part,
        )
    return family
