"""Small language models of random weights, and their artifacts, made once."""

import warnings

import keras

from keras_attention import export
from keras_attention.artifacts.precision_loss import PrecisionWarning
from keras_attention.models import GPT, Llama
from keras_attention.text.tokenizers import language_model_tokenizer
from keras_attention.token_ids import SpecialIds

CONTEXT = 160  # room for both lengths of `prefill_N`
SIZES = dict(num_layers=2, num_heads=2, hidden_dim=16, max_sequence_length=CONTEXT)
STOP = "\x7f"
# Padding is a token like any other, which this model writes often: "<".
SPECIAL = SpecialIds(padding=60, unknown=None, start=None, end=256)
# Of different lengths: `prefill_16` alone, both, and neither.
PROMPTS = ["To be, or not", "a", "é 👍", "x" * 20, "Half of the rows go on. " * 6]
TEXTS = [*PROMPTS, "The quick brown fox jumps over the lazy dog. " * 3]


def tokenizer():
    return language_model_tokenizer("bytes")()


def small_gpt():
    """With one layer that sees five tokens; logits far enough apart for all runtimes."""
    return _spread(
        GPT(
            tokenizer().vocabulary_size,
            **SIZES,
            attention_types=("global", "local"),
            sliding_window=5,
            special_ids=SPECIAL,
        )
    )


def local_gpt():
    """One layer, which sees five tokens."""
    sizes = {**SIZES, "num_layers": 1}
    local = dict(attention_types=("local",), sliding_window=5)
    return _spread(GPT(tokenizer().vocabulary_size, **sizes, **local, special_ids=SPECIAL))


def short_gpt():
    """One layer, with a context that is no multiple of a length of `prefill_N`."""
    sizes = {**SIZES, "num_layers": 1, "max_sequence_length": 28}
    return _spread(GPT(tokenizer().vocabulary_size, **sizes, special_ids=tokenizer().special_ids))


def small_llama(context=CONTEXT):
    """One layer, with two query heads for one of keys and values."""
    sizes = {**SIZES, "num_layers": 1, "max_sequence_length": context}
    return _spread(
        Llama(
            tokenizer().vocabulary_size,
            **sizes,
            num_key_value_heads=1,
            intermediate_dim=24,
            special_ids=tokenizer().special_ids,
        )
    )


def _spread(model):
    random = keras.random.SeedGenerator(3)
    for weight in model.weights:
        if len(weight.shape) > 1:
            weight.assign(keras.random.normal(weight.shape, stddev=0.4, seed=random))
    return model


def exported(once, name, make, **options):
    """The artifact of `make()`, in a folder of this name."""

    def write(folder):
        with warnings.catch_warnings():
            # On so few texts a rounded weight may cost more than the bound.
            warnings.simplefilter("ignore", PrecisionWarning)
            export(make(), folder / "artifact", tokenizer(), examples=TEXTS, **options)

    return once(f"language_model_{name}", write) / "artifact"


def greedy_artifact(once):
    """Of `small_gpt`, in all formats of every task, with a stop."""
    return exported(once, "greedy", small_gpt, search={"stop": [STOP]})


def sampling_artifact(once):
    """Of `small_llama`, which samples."""
    search = dict(sample=True, temperature=0.9, top_k=40, top_p=0.95, repetition_penalty=1.2)
    return exported(once, "sampling", small_llama, search=search)


def bundle_artifact(once):
    """Of `local_gpt`, for LiteRT-LM."""
    return exported(once, "bundle", local_gpt, formats=("tflite", "litertlm"))
