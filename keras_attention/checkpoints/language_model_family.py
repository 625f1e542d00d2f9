"""The base class of published families of language models."""

import keras

from keras_attention import activations
from keras_attention._validation import InputError, require
from keras_attention.checkpoints.block_family import ACTIVATIONS
from keras_attention.checkpoints.family import Family
from keras_attention.checkpoints.parts import Part
from keras_attention.json_file import json_object_or_empty, shortened_json
from keras_attention.token_ids import SpecialIds

LANGUAGE_MODEL = "language-model"
GENERATION = "generation_config.json"


class LanguageModelFamily(Family):
    """A family of `LanguageModel`s: see `Family`. Its only task is to go on with a text.

    The ids that end a text are those of generation_config.json where it names some: a model that
    talks ends its answers by other tokens than its texts. Else they are those of config.json.

    Attributes:
        activation: the name of the feed-forward layers' function in config.json.
        head: the name of the output projection's tensor, where it is not the token embedding.
    """

    token_ids = ("bos_token_id", "pad_token_id")
    head_prefixes = ("lm_head.",)
    head = "lm_head.weight"
    activation = None
    activations = ACTIVATIONS

    def ties(self, config):
        """Whether the output projection is the token embedding."""
        tied = config.get("tie_word_embeddings")
        return self.tied_by_default if tied is None else tied

    tied_by_default = True

    def ignores(self, name, config):
        return super().ignores(name, config) or (name == self.head and self.ties(config))

    def faults(self, config):
        found = super().faults(config)
        tied = config.get("tie_word_embeddings")
        if not (tied is None or isinstance(tied, bool)):
            found.append(f"tie_word_embeddings is {shortened_json(tied)}, not true or false")
        return found + end_faults(config)

    def task_config(self, task, config, path):
        """The config, with the ids that end a text under "eos_token_id"."""
        path = path.parent / GENERATION
        given = json_object_or_empty(path).get("eos_token_id")
        if given is None:
            return config
        config = {**config, "eos_token_id": given}
        faults = end_faults(config)
        if faults:
            raise InputError(f"{path}: {faults[0]}.")
        return config

    def special_ids(self, config):
        """The `SpecialIds` of a config."""
        ends = config.get("eos_token_id")
        return SpecialIds(
            padding=config.get("pad_token_id"),
            unknown=None,
            start=config.get("bos_token_id"),
            end=tuple(ends) if isinstance(ends, list) else ends,
        )

    def arguments(self, config, names):
        optional = {
            ours: config[theirs]
            for theirs, ours in self.optional_sizes.items()
            if config.get(theirs) is not None
        }
        rates = {ours: config.get(theirs) for theirs, ours in self.rates.items()}
        return {
            **{ours: config[theirs] for theirs, ours in self.sizes.items()},
            **optional,
            **{name: rate for name, rate in rates.items() if rate is not None},
            "activation": self.activations[config.get(self.activation, self.default_activation)],
            "layer_norm_epsilon": config.get(*self.epsilon),
            "tie_weights": self.ties(config),
        }

    default_activation = "gelu_new"

    def make(self, task, arguments, config, shapes):
        return self.bare_class(**arguments, special_ids=self.special_ids(config))

    def head_parts(self, model):
        """`{name: Part}` of the output projection; nothing where it is the token embedding."""
        if model.tie_weights:
            return {}
        return {self.head: Part(model.embedding.output_kernel, is_kernel=True)}

    def load_tokenizer(self, directory):
        from keras_attention.text.tokenizers import load_language_model_tokenizer

        return load_language_model_tokenizer(directory)

    def tokenizer_config(self, tokenizer):
        return {}  # the ids are the model's

    def config(self, model):
        ends = model.special_ids.ends
        return {
            "model_type": self.model_type,
            **{theirs: getattr(model, ours) for theirs, ours in self.sizes.items()},
            **{theirs: getattr(model, ours) for theirs, ours in self.optional_sizes.items()},
            self.activation: self.activation_name(model),
            self.epsilon[0]: model.layer_norm_epsilon,
            "tie_word_embeddings": model.tie_weights,
            "bos_token_id": model.special_ids.start,
            "eos_token_id": list(ends) if len(ends) > 1 else next(iter(ends), None),
            "pad_token_id": model.special_ids.padding,
            "initializer_range": 0.02,
            "dtype": "float32",
        }

    def activation_name(self, model):
        """The name of a model's activation in config.json.

        Raises:
            ValueError: if the family has none.
        """
        name = activations.serialize(model.activation)
        if model.activation is keras.activations.gelu:
            name = "gelu"
        known = tuple(dict.fromkeys(self.activations.values()))
        require(
            name in known,
            "model",
            f"a {self.name} whose activation is one of {known} to be written",
            activation=name,
        )
        return next(theirs for theirs, ours in self.activations.items() if ours == name)


def end_faults(config):
    """What is wrong with the ids that end a text: a list of clauses."""
    ends, size = config.get("eos_token_id"), config["vocab_size"]
    ids = ends if isinstance(ends, list) else [] if ends is None else [ends]
    right = all(isinstance(x, int) and not isinstance(x, bool) and 0 <= x < size for x in ids)
    if right and ends != []:
        return []
    return [
        f"eos_token_id is {shortened_json(ends)}, not the id of one of vocab_size tokens or a list "
        "of such"
    ]


def optional_part(name, variable, *arguments, **options):
    """`{name: Part}` of a variable; nothing where it is None, as a bias may be."""
    return {} if variable is None else {name: Part(variable, *arguments, **options)}
