"""The families of language models that start from a preset, by name."""

from keras_attention._validation import require
from keras_attention.models.gpt import GPT
from keras_attention.models.llama import Llama

# name -> subclass of `LanguageModel` with `presets` and `from_preset`. A preset's name is that of
# one family alone.
LANGUAGE_MODEL_FAMILIES = {"gpt": GPT, "llama": Llama}


def language_model_class(preset):
    """The class that has a preset.

    Raises:
        ValueError: if none has.
    """
    found = [cls for cls in LANGUAGE_MODEL_FAMILIES.values() if preset in cls.presets]
    require(found, "preset", f"one of {language_model_presets()}", preset=preset)
    return found[0]


def language_model_presets():
    """The names of all presets, a tuple."""
    return tuple(name for cls in LANGUAGE_MODEL_FAMILIES.values() for name in cls.presets)
