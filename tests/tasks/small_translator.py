"""A translator that exports in seconds: for the tests of what happens when an export fails."""

import functools

import keras

from keras_attention.models import TransformerTranslator
from keras_attention.text import TranslationTokenizer, phrase_corpus, train_sentencepiece

TEXTS = phrase_corpus(6, split="test")[0]


@functools.cache
def tokenizer():
    sources, targets = phrase_corpus(200)
    return TranslationTokenizer(train_sentencepiece([*sources, *targets], 200))


def small_translator(seed=0, max_sequence_length=12):
    """One layer of width 16, untrained."""
    keras.utils.set_random_seed(seed)
    return TransformerTranslator(
        vocabulary_size=tokenizer().source.vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=16,
        max_sequence_length=max_sequence_length,
    )
