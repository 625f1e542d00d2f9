"""The base class of models that emit tokens: what translators and language models share."""

from keras_attention._validation import InputError, require
from keras_attention.decoding.step_contract import StepContract
from keras_attention.json_file import is_size
from keras_attention.models.model import Model
from keras_attention.token_ids import SpecialIds, as_ids


class GenerativeModel(StepContract, Model):
    """A Keras model that keeps `StepContract`, with its special ids. Not used by itself.

    Attributes:
        max_sequence_length: the longest sequence in tokens.
        vocabulary_size: number of tokens V that it emits; `set_special_ids` sets it.
        special_ids: a `SpecialIds`.
        forbidden_ids: tuple of the token ids that are never generated.
        hidden_dim: the width that the schedule "noam" scales by; None, the default, for none.
    """

    hidden_dim = None

    def set_special_ids(self, special_ids, forbidden_ids, vocabulary_size):
        """Sets `special_ids`, `forbidden_ids` and `vocabulary_size`.

        Args:
            special_ids: a `SpecialIds`.
            forbidden_ids: list of integers.
            vocabulary_size: number of tokens V.

        Raises:
            ValueError: if an id is not in the vocabulary, or every end is forbidden.
        """
        forbidden_ids = as_ids("forbidden_ids", forbidden_ids)
        named = (special_ids.padding, special_ids.unknown, special_ids.start)
        used = (*(x for x in named if x is not None), *special_ids.ends, *forbidden_ids)
        require(
            all(0 <= token_id < vocabulary_size for token_id in used),
            "special_ids` and `forbidden_ids",
            "ids of the vocabulary",
            special_ids=special_ids,
            forbidden_ids=forbidden_ids,
            vocabulary_size=vocabulary_size,
        )
        require(
            not special_ids.ends or not set(special_ids.ends) <= set(forbidden_ids),
            "forbidden_ids",
            "ids that leave an end of `special_ids` to be generated",
            special_ids=special_ids,
            forbidden_ids=forbidden_ids,
        )
        self.special_ids = special_ids
        self.forbidden_ids = forbidden_ids
        self.vocabulary_size = vocabulary_size

    def special_ids_config(self):
        """What `get_config` says of the special ids."""
        return {
            "special_ids": self.special_ids.to_dict(),
            "forbidden_ids": list(self.forbidden_ids),
        }


def require_generative_model(where, model, base, noun, **attributes):
    """Raises `InputError`, beginning with `where`, unless a model is a whole model of a base class.

    Args:
        where: string.
        model: a Keras model.
        base: the subclass of `GenerativeModel` that it must be of.
        noun: what such a model is called, with its article.
        **attributes: further attributes that it needs: for each a pair of what is expected and a
            function that says whether a value is that.
    """
    name = type(model).__name__
    if not isinstance(model, base):
        raise InputError(f"{where}: expected {noun}, as config.json says. Received: a {name}")
    size = ("a positive integer", is_size)
    attributes = {
        "special_ids": ("set by `set_special_ids`", lambda value: isinstance(value, SpecialIds)),
        "forbidden_ids": ("set by `set_special_ids`", lambda value: value is not None),
        "vocabulary_size": size,
        "max_sequence_length": size,
        **attributes,
    }
    lacks = f"{where}: a {name} does not have what a `{base.__name__}` needs:"
    for attribute, (expected, holds) in attributes.items():
        value = getattr(model, attribute, None)
        if not holds(value):
            raise InputError(f"{lacks} `{attribute}` must be {expected}. Received: {value!r}")
    for method in ("start", "step"):
        if getattr(type(model), method) is getattr(StepContract, method):
            raise InputError(f"{lacks} it must implement `{method}`.")
