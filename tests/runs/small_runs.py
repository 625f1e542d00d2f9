"""Runs that load in a tenth of a second: tiny, untrained models in whole run directories."""

import json

from keras_attention.models import BertEncoder, Classifier
from keras_attention.runs.run_directory import save_model_atomically
from keras_attention.text import WordPieceTokenizer
from keras_attention.text.tokenizers.wordpiece_vocabulary import SPECIAL_TOKENS
from tests.tasks.small_translator import small_translator, tokenizer

TEXTS = ["three hundred and two", "on monday"]
LABELS = ["bad", "good", "unknown"]


def make_translator_run(path):
    """A translator of one layer."""
    return _make(path, small_translator(), tokenizer(), {"kind": "translator", "decoding": {}})


def word_piece():
    """A vocabulary of letters and two words."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*letters, *(f"##{letter}" for letter in letters), "three", "monday"]
    return WordPieceTokenizer([*SPECIAL_TOKENS, *pieces])


def make_classifier_run(path):
    """A classifier of three labels."""
    encoder = BertEncoder(
        vocabulary_size=word_piece().vocabulary_size,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=8,
        max_sequence_length=24,
    )
    config = dict(kind="classifier", labels=LABELS, max_sequence_length=24, pair_column=None)
    return _make(path, Classifier(encoder, len(LABELS)), word_piece(), config)


def _make(path, model, tokenizer, config):
    path.mkdir()
    tokenizer.save(path / "tokenizer")
    (path / "config.json").write_text(json.dumps(config))
    save_model_atomically(model, path / "model.keras")
    return path
